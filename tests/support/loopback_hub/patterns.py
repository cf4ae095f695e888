"""Which files git and the Hub store as large files, and which they ignore."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

MAX_REGULAR_BYTES = 10 * 1024 * 1024
"""A larger file must be stored as a large file."""

DEFAULT_ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"
    for pattern in (
        *("*.7z", "*.arrow", "*.avro", "*.bin", "*.bz2", "*.gz", "*.h5", "*.lz4", "*.mds", "*.msgpack", "*.npy"),
        *("*.npz", "*.onnx", "*.parquet", "*.pickle", "*.pkl", "*.pt", "*.rar", "*.safetensors", "*.tar", "*.tar.*"),
        *("*.tgz", "*.wasm", "*.xz", "*.zip", "*.zst", "saved_model/**/*", "*.wav", "*.mp3", "*.flac", "*.mp4"),
        *("*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.webm"),
    )
)
"""The ``.gitattributes`` of a new repository."""


def is_binary(sample: bytes) -> bool:
    """Whether the first bytes of a file are not text."""
    if b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as exc:
        # The sample may end in the middle of a character.
        return exc.end < len(sample) or exc.reason != "unexpected end of data"
    return False


def is_large(path: str, sample: bytes, size_bytes: int, attributes: str) -> bool:
    """Whether the Hub wants this file as a large file.

    Args:
        path: The file's path in the repository.
        sample: The file's first bytes.
        size_bytes: The file's length; an empty file is always regular.
        attributes: Text of the repository's ``.gitattributes``.
    """
    if size_bytes == 0:
        return False
    return size_bytes > MAX_REGULAR_BYTES or _has_lfs_filter(path, attributes) or is_binary(sample)


def _has_lfs_filter(path: str, attributes: str) -> bool:
    large = False
    for pattern, *values in _rules(attributes):
        if _matches(pattern, path):
            for value in values:
                if value == "filter=lfs":
                    large = True
                elif value.lstrip("-!").partition("=")[0] == "filter":
                    large = False
    return large


def is_ignored(path: str, ignore_rules: str) -> bool:
    """Whether a ``.gitignore`` with this text ignores the file: the last rule that matches decides."""
    ignored = False
    for line in ignore_rules.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        wanted = not rule.startswith("!")
        pattern = rule.removeprefix("!")
        folders = list(_folders(path))
        candidates = folders if pattern.endswith("/") else [*folders, path]
        if any(_matches(pattern.rstrip("/"), candidate) for candidate in candidates):
            ignored = wanted
    return ignored


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    for end in range(1, len(parts)):
        yield "/".join(parts[:end])


def _rules(text: str) -> Iterator[Sequence[str]]:
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


def _matches(pattern: str, path: str) -> bool:
    """A pattern without a slash matches the file's name, one with a slash its path."""
    subject = path if "/" in pattern else path.rpartition("/")[2]
    return _compiled(pattern.removeprefix("/")).fullmatch(subject) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", pattern)
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            wildcards.get(token) or (token.replace("[!", "[^") if len(token) > 1 else re.escape(token))
            for token in tokens
        )
    )
