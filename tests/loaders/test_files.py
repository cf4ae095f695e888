import os

import pytest

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import SourceFile, SourceFiles


def test_an_untouched_file_passes_the_check(tmp_path):
    (tmp_path / "a").write_text("x")

    SourceFile.at(tmp_path, "a").check()


def append(path):
    with path.open("a") as stream:
        stream.write("more")


def rewrite_in_place(path):
    path.write_text("other")
    os.utime(path, ns=(0, 1))


def replace(path):
    """Same size and time: only the inode tells."""
    status = path.stat()
    path.with_name("new").write_text("OTHER")
    path.with_name("new").replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [append, rewrite_in_place, replace])
def test_a_file_that_changed_is_named(tmp_path, change):
    (tmp_path / "a.csv").write_text("first")
    file = SourceFile.at(tmp_path, "a.csv")

    change(tmp_path / "a.csv")

    with pytest.raises(SourceChanged, match=r"a.csv: changed since it was opened; open the taskset again"):
        file.check()


def test_a_file_that_went_away_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("first")
    file = SourceFile.at(tmp_path, "a.csv")

    (tmp_path / "a.csv").unlink()

    with pytest.raises(SourceChanged, match=r"a.csv: gone since it was opened"):
        file.check()


def test_what_is_no_readable_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SourceError, match="gone: cannot be opened: No such file"):
        SourceFiles(tmp_path, ["gone"])
    for name in ("folder", "pipe"):
        with pytest.raises(SourceError, match=f"{name}: not a regular file"):
            SourceFiles(tmp_path, [name])


def test_the_fingerprint_is_the_content_in_order_and_nothing_else(tmp_path):
    for folder, names in (("x", ("a", "b")), ("y", ("c", "d"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / names[0]).write_text("one")
        (tmp_path / folder / names[1]).write_text("two")
    here = SourceFiles(tmp_path, ["x/a", "x/b"]).fingerprint

    assert SourceFiles(tmp_path / "y", ["c", "d"]).fingerprint == here
    assert SourceFiles(tmp_path, ["x/b", "x/a"]).fingerprint != here
    assert SourceFiles(tmp_path, ["x/a"]).fingerprint != here
    (tmp_path / "x/b").write_text("twO")
    assert SourceFiles(tmp_path, ["x/a", "x/b"]).fingerprint != here


def test_the_fingerprint_of_a_changed_file_is_refused(tmp_path):
    (tmp_path / "a").write_text("one")
    files = SourceFiles(tmp_path, ["a"])

    append(tmp_path / "a")

    with pytest.raises(SourceChanged, match="a: changed"):
        _ = files.fingerprint
