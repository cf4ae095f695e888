"""Sizes as people write them, and files that are seen whole or not at all."""

import stat

import pytest

from openenv_tasksets.loaders.cache_folder import limit_from_environment, make_folder, parse_size, replace_file
from openenv_tasksets.loaders.errors import SourceError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("123", 123),
        ("500M", 500 << 20),
        ("1.5k", 1536),
        (" 20 GiB ", 20 << 30),
        ("2TB", 2 << 40),
        ("7 B", 7),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1 X", "G", "1e9", "1 G G"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size such as 500M, 20G or 0"):
        parse_size(text)


def test_the_variable_is_named_where_it_is_wrong(monkeypatch):
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE_LIMIT", "much")
    with pytest.raises(SourceError, match="OPENENV_TASKSETS_CACHE_LIMIT: 'much' is not a size"):
        limit_from_environment()
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE_LIMIT", "")
    assert limit_from_environment() is None


def test_folders_are_for_the_user_alone_and_others_stay_as_they_are(tmp_path):
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a/b")
    replace_file(tmp_path / "a/c/file", b"one")
    replace_file(tmp_path / "a/c/file", b"two")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, *tmp_path.rglob("*"))}
    assert modes == {tmp_path.name: 0o755, "a": 0o700, "b": 0o700, "c": 0o700, "file": 0o600}
    assert (tmp_path / "a/c/file").read_bytes() == b"two"


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
