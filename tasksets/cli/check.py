"""What ``tasksets validate`` looks at: the text, the environment, the columns, and rows; every mistake is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from openenv_tasksets.answer import Answer
from openenv_tasksets.cli.console import ignored_keys
from openenv_tasksets.declaration import Declaration, EnvironmentDeclaration, OpenEnvRuntime
from openenv_tasksets.declaration_file import line_of
from openenv_tasksets.environment import accepts, check_arguments
from openenv_tasksets.installed import find_environment, find_server
from openenv_tasksets.loaders.errors import DeclarationError, RowError, TasksetError
from openenv_tasksets.loaders.spelling import nearest
from openenv_tasksets.open_taskset import open_taskset, read_declared
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task
from openenv_tasksets.wire_value import FRAME_BYTES, NoWireForm, wire_bytes

_MOST_ROW_ERRORS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake.

    Attributes:
        file: The declaration's file as the user gave it.
        line: 1-based line in it; None where no line is at fault.
        path: Field path; empty for the whole file.
        message: What is wrong.
    """

    file: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """A split that could be opened.

    Attributes:
        environment: The environment's id.
        split: The split's name.
        type: train, validation or test.
        tasks: How many there are; None where there is no end to them.
        checked: How many rows were bound.
        columns: The columns that are read.
        visible: reset() arguments that the agent may see.
        hidden: The other bound arguments.
        public: What the Task API shows beside the task's own keys.
    """

    environment: str
    split: str
    type: str
    tasks: int | None
    checked: int
    columns: tuple[str, ...]
    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    public: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; ``notes`` say what was not looked at, or is ignored."""

    findings: list[Finding] = field(default_factory=list)
    splits: list[SplitSummary] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_text(target: str, *, environment: str | None = None) -> Report:
    """Only the file's text.

    Args:
        target: As for ``check``.
        environment: One that there must be; None asks for none.

    Raises:
        SelectionError: No such environment.
    """
    try:
        declaration = read_declared(target).declaration
    except DeclarationError as exc:
        return Report(list(_findings(exc, target)))
    if environment is not None:
        declaration.environment(environment)
    return Report(notes=ignored_keys(declaration))


def check(target: str, *, environment: str | None, data_dir: Path | None, most_rows: int | None) -> Report:
    """The text; then, where that is right, the environments and the rows.

    Args:
        target: A folder with environment.yaml, that file, or a reference.
        environment: Only this one; None checks all, or the one that the reference names.
        data_dir: The folder with the row files; None is the declaration's own.
        most_rows: How many rows of each split are bound; None binds all and looks for double ids.

    Raises:
        SelectionError: No such environment.
    """
    try:
        declared = read_declared(target)
    except DeclarationError as exc:
        return Report(list(_findings(exc, target)))
    declaration = declared.declaration
    wanted = environment or declared.environment
    report = Report(notes=ignored_keys(declaration))
    for each in declaration.environments if wanted is None else (declaration.environment(wanted),):
        _Check(report, declaration, each, declared.target).run(data_dir, most_rows)
    return report


class _Check:
    """The checks of one environment."""

    def __init__(
        self, report: Report, declaration: Declaration, environment: EnvironmentDeclaration, target: str | Path
    ) -> None:
        self.report = report
        self.declaration = declaration
        self.environment = environment
        self.target = target
        self.can_be_made = False
        self.too_large: set[str] = set()
        self.field = f"environments[{declaration.environments.index(environment)}]"

    def run(self, data_dir: Path | None, most_rows: int | None) -> None:
        runtime = self.environment.frameworks.openenv
        if runtime is None:
            self.note("it has no frameworks.openenv: only its text was checked")
            return
        installed = None
        if runtime.package is None:
            self.note("it runs from an image or a Space: whether it takes the arguments was not checked")
        else:
            installed = self.installed(runtime)
        try:
            taskset = open_taskset(self.target, environment=self.environment.id, data_dir=data_dir)
        except TasksetError as exc:
            self.found(exc, self.field)
            return
        for name in taskset:
            try:
                split = taskset.split(name)
            except TasksetError as exc:
                self.found(exc, self.field)
            else:
                self.rows(split, most_rows, installed)

    def installed(self, runtime: OpenEnvRuntime) -> type[Any] | None:
        """The environment's class, which was also made once where it needs no secret; None where there is none."""
        try:
            if find_server(self.environment) is not None:
                self.note("its package brings a server: whether that takes the arguments is seen when it is started")
                return None
            environment = find_environment(self.environment)
        except TasksetError as exc:
            self.found(exc, f"{self.field}.frameworks.openenv")
            return None
        if runtime.secrets:
            self.note("it wants secrets: whether it can be made was not checked")
            return environment
        try:
            environment(**runtime.arguments).close()
            self.can_be_made = True
        except Exception as exc:  # noqa: BLE001 - somebody else's code; what it says of its arguments is the finding
            self.found(
                TasksetError(f"the environment cannot be made: {type(exc).__name__}: {exc}"),
                f"{self.field}.frameworks.openenv.arguments",
            )
        return environment

    def fits_a_frame(self, task: Task) -> None:
        """Note the first task of a split that is too large for a frame."""
        if task.split in self.too_large:
            return
        try:
            size = wire_bytes(task.arguments())
        except NoWireForm as exc:
            self.too_large.add(task.split)
            self.note(f"split {task.split!r}, index {task.index}: an argument has no wire form ({exc})")
            return
        if size > FRAME_BYTES:
            self.too_large.add(task.split)
            self.note(
                f"split {task.split!r}, index {task.index}: its arguments are {size / 2**20:.1f} MiB on the wire, "
                f"where a frame holds {FRAME_BYTES // 2**20}: an environment behind a URL cannot be reset to it"
            )

    def rows(self, split: Split, most_rows: int | None, environment: type[Any] | None) -> None:
        """Bind rows of one split; what its summary says is taken from the first that can be bound."""
        if most_rows is None and split.size is None:
            self.note(f"split {split.name!r} has no end: only its first 100 rows were bound")
            most_rows = 100
        count = len(split) if most_rows is None else min(most_rows, len(split.indices))
        first: Task | None = None
        bound: set[str] = set()
        errors = 0
        for index in self.progress(count, split.name):
            try:
                task = split.task(index)
            except RowError as exc:
                errors += 1
                if errors <= _MOST_ROW_ERRORS:
                    self.found(exc, f"{self.field}.task")
                continue
            bound.update(task.arguments())
            self.fits_a_frame(task)
            if first is None:
                first = task
                self.takes(environment, task)
        if errors > _MOST_ROW_ERRORS:
            more = f"{errors - _MOST_ROW_ERRORS:,} more rows of split {split.name!r} cannot be bound"
            self.found(TasksetError(more), f"{self.field}.task")
        self.is_bound(bound, f"none of the {count:,} rows looked at of split {split.name!r}")
        if most_rows is None and count and not errors:
            self.unique_ids(split)
        self.report.splits.append(
            SplitSummary(
                environment=self.environment.id,
                split=split.name,
                type=split.type,
                tasks=split.size,
                checked=count,
                columns=split.binding.columns,
                visible=() if first is None else tuple(first.visible),
                hidden=() if first is None else tuple(first.hidden.reveal()),
                public=tuple(split.binding.public),
            )
        )

    def takes(self, environment: type[Any] | None, task: Task) -> None:
        """Whether reset() takes a task's arguments; ``answer``, which touches nothing else, is also called."""
        if environment is None:
            return
        try:
            check_arguments(accepts(environment.reset, skip_self=True), task.arguments(), environment.__name__)
            if environment is Answer and self.can_be_made:
                self.reset_answer(task)
        except TasksetError as exc:
            self.found(exc, f"{self.field}.task.reset")

    def reset_answer(self, task: Task) -> None:
        runtime = self.environment.frameworks.openenv
        answer = Answer(**({} if runtime is None else runtime.arguments))
        try:
            answer.reset(**task.arguments())
        except Exception as exc:
            # Only what is raised on purpose holds no hidden value.
            reason = exc.message if isinstance(exc, TasksetError) else type(exc).__name__
            raise TasksetError(
                f"split {task.split!r}, row {task.row}: environment 'answer' does not take the task: {reason}"
            ) from exc

    def is_bound(self, bound: set[str], nowhere: str) -> None:
        """Whether what is declared visible exists: rows may bring arguments of their own, which no text names."""
        declared = self.environment.task
        for number, name in enumerate(() if declared is None else declared.visible):
            if bound and name not in bound:
                self.found(
                    TasksetError(f"{nowhere} has an argument {name!r}{nearest(name, sorted(bound))}"),
                    f"{self.field}.task.visible[{number}]",
                )

    def unique_ids(self, split: Split) -> None:
        try:
            split.index_of(split.task(0).id)
        except RowError as exc:
            self.found(exc, f"{self.field}.task.id")

    def progress(self, count: int, split: str) -> Iterator[int]:
        # Only on a terminal, and only once it has taken a second.
        yield from tqdm(range(count), desc=f"{split}: check", unit=" rows", delay=1, disable=None)

    def found(self, exc: TasksetError, where: str) -> None:
        if isinstance(exc, DeclarationError):
            self.report.findings.extend(_findings(exc, self.target))
        else:
            line = line_of(self.declaration, where)
            file = self.declaration.source or str(self.target)
            self.report.findings.append(Finding(file, line, where, exc.message))

    def note(self, text: str) -> None:
        self.report.notes.append(f"environment {self.environment.id!r}: {text}")


def _findings(exc: DeclarationError, target: str | Path) -> Iterator[Finding]:
    for issue in exc.issues:
        yield Finding(exc.source or str(target), issue.line, issue.path, issue.message)
