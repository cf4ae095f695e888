"""Declarations as text: the corpus of good and bad files, and the least one."""

from pathlib import Path
from typing import Any

from openenv_tasksets.declaration import Declaration
from openenv_tasksets.declaration_file import parse_declaration

CORPUS = Path(__file__).parents[1] / "tasksets" / "corpus"
GOOD = sorted((CORPUS / "good").glob("*.yaml"))
BAD = sorted((CORPUS / "bad").glob("*.yaml"))
HEAD = "spec_version: hf-rl-env-0.1\nenvironments:\n- id: a\n  frameworks: {v: {}}\n"


def parse(text: bytes | str) -> Declaration:
    """What the text of an ``environment.yaml`` declares."""
    return parse_declaration(text if isinstance(text, bytes) else text.encode(), "environment.yaml")


def corpus(name: str) -> Declaration:
    """What a file of the corpus declares, as ``corpus("good/design")``."""
    return parse((CORPUS / f"{name}.yaml").read_bytes())


def changed(declaration: Declaration, **values: Any) -> Declaration:
    """A copy whose first environment has other values."""
    first, *others = declaration.environments
    return declaration.replace(environments=(first.replace(**values), *others))
