import pytest

from openenv_tasksets.declaration import DatasetDeclaration
from openenv_tasksets.loaders.errors import DeclarationError


def mistakes(**values):
    with pytest.raises(DeclarationError) as caught:
        DatasetDeclaration(**values)
    return [f"{issue.path}: {issue.message}" for issue in caught.value.issues]


def test_rows_may_live_in_another_repository():
    dataset = DatasetDeclaration(
        repo_id="acme/words", revision="refs/pr/1", data_files={"test": "a/**/*.parquet", "train": ["b", "./c.csv"]}
    )
    assert dataset.data_files == {"test": ("a/**/*.parquet",), "train": ("b", "./c.csv")}


def test_rows_may_be_made_by_code():
    assert DatasetDeclaration(source="families", arguments={"family": "sudoku"}).repo_id is None


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "..",
        "../x",
        "a/../b",
        "a/..",
        "a\\b",
        "https://example.org/x",
        "hf://datasets/a",
        "c:/x",
        "file:x",
        "",
        "a\0",
    ],
)
def test_paths_stay_below_the_repository(path):
    (message,) = mistakes(data_files={"test": path})
    assert message.startswith("data_files.test[0]: expected a relative path with '/' between its parts, without '..'")


@pytest.mark.parametrize("path", ["a..b/c", "...", ".hidden", "a b/ü.parquet", "data-00000-of-00001.parquet"])
def test_odd_names_are_paths_too(path):
    assert DatasetDeclaration(data_files={"test": path}).data_files == {"test": (path,)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"repo_id": "words"}, "repo_id: expected namespace/name; got 'words'"),
        ({"repo_id": "a/b/c"}, "repo_id: expected namespace/name; got 'a/b/c'"),
        ({"repo_id": "a/b", "revision": "a b"}, "revision: expected a branch, tag or commit; got 'a b'"),
        ({"revision": "main"}, "revision: goes with repo_id only; name the repository too"),
        ({"source": "a.b:c"}, "source: expected an entry point's name (no module path); got 'a.b:c'"),
        ({"source": "s", "repo_id": "a/b"}, ": source makes the rows itself; got repo_id beside it"),
        (
            {"source": "s", "repo_id": "a/b", "data_files": {"a": "b"}},
            ": source makes the rows itself; got repo_id and data_files beside it",
        ),
        ({"arguments": {"a": 1}}, "arguments: goes with source only; name the source too"),
        ({"data_files": {"test": []}}, "data_files.test: expected at least one glob; got none"),
        ({"data_files": {"a b": "x"}}, 'data_files["a b"]: expected a split\'s name'),
        ({"data_files": "x"}, "data_files: expected a mapping; got 'x'"),
    ],
)
def test_each_field_says_what_it_wants(values, message):
    (given,) = mistakes(**values)
    assert given.startswith(message)


def test_nothing_may_be_said():
    assert DatasetDeclaration() == DatasetDeclaration(arguments={})
