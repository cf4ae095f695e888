"""Checked by mypy, never run: a declaration's constructors, whose classes are not dataclasses."""

from typing import Literal

from openenv_tasksets.declaration import ColumnArgument, Frameworks, Limits, OpenEnvRuntime, TaskDeclaration

argument = ColumnArgument(column="question", form="bytes")
form: Literal["data_uri", "bytes", "pil"] | None = argument.form
task: TaskDeclaration = TaskDeclaration(reset={"prompt": argument}, limits=Limits(max_steps=1)).replace(id="key")
runtime: OpenEnvRuntime | None = Frameworks.from_dict({}).openenv

ColumnArgument()  # type: ignore[call-arg]
ColumnArgument("question")  # type: ignore[call-arg]
ColumnArgument(colum="question")  # type: ignore[call-arg]
ColumnArgument(column=3)  # type: ignore[arg-type]
ColumnArgument(column="question", form="png")  # type: ignore[arg-type]
Frameworks(foreign={})  # type: ignore[call-arg]
argument.column = "answer"  # type: ignore[misc]
