"""SHA-256 of local files, remembered for as long as they are not written to."""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from openenv_tasksets.loaders.cache_folder import replace_file
from openenv_tasksets.loaders.files import SourceFile

_BLOCK_BYTES = 1 << 20
# A file that was written to a moment ago may be written to again within the same tick of its clock.
_SETTLED_NS = 2_000_000_000


class FileDigests:
    """What is known of files in a folder of the user's cache. What cannot be written there is not remembered.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(self, file: SourceFile) -> bytes | None:
        """The digest of the file, where it was computed since it was last written to."""
        try:
            content = self._record(file).read_bytes()
        except OSError:
            return None
        stamp, digest = content[:-32], content[-32:]
        return digest if stamp == _stamp(file) else None

    def compute(self, file: SourceFile, advance: Callable[[int], object]) -> bytes:
        """The digest of the file, which is read for it.

        Args:
            file: The file.
            advance: Called with the number of bytes after each part.

        Raises:
            SourceChanged: The file is no longer the one that was opened.
            SourceError: It cannot be read any more.
        """
        file.check()
        began_ns = time.time_ns()
        stamp = _stamp(file)
        digest = hashlib.sha256()
        for start in range(0, file.size, _BLOCK_BYTES):
            block = file.read(start, min(start + _BLOCK_BYTES, file.size))
            digest.update(block)
            advance(len(block))
        if stamp is not None and stamp == _stamp(file) and file.mtime_ns + _SETTLED_NS < began_ns:
            with suppress(OSError):
                replace_file(self._record(file), stamp + digest.digest())
        return digest.digest()

    def _record(self, file: SourceFile) -> Path:
        name = hashlib.blake2b(os.fsencode(file.path.absolute()), digest_size=16).hexdigest()
        return self._folder / name[:2] / name


def _stamp(file: SourceFile) -> bytes | None:
    """What changes whenever the file is written to, its times being set back or not."""
    try:
        status = file.path.stat()
    except OSError:
        return None
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return " ".join(map(str, numbers)).encode()
