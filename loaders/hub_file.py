"""A file of a repository as the Hub lists it, and whether some bytes are that file."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository at a commit.

    Attributes:
        path: Relative to the repository's root, with forward slashes.
        size: Bytes.
        git_sha1: Git's own hash: of the content, or of the pointer where the content is kept outside of git.
        sha256: SHA-256 of content kept outside of git; None for a small file, which git holds itself.
    """

    path: str
    size: int
    git_sha1: str
    sha256: str | None

    @property
    def digest(self) -> str:
        """The hash that the content must have: SHA-256, else git's own SHA-1."""
        return self.sha256 or self.git_sha1

    def is_at(self, path: Path) -> bool:
        """Whether the bytes of ``path`` are this file's; reads it once.

        Raises:
            OSError: It cannot be read.
        """
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != self.size:
                return False
            if self.sha256 is not None:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
            blob = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
            return hashlib.file_digest(stream, lambda: blob).hexdigest() == self.git_sha1
