"""From a listing of paths to splits: which files hold which split, as ``datasets`` and the Hub decide it.

Three voices, the first that speaks decides: ``data_files`` given outright; the ``configs`` of the dataset
card; the naming conventions, which are, again first match first:

- ``data/{split}-00000-of-00003.parquet``, any split name;
- a folder named after a split (``train/``, ``data-test/``, ``val_2/``);
- a file named after a split (``train.jsonl``, ``my-test-00.csv``);
- else every file is "train".

A folder that ``Dataset.save_to_disk`` wrote tells its splits by its folders: ``train/data-00000-of-00001.arrow``.

Text, tar, image and audio files often only lie about: beside tables (Parquet, JSON, CSV, TSV, Arrow) they are left
out where ``datasets`` would leave them out, because the most common extension is a table's. Where it would
guess on, this module asks: a split whose files are of two formats is an error, and only files of a supported
format have a say.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from openenv_tasksets.loaders.card import SPLIT_NAME, choose_config
from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.file_pattern import checked_path, has_magic, is_plain_data, select
from openenv_tasksets.loaders.spelling import listing, nearest

_FORMATS = {
    ".parquet": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".arrow": "arrow",
    ".txt": "text",
    ".tar": "webdataset",
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"), "image"),
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg", ".opus", ".aiff"), "audio"),
}
_COMPRESSED = frozenset({"json", "csv", "tsv", "text"})
_TABLES = frozenset({"parquet", "json", "csv", "tsv", "arrow"})
MEDIA = frozenset({"image", "audio"})
"""Formats of which each file is one row; ``METADATA_NAMES`` beside them hold the other columns."""
METADATA_NAMES = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})
# How `datasets` breaks a tie between extensions, the strongest last.
_FAVOURITES = (".csv", ".json", ".jsonl", ".arrow", ".parquet")

_SAVED = r"(?:(.+)/)?data-[0-9]{5}-of-[0-9]{5}\.arrow"

_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SEPARATOR = "[-._ 0-9]"
_SHARD = re.compile(r"data/([^/]+)-[0-9]{5}-of-[0-9]{5}[^/]*\.[^/]*")

# In the order in which `datasets` tries them: it is the order of the files, and so of the rows.
_FOLDER = ("{keyword}", "{keyword}{sep}.*", ".*{sep}{keyword}", ".*{sep}{keyword}{sep}.*")
_FILE = ("{keyword}{sep}.*", ".*{sep}{keyword}{sep}.*")

Splits = dict[str, tuple[str, ...]]


def file_format(path: str) -> str | None:
    """``parquet``, ``json``, ``csv``, … by the file's name; None where it holds no rows."""
    extension = _extension(path)
    return None if extension is None else _FORMATS[extension]


def split_format(files: Sequence[str]) -> str | None:
    """The one format of a split's files; None where they are of several, or one of them holds no rows."""
    formats = {file_format(path) for path in _without_metadata(files)}
    return next(iter(formats)) if len(formats) == 1 else None


def _extension(path: str) -> str | None:
    plain = path.removesuffix(".gz")
    _, dot, ending = plain.rpartition(".")
    suffix = dot + ending
    # Cameras write .JPG; of all else, the capital forms are not rows to `datasets` either.
    for extension in (suffix, suffix.lower()) if dot else ():
        name = _FORMATS.get(extension)
        if name is not None and (extension == suffix or name in MEDIA) and (plain == path or name in _COMPRESSED):
            return extension
    return None


def _without_metadata(files: Sequence[str]) -> list[str]:
    """The files that are rows: those that only describe images or sounds beside them are not."""
    if not any(file_format(path) in MEDIA for path in files):
        return list(files)
    return [path for path in files if path.rpartition("/")[2] not in METADATA_NAMES]


def split_files(
    paths: Sequence[str],
    *,
    card: str | None = None,
    config_name: str | None = None,
    data_files: Mapping[str, Sequence[str]] | None = None,
) -> Splits:
    """Which of the files hold which split.

    Args:
        paths: Every file there is, relative to the root and with forward slashes.
        card: Text of README.md, or None where there is none.
        config_name: A config of the card; None takes its default.
        data_files: Split to patterns; given, neither the card nor the names of the files matter.

    Returns:
        Split to files, both in the order of ``datasets``: patterns in the order given, files of a pattern
        sorted, no file twice.

    Raises:
        SourceError: A pattern or config that does not exist, a split in two formats, or no files at all.
    """
    if data_files is not None:
        splits = {split: _resolve(patterns, paths, split) for split, patterns in data_files.items()}
    else:
        config = choose_config(card, config_name)
        below = _below(config.data_dir, paths)
        if config.data_files is not None:
            splits = {split: _resolve(given, below, split) for split, given in config.data_files.items()}
        else:
            splits = _by_name(below, config.data_dir)
        if config.data_dir:
            splits = {split: tuple(f"{config.data_dir}/{path}" for path in files) for split, files in splits.items()}
    return {split: _of_one_format(split, files) for split, files in splits.items()}


