"""What looks like a secret in something that is about to be published: named by kind and place, never shown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import re2

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.loaders.rows import Row

MOST_FINDINGS = 20

_PATTERNS = {
    "a Hugging Face token": rb"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{30,}(?![A-Za-z0-9])",
    "an OpenAI or Anthropic key": (rb"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{32,}"),
    "an AWS access key": rb"(?<![A-Za-z0-9])AKIA[0-9A-Z]{16}(?![A-Za-z0-9])",
    "a private key": rb"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----",
    "a GitHub token": rb"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a Slack token": rb"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}",
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}

# All of them at once, without their boundaries: a gigabyte takes two seconds.
_OPTIONS = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_ANY = re2.compile(
    rb"hf_[A-Za-z0-9]{30}|sk-[A-Za-z0-9_-]{32}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----"
    rb"|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40}|xox[abeoprs]-[A-Za-z0-9-]{10}",
    _OPTIONS,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks like a secret.

    Attributes:
        kind: What it looks like: ``a GitHub token``.
        where: File and line, or split, row and column.
    """

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}"


class SecretFound(TasksetError):
    """Something that looks like a secret would have been published; nothing was.

    Attributes:
        findings: The first of them, at most ``MOST_FINDINGS``.
    """

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(
            f"nothing was pushed, because of what looks like a secret:\n{lines}\n"
            "Remove it, and revoke it if it is a real one; where it is harmless (an example in documentation, say), "
            "allow_secrets pushes it all the same"
        )


def scan_text(data: bytes, name: str) -> Iterator[Finding]:
    """Look through a text file, line by line."""
    for number, line in enumerate(data.splitlines(), start=1):
        for kind in _kinds(line):
            yield Finding(kind, f"{name}, line {number}")


def scan_table(table: pa.Table, split: str, first_row: int) -> Iterator[Finding]:
    """Look through every text of a table, at every depth.

    Args:
        table: Some rows of a split.
        split: Its name.
        first_row: The split's row that the table starts with.
    """
    for name, column in zip(table.column_names, table.columns, strict=True):
        if any(_ANY.search(text) for chunk in column.chunks for text in _texts(chunk)):
            # Only now value by value: side by side in memory, two of them may look like one secret.
            for place, value in enumerate(column.to_pylist()):
                yield from scan_row({name: value}, split, first_row + place)


def scan_row(row: Row, split: str, number: int) -> Iterator[Finding]:
    """Look through every text of one row."""
    for name, value in row.items():
        for kind in dict.fromkeys(_kinds_within(value)):
            yield Finding(kind, f"split {split!r}, row {number}, column {name!r}")


def _kinds(text: bytes) -> list[str]:
    if not _ANY.search(text):
        return []
    return [kind for kind, pattern in _COMPILED.items() if pattern.search(text)]


def _kinds_within(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _kinds(value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _kinds_within(name)
            yield from _kinds_within(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _kinds_within(member)


def _texts(array: pa.Array) -> Iterator[bytes]:
    """The bytes of all texts below an array, one value behind the other."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _texts(array.storage)
    elif pa.types.is_dictionary(kind):
        yield from _texts(array.dictionary)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = array.cast(pa.large_string())
        _, offsets, data = texts.buffers()
        if data is not None and len(texts):
            bounds = memoryview(offsets).cast("b").cast("q")
            yield memoryview(data)[bounds[texts.offset] : bounds[texts.offset + len(texts)]].tobytes()
    elif pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _texts(child)
    elif pa.types.is_map(kind):
        yield from _texts(array.keys)
        yield from _texts(array.items)
    elif hasattr(kind, "value_field"):
        yield from _texts(array.flatten())
