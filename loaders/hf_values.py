"""Values as ``datasets`` keeps them in Arrow, made into what a row holds.

Nothing is decoded that needs a decoder: an image or a sound is a struct of ``bytes`` and ``path``, as it is in
the Parquet files of the Hub. Where ``datasets`` keeps only a path, the file is read.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.files import SourceFile, SourceFiles

Finish = Callable[[Any], Any]


class MediaFiles:
    """Reads the files that media columns name.

    Args:
        files: The only ones that may be read; None reads any that the column of a dataset in memory names.
    """

    def __init__(self, files: SourceFiles | None) -> None:
        known = {os.path.abspath(file.path): file for file in files or ()}
        self._files: Mapping[str, SourceFile] | None = None if files is None else known

    def finish(self, value: Any) -> Any:
        """The struct with its bytes.

        Raises:
            SourceError: Its file cannot be read, or is none of the split's.
            SourceChanged: Its file is no longer the one that was opened.
        """
        if value is None:
            return None
        content, path = value["bytes"], value["path"]
        if content is None and path is not None:
            content = self._read(path)
        # The folder is this machine's; where the bytes were in an archive, the path is the archive's.
        name = os.path.basename(path) if path is not None and os.path.isabs(path) else path
        return {"bytes": content, "path": name}

    def _read(self, path: str) -> bytes:
        if self._files is None:
            try:
                return Path(path).read_bytes()
            except OSError as exc:
                raise SourceError(f"{path}: cannot be read: {exc.strerror}") from exc
        file = self._files.get(os.path.abspath(path))
        if file is None:
            raise SourceError(f"{os.path.basename(path)}: a row names it, but it is no file of this split")
        return file.read(0, file.size)


def finisher(feature: Any, media: MediaFiles) -> Finish | None:
    """What to do with each value of a column; None where Arrow's own value is right.

    Args:
        feature: What ``datasets`` says of the column.
        media: Reads the files that it names.
    """
    if isinstance(feature, dict):
        inner = {name: finisher(member, media) for name, member in feature.items()}
        return _of_struct({name: finish for name, finish in inner.items() if finish is not None})
    items = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    if items is not None:
        finish = finisher(items, media)
        return None if finish is None else _nullable(lambda values: [finish(value) for value in values])
    if type(feature).__name__ == "Json":
        return _nullable(msgspec.json.decode)
    return media.finish if hasattr(feature, "decode_example") else None


def _of_struct(inner: Mapping[str, Finish]) -> Finish | None:
    def finish(value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: inner[name](member) if name in inner else member for name, member in value.items()}

    return _nullable(finish) if inner else None


def _nullable(finish: Finish) -> Finish:
    return lambda value: None if value is None else finish(value)
