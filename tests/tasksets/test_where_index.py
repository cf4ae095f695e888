"""Results of filters on disk: read back, and made anew where they are not what they should be."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.where_index import index_folder, index_name, kept_rows

FLAGS = np.arange(1001) % 3 == 0
NAME = index_name(["fingerprint", "where"])


class Finding:
    """Counts how often rows are found."""

    def __init__(self, flags: np.ndarray = FLAGS) -> None:
        self.flags = flags
        self.times = 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return self.flags


def kept(folder: Path, find: Finding, name: str = NAME) -> list[bool]:
    return kept_rows(folder, name, len(find.flags), find).tolist()


@given(st.lists(st.booleans(), max_size=40))
def test_what_was_found_once_is_read_after(tmp_path_factory: pytest.TempPathFactory, flags: list[bool]) -> None:
    folder, find = tmp_path_factory.mktemp("index"), Finding(np.array(flags, dtype=bool))
    assert [kept(folder, find) for _ in range(3)] == [flags] * 3
    assert find.times == 1


def test_the_file_is_small_private_and_alone(tmp_path: Path) -> None:
    kept(tmp_path, Finding())
    [file] = tmp_path.iterdir()
    assert file.name == NAME
    assert file.stat().st_size < 1001 // 8 + 200
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("damage", ["cut", "name", "row", "digest", "empty", "other", "longer", "count"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    kept(tmp_path, Finding())
    path = tmp_path / NAME
    content = path.read_bytes()
    if damage == "other":
        kept(tmp_path, Finding(~FLAGS), index_name(["another"]))
        content = (tmp_path / index_name(["another"])).read_bytes()
    elif damage == "count":
        kept_rows(tmp_path, NAME, 1002, Finding(np.ones(1002, dtype=bool)))
        content = path.read_bytes()
    else:
        content = {
            "cut": content[:-1],
            "name": flipped(content, 60),
            "row": flipped(content, 100),
            "digest": flipped(content, -1),
            "empty": b"",
            "longer": content + b"\0",
        }[damage]
    path.write_bytes(content)
    find = Finding()
    assert kept(tmp_path, find) == FLAGS.tolist()
    assert find.times == 1
    assert kept(tmp_path, find) == FLAGS.tolist()
    assert find.times == 1


def test_where_nothing_can_be_written_rows_are_found_each_time(tmp_path: Path) -> None:
    find = Finding()
    missing = tmp_path / "missing"
    assert [kept(missing, find) for _ in range(2)] == [FLAGS.tolist()] * 2
    assert find.times == 2


def test_an_error_in_finding_leaves_nothing(tmp_path: Path) -> None:
    def find() -> np.ndarray:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept_rows(tmp_path, NAME, 5, find)
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    names = [index_name([number]) for number in range(258)]
    for number, name in enumerate(names[:256]):
        kept(tmp_path, Finding(), name)
        os.utime(tmp_path / name, (number, number))
    kept(tmp_path, Finding(), names[0])
    for name in names[256:]:
        kept(tmp_path, Finding(), name)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == set(names) - {names[1], names[2]}


def test_names_tell_filters_apart() -> None:
    assert len({index_name(parts) for parts in ([1], ["1"], [1, 2], [[1, 2]], [])}) == 5


def test_the_folder_is_in_the_users_cache_and_for_its_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENENV_TASKSETS_CACHE", str(tmp_path / "own"))
    assert index_folder() == tmp_path / "own" / "where"
    monkeypatch.delenv("OPENENV_TASKSETS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = index_folder()
    assert folder == tmp_path / "cache" / "openenv-tasksets" / "where"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert index_folder() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert index_folder() == tmp_path / ".cache" / "openenv-tasksets" / "where"


def test_a_folder_that_cannot_be_made_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("OPENENV_TASKSETS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert index_folder() is None
