"""The folder of caches is the user's own."""

import stat
from pathlib import Path

import pytest

from openenv_tasksets.loaders.cache_folder import cache_folder


def test_the_folder_is_made_below_the_cache_home_for_its_user_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = cache_folder("where")
    assert folder == tmp_path / "cache" / "openenv-tasksets" / "where"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert cache_folder("where") == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_variable_it_is_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("x") == tmp_path / ".cache" / "openenv-tasksets" / "x"


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        cache_folder("where")