def _below(folder: str, paths: Sequence[str]) -> list[str]:
    prefix = f"{folder}/" if folder else ""
    return [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]


def _resolve(patterns: Sequence[str], paths: Sequence[str], split: str) -> tuple[str, ...]:
    """The files of one split, by patterns or plain paths."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    files: dict[str, None] = {}
    for pattern in patterns:
        matched = select(pattern, paths)
        if not matched and not has_magic(pattern):
            raise SourceError(f"{pattern}: no such file (data_files of split {split!r}){_missing(pattern, paths)}")
        readable = [path for path in matched if file_format(path)]
        if matched and not readable:
            raise SourceError(f"{matched[0]}: not a file of rows; {_supported()}")
        files.update(dict.fromkeys(readable))
    if not files:
        given = ", ".join(map(repr, patterns))
        raise SourceError(f"split {split!r}: no file matches {given}. {listing(paths)}")
    return tuple(files)


def _missing(path: str, paths: Sequence[str]) -> str:
    folder = checked_path(path)
    if any(each.startswith(f"{folder}/") for each in paths):
        return f"; it is a folder: write '{folder}/**'"
    return nearest(path, paths)


def _by_name(paths: Sequence[str], folder: str) -> Splits:
    """Splits by the naming conventions."""
    data = sorted(path for path in paths if file_format(path) and is_plain_data(path))
    if not data:
        where = f" in {folder}" if folder else ""
        raise SourceError(f"no files of rows{where}; {_supported()}. {listing(paths)}")
    return (
        _saved(data, frozenset(paths))
        or _sharded(data)
        or _named(data, _FOLDER, lambda path: path.split("/")[:-1])
        or _named(data, _FILE, lambda path: path.split("/")[-1:])
        or {"train": tuple(data)}
    )


def _saved(data: Sequence[str], paths: frozenset[str]) -> Splits:
    """Splits of a ``DatasetDict`` that was saved to disk; or one, of a ``Dataset``."""
    if "dataset_dict.json" not in paths and not {"state.json", "dataset_info.json"} <= paths:
        return {}
    splits: dict[str, list[str]] = {}
    for path in data:
        if (found := re.fullmatch(_SAVED, path)) and (found.group(1) is None) == ("state.json" in paths):
            splits.setdefault(found.group(1) or "train", []).append(path)
    return _known_first(splits)


def _sharded(data: Sequence[str]) -> Splits:
    splits: dict[str, list[str]] = {}
    for path in data:
        if found := _SHARD.fullmatch(path):
            splits.setdefault(found.group(1), []).append(path)
    for split, files in splits.items():
        if not SPLIT_NAME.fullmatch(split):
            raise SourceError(
                f"{files[0]}: {split!r} cannot name a split (letters, digits, '_' and '.' only); "
                "say with data_files which files are which split"
            )
    return _known_first(splits)


def _known_first(splits: Mapping[str, Sequence[str]]) -> Splits:
    known = [split for split in _KEYWORDS if split in splits]
    return {split: tuple(splits[split]) for split in [*known, *sorted(splits.keys() - _KEYWORDS.keys())]}


@cache
def _patterns(shapes: tuple[str, ...]) -> dict[str, list[re.Pattern[str]]]:
    """The patterns of each split's keywords, compiled when files are looked for by them."""
    return {
        split: [
            re.compile(shape.format(keyword=keyword, sep=_SEPARATOR), re.DOTALL)
            for keyword in keywords
            for shape in shapes
        ]
        for split, keywords in _KEYWORDS.items()
    }


def _named(data: Sequence[str], shapes: tuple[str, ...], parts: Callable[[str], Iterable[str]]) -> Splits:
    splits: Splits = {}
    for split, patterns in _patterns(shapes).items():
        files = [path for pattern in patterns for path in data if any(pattern.fullmatch(part) for part in parts(path))]
        if files:
            splits[split] = tuple(dict.fromkeys(files))
    return splits


def _of_one_format(split: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """The files without those that only lie beside them.

    Raises:
        SourceError: They are of several formats.
    """
    rows = _without_metadata(files)
    by_format: dict[str | None, str] = {}
    for path in rows:
        by_format.setdefault(file_format(path), path)
    if len(by_format) == 1:
        return files
    tables = by_format.keys() & _TABLES
    if len(tables) == 1 and _FORMATS[_most_common_extension(rows)] in tables:
        return tuple(path for path in rows if file_format(path) in tables)
    examples = " and ".join(f"{path} ({name})" for name, path in by_format.items())
    raise SourceError(
        f"split {split!r} has files of more than one format: {examples}; "
        f"say with data_files which are meant, as in {{{split}: {next(iter(by_format.values()))}}}"
    )


def _most_common_extension(files: Sequence[str]) -> str:
    counts = Counter(filter(None, map(_extension, files)))

    def rank(extension: str) -> tuple[int, int, str]:
        return counts[extension], _FAVOURITES.index(extension) if extension in _FAVOURITES else -1, extension

    return max(counts, key=rank)


def _supported() -> str:
    return f"rows are read from {', '.join(_FORMATS)} files (JSON, CSV, TSV and text also with .gz)"
