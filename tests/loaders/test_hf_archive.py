"""Rows of tar files: those of ``datasets``, with sounds and films as bytes."""

import json

import datasets
import pytest
from datasets import Image, Value
from media_files import make_tar, png

from openenv_tasksets.loaders.hf_archive import archive_rows


def by_datasets(paths):
    """Every row as ``datasets`` gives it, images not decoded, and without where the archive is."""
    loaded = datasets.load_dataset("webdataset", data_files={"train": paths}, split="train")
    for name, feature in loaded.features.items():
        if isinstance(feature, Image):
            loaded = loaded.cast_column(name, Image(decode=False))
    return list(loaded.remove_columns("__url__"))


def rows_of(paths):
    rows = archive_rows(paths)
    for name, feature in rows.features.items():
        if isinstance(feature, Image):
            rows = rows.cast_column(name, Image(decode=False))
    return list(rows)


def test_the_rows_are_those_of_datasets_archive_by_archive(tmp_path):
    shards = [
        {
            f"{start + n:03}.{ending}": content
            for n in range(3)
            for ending, content in {
                "png": png((start, n, 0)),
                "json": json.dumps({"n": n, "tags": ["a", str(n)]}).encode(),
                "txt": f"é {n}".encode(),
                "cls": str(n).encode(),
                "left.jpg": png((0, 0, n)),
            }.items()
        }
        for start in (100, 0)
    ]
    paths = [make_tar(tmp_path / f"{name}.tar", members) for name, members in zip("ab", shards, strict=True)]

    rows = rows_of(paths)

    assert archive_rows(paths).features["png"] == Image()
    assert rows == by_datasets(paths)
    assert [row["__key__"] for row in rows] == ["100", "101", "102", "000", "001", "002"]
    assert str(tmp_path) not in str(rows)


@pytest.mark.parametrize("ending", ["wav", "mp3", "flac", "mp4", "mkv"])
def test_sounds_and_films_are_left_as_they_are(tmp_path, ending):
    path = make_tar(tmp_path / "a.tar", {f"{n}.{part}": b"%d" % n for n in range(3) for part in (ending, "cls")})

    rows = archive_rows([path])

    assert rows.features[ending] == {"bytes": Value("binary"), "path": Value("string")}
    assert list(rows) == [
        {ending: {"bytes": b"%d" % n, "path": f"{n}.{ending}"}, "cls": n, "__key__": str(n)} for n in range(3)
    ]


def test_a_sound_that_a_late_row_lacks_is_none(tmp_path):
    members = {f"{n}.{part}": b"1" for n in range(9) for part in ("wav", "cls") if (n, part) != (8, "wav")}

    rows = list(archive_rows([make_tar(tmp_path / "a.tar", members)]))

    assert [row["wav"] is None for row in rows] == [False] * 8 + [True]
