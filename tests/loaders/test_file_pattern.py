"""Patterns over a listing: the files that ``datasets`` finds for them in a folder, and nothing outside of it."""

import pytest
from datasets.data_files import resolve_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.file_pattern import checked_path, has_magic, is_plain_data, select

PATHS = [
    "a.csv",
    "b.csv",
    "ab.csv",
    "A.csv",
    "a[1].csv",
    "a1.csv",
    "a-.csv",
    "é.csv",
    ".a.csv",
    "__a.csv",
    "config.json",
    "state.json",
    "d/a.csv",
    "d/b.csv",
    "d/.a.csv",
    "d/config.json",
    "d/e/a.csv",
    "d/e/f/a.csv",
    ".d/a.csv",
    ".d/.e/a.csv",
    "__d__/a.csv",
    "__d__/__e__/a.csv",
    "d/__e__/a.csv",
    "d/.e/b.csv",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    for path in PATHS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x\n1\n")
    return root


def by_datasets(folder, pattern):
    try:
        found = resolve_pattern(pattern, str(folder))
    except FileNotFoundError:
        return []
    return sorted(path.removeprefix(f"{folder.resolve().as_posix()}/") for path in found)


@pytest.mark.parametrize(
    "pattern",
    [
        *("a.csv", "*", "*.csv", "?.csv", "a?.csv", "**", "**/*", "*/**", "**/**", "d/**", "**/e/**"),
        *("d/**/a.csv", "**/a.csv", "*/a.csv", "*/*/a.csv", "d/*/f/a.csv", "**/*/a.csv", "[ab].csv", "[!a].csv"),
        *("[a-b]*.csv", "a[[]1].csv", "a[1].csv", "a[-1].csv", "A.*", "é.*", "[é].csv"),
        *(".a.csv", ".*", ".d/*", ".d/**", "*/.a.csv", "**/.a.csv", ".*/.*/a.csv", "**/.e/*", "d/.*/*", "[.]d/a.csv"),
        *("__a.csv", "__*", "__d__/*", "__d__/**", "__*/__*/*", "**/__e__/*", "*/__e__/*", "[_]_d__/a.csv"),
        *("config.json", "**/config.json", "*.json", "confi?.json", "nothing", "d", "d/", "d/*/nothing"),
    ],
)
def test_a_pattern_gives_what_it_gives_datasets(folder, pattern):
    assert select(pattern, reversed(PATHS)) == by_datasets(folder, pattern)


SEGMENTS = st.sampled_from(
    ["**", "*", "?", "a*", "*.csv", "?.csv", "[!a]*", "d", "e", "a.csv", ".*", ".d", "__*", "__d__", "c*.json", "*e*"]
)


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join))
@settings(max_examples=150, deadline=None)
def test_so_does_any_made_of_its_signs(folder, pattern):
    assert select(pattern, PATHS) == by_datasets(folder, pattern)


def test_plain_data_is_what_two_stars_give(folder):
    assert [path for path in sorted(PATHS) if is_plain_data(path)] == by_datasets(folder, "**")


def test_only_stars_question_marks_and_sets_are_magic():
    assert [has_magic(text) for text in ("a*", "a?", "a[1]", "a/b-c.v1{2}.csv!", "")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("path", "plain"),
    [("a.csv", "a.csv"), ("./a.csv", "a.csv"), ("d//a.csv", "d/a.csv"), ("d/./a.csv", "d/a.csv"), ("d/", "d")],
)
def test_a_path_below_the_folder_is_made_plain(path, plain):
    assert checked_path(path) == plain


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "'': must be a path below the taskset's folder, without '..'"),
        (".", "'.': must be a path below"),
        ("/etc/passwd", "'/etc/passwd': must be a path below"),
        ("../a.csv", "'../a.csv': must be a path below"),
        ("d/../../a.csv", "must be a path below"),
        ("d/..", "must be a path below"),
        ("a\0.csv", "must be a path below"),
        ("https://example.org/a.csv", "is a URL; data files are paths below the taskset's folder"),
        ("zip://*.csv::a.zip", "is a URL"),
        ("a.zip::b.csv", "is a URL"),
    ],
)
def test_what_leaves_the_folder_is_refused_as_a_path_and_as_a_pattern(path, message):
    for refuse in (checked_path, lambda pattern: select(pattern, PATHS)):
        with pytest.raises(SourceError, match=message):
            refuse(path)


@pytest.mark.parametrize("pattern", ["**.csv", "d/a**", "***", "d/**a/*"])
def test_two_stars_stand_alone(pattern):
    with pytest.raises(SourceError, match="'\\*\\*' must stand alone between slashes, as in 'data/\\*\\*/\\*.parquet'"):
        select(pattern, PATHS)
