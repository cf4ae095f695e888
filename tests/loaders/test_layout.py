import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.layout import file_format, split_files, split_format


def make_folder(root, paths, card=None):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text('{"a": 1}\n')
    if card is not None:
        (root / "README.md").write_text(card)


def splits_by_datasets(root, config_name=None):
    """What `load_dataset(root)` would read, each file once."""
    from datasets import load_dataset_builder

    files = load_dataset_builder(str(root), name=config_name, cache_dir=str(root / ".cache")).config.data_files
    return {
        str(split): tuple(dict.fromkeys(Path(path).relative_to(root.resolve()).as_posix() for path in paths))
        for split, paths in files.items()
    }


CONVENTIONS = {
    "one file": ["gsm.jsonl"],
    "several files without a split": ["b.jsonl", "a.jsonl", "deep/er/c.jsonl"],
    "split file names": ["train.jsonl", "test.jsonl", "other.jsonl"],
    "numbered": ["train_0.jsonl", "train_1.jsonl", "my-train.jsonl", "test_0.jsonl"],
    "keyword order before name order": ["a-training.jsonl", "b-train.jsonl", "training.jsonl", "train.jsonl"],
    "all spellings": ["training.jsonl", "dev.jsonl", "val-1.jsonl", "valid.jsonl", "evaluation.jsonl"],
    "separators": ["x.train.jsonl", "x_val_.jsonl", "x test 3.jsonl", "5test.jsonl"],
    "not a keyword": ["trainer.jsonl", "latest.jsonl", "contest.jsonl"],
    "upper case": ["Train.jsonl", "TEST.jsonl"],
    "folders": ["data/train/0.jsonl", "data/test/0.jsonl", "data/test/deep/1.jsonl"],
    "folder beats file": ["train/test.jsonl", "train.jsonl", "test.jsonl"],
    "folder with extras": ["my-train/0.jsonl", "test_2/0.jsonl", "x.dev.y/0.jsonl"],
    "file in two folders": ["train/test/0.jsonl"],
    "sharded": ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"],
    "sharded, any split": ["data/hard-00000-of-00001.jsonl", "data/test-00000-of-00001-abc.jsonl"],
    "sharded order": [
        f"data/{s}-00000-of-00001.jsonl" for s in ("zoo", "test", "abc", "mid", "train", "kit", "validation", "q2")
    ],
    "sharded dotted": ["data/a.b-00000-of-00001.jsonl"],
    "sharded beats the rest": ["data/x-00000-of-00001.jsonl", "train/0.jsonl", "test.jsonl"],
    "sharded elsewhere": ["main/train-00000-of-00001.jsonl", "main/test-00000-of-00001.jsonl"],
    "sharded too deep": ["data/x/y-00000-of-00001.jsonl"],
    "hidden": [".hidden/train.jsonl", ".test.jsonl", "a.jsonl"],
    "special folder": ["__pycache__/train.jsonl", "_drafts/b.jsonl", "__main.jsonl"],
    "beside a declaration": ["environment.yaml", "taskset.lock", "test.jsonl"],
    "metadata": ["dataset_info.json", "config.json", "a.json"],
    "compressed": ["train.jsonl.gz", "test.jsonl.gz"],
    "csv": ["train.csv", "val.csv"],
    "tsv": ["dev.tsv"],
    "parquet": ["train-0.parquet", "test-0.parquet"],
}


@pytest.mark.parametrize("paths", CONVENTIONS.values(), ids=CONVENTIONS.keys())
def test_names_mean_what_they_mean_to_datasets(tmp_path, paths):
    make_folder(tmp_path, paths)

    splits = split_files([*paths, "README.md"])

    assert list(splits.items()) == list(splits_by_datasets(tmp_path).items())


FOLDERS = st.sampled_from(["", "data/", "train/", "test-1/", "my_val/", "x/", "__x__/", ".h/", "data/training/"])
NAMES = st.sampled_from(
    [
        "a",
        "b",
        "train",
        "test_0",
        "x-dev",
        "validation",
        "evaluate",
        "y-00000-of-00001",
        "test-00000-of-00001",
    ]
)
PATHS = st.lists(st.builds("{}{}.jsonl".format, FOLDERS, NAMES), min_size=1, max_size=6, unique=True)


@given(PATHS)
@settings(max_examples=60, deadline=None)
def test_any_layout_is_split_as_datasets_splits_it(paths):
    from datasets.data_files import EmptyDatasetError

    with tempfile.TemporaryDirectory() as folder:
        make_folder(Path(folder), paths)
        try:
            expected = splits_by_datasets(Path(folder))
        except EmptyDatasetError:
            with pytest.raises(SourceError, match="no files of rows"):
                split_files(paths)
        else:
            assert split_files(paths) == expected


CARD_FILES = [
    "main/train-00000-of-00001.jsonl",
    "main/test-00000-of-00001.jsonl",
    "socratic/train.jsonl",
    "socratic/deep/test.jsonl",
    "socratic/data/hard-00000-of-00001.jsonl",
    "extra[1].jsonl",
    "extra1.jsonl",
    ".secret/s.jsonl",
]
CARDS = {
    "text": "- config_name: default\n  data_files: main/*.jsonl",
    "list": "- config_name: default\n  data_files: [socratic/train.jsonl, 'main/*']",
    "order of patterns": "- config_name: default\n  data_files: ['socratic/*', 'main/t*n*.jsonl', 'main/*']",
    "splits": "- config_name: default\n  data_files:\n  - {split: hard, path: 'main/tr*'}\n"
    "  - {split: test, path: [main/test-00000-of-00001.jsonl, 'socratic/**/test*']}",
    "only config": "- config_name: odd\n  data_files: socratic/**",
    "marked default": "- config_name: a\n  data_files: main/*\n- config_name: b\n  default: true\n"
    "  data_files: socratic/*",
    "called default": "- config_name: a\n  data_files: main/*\n- config_name: default\n  data_files: socratic/*",
    "data_dir": "- config_name: a\n  data_dir: socratic",
    "data_dir with files": "- config_name: a\n  data_dir: ./socratic/\n  data_files: '**/t*'",
    "data_dir dot": "- config_name: a\n  data_dir: .\n  data_files: 'main/*'",
    "conventions": "- config_name: a",
    "character set": "- config_name: a\n  data_files: 'extra[0-9].jsonl'",
    "negated set": "- config_name: a\n  data_files: 'extra[!0-9]*.jsonl'",
    "question mark": "- config_name: a\n  data_files: '?ain/tes?-*'",
    "hidden asked for": "- config_name: a\n  data_files: ['.secret/*', 'ext*']",
    "inner stars": "- config_name: a\n  data_files: '**/deep/**'",
    "stars for nothing": "- config_name: a\n  data_files: 'main/**/t*'",
    "a pattern without files": "- config_name: a\n  data_files: ['nothing/*', 'main/*']",
}


@pytest.mark.parametrize("configs", CARDS.values(), ids=CARDS.keys())
def test_a_card_means_what_it_means_to_datasets(tmp_path, configs):
    card = f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# Title\n"
    make_folder(tmp_path, CARD_FILES, card)

    assert split_files(CARD_FILES, card=card) == splits_by_datasets(tmp_path)


def test_a_config_is_found_by_name(tmp_path):
    configs = "- config_name: main\n  data_files: main/*\n- config_name: soc\n  data_dir: socratic"
    card = f"---\nconfigs:\n{configs}\n---\n"
    make_folder(tmp_path, CARD_FILES, card)

    for name in ("main", "soc"):
        assert split_files(CARD_FILES, card=card, config_name=name) == splits_by_datasets(tmp_path, name)


def test_an_unknown_config_lists_those_that_exist():
    card = "---\nconfigs:\n- config_name: main\n- config_name: socratic\n---\n"

    with pytest.raises(SourceError, match=r"no config 'mian'; did you mean 'main'. There are: 'main', 'socratic'"):
        split_files(["a.jsonl"], card=card, config_name="mian")


def test_without_configs_there_is_only_default():
    assert split_files(["a.jsonl"], card="# Title", config_name="default") == {"train": ("a.jsonl",)}
    with pytest.raises(SourceError, match=r"no config 'main'.* There are: 'default'"):
        split_files(["a.jsonl"], card="# Title", config_name="main")


def test_data_files_outrank_card_and_names():
    card = "---\nconfigs:\n- config_name: a\n  data_files: b.jsonl\n---\n"
    paths = ["train.jsonl", "b.jsonl", "main/x.jsonl"]

    splits = split_files(paths, card=card, data_files={"test": ["main/*.jsonl"], "held.out": "./train.jsonl"})

    assert splits == {"test": ("main/x.jsonl",), "held.out": ("train.jsonl",)}


def test_data_files_keep_the_order_given_and_name_a_file_once():
    splits = split_files(["a.jsonl", "b.jsonl", "c.jsonl"], data_files={"t": ["c.jsonl", "*.jsonl"]})

    assert splits == {"t": ("c.jsonl", "a.jsonl", "b.jsonl")}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("dat/a.jsonl", "dat/a.jsonl: no such file .*split 'test'.*did you mean 'data/a.jsonl'"),
        ("data", "data: no such file .*it is a folder: write 'data/\\*\\*'"),
        ("x/*.jsonl", "split 'test': no file matches 'x/\\*.jsonl'. There are: 'data/a.jsonl'"),
        ("notes.pdf", "notes.pdf: not a file of rows; rows are read from .parquet, .jsonl"),
        ("../a.jsonl", "must be a path below"),
        ("/etc/a.jsonl", "must be a path below"),
        ("", "must be a path below"),
        ("https://example.org/a.jsonl", "is a URL"),
        ("hf://datasets/a/b/c.jsonl", "is a URL"),
        ("zip://a.jsonl::b.zip", "is a URL"),
        ("**.jsonl", "must stand alone between slashes"),
    ],
)
def test_a_pattern_that_names_nothing_says_so(pattern, message):
    with pytest.raises(SourceError, match=message):
        split_files(["data/a.jsonl", "notes.pdf"], data_files={"test": [pattern]})


BESIDE = {
    "a logo": ["train.parquet", "logo.png"],
    "notes": ["rows.jsonl", "LICENSE.txt"],
    "one of each": ["a.arrow", "b.png", "c.txt", "d.tar"],
    "more rows than pictures": ["a.csv", "b.csv", "x/1.png"],
}


@pytest.mark.parametrize("paths", BESIDE.values(), ids=BESIDE.keys())
def test_what_only_lies_beside_tables_is_left_out_as_datasets_leaves_it_out(tmp_path, paths):
    from datasets import load_dataset_builder

    make_folder(tmp_path, paths)
    splits = split_files(paths)

    module = load_dataset_builder(str(tmp_path), cache_dir=str(tmp_path / ".cache")).__module__.rpartition(".")[2]
    formats = {file_format(path) for files in splits.values() for path in files}
    assert formats == {module}


@pytest.mark.parametrize(
    "paths", [["rows.jsonl", "1.png", "2.png"], ["a.png", "b.wav"], ["a.png", "a.txt"], ["a.tar", "b.txt"]]
)
def test_what_datasets_would_guess_is_asked(paths):
    with pytest.raises(SourceError, match="more than one format"):
        split_files(paths)


def test_metadata_goes_with_the_images_beside_it():
    paths = ["test/metadata.csv", "test/1.png", "train/a/2.jpg", "train/a/metadata.csv"]

    splits = split_files(paths)

    assert splits == {"train": ("train/a/2.jpg", "train/a/metadata.csv"), "test": ("test/1.png", "test/metadata.csv")}
    assert [split_format(files) for files in splits.values()] == ["image", "image"]
    assert split_files(["metadata.csv"]) == {"train": ("metadata.csv",)}


def test_the_folders_of_a_saved_dataset_are_its_splits():
    saved = ["dataset_info.json", "state.json", "data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    paths = [f"{split}/{name}" for split in ("hard", "test") for name in saved]

    splits = split_files(["dataset_dict.json", "notes.arrow", *paths, "hard/cache-1a2b.arrow"])

    assert splits == {
        "test": ("test/data-00000-of-00002.arrow", "test/data-00001-of-00002.arrow"),
        "hard": ("hard/data-00000-of-00002.arrow", "hard/data-00001-of-00002.arrow"),
    }
    assert split_files(saved) == {"train": ("data-00000-of-00002.arrow", "data-00001-of-00002.arrow")}


def test_a_split_in_two_formats_is_refused_with_the_way_out():
    with pytest.raises(SourceError, match=r"split 'train' .* a.csv \(csv\) and b.jsonl \(json\).*data_files"):
        split_files(["b.jsonl", "a.csv"])


def test_splits_may_differ_in_format():
    assert split_files(["train.jsonl", "test.csv"]) == {"train": ("train.jsonl",), "test": ("test.csv",)}


def test_a_folder_without_rows_says_what_there_is():
    with pytest.raises(SourceError, match=r"no files of rows; .*There are: 'environment.yaml', 'readme.rst'"):
        split_files(["environment.yaml", "readme.rst"])
    with pytest.raises(SourceError, match=r"no files of rows; .*There are none"):
        split_files([])


def test_a_data_dir_without_rows_is_named():
    with pytest.raises(SourceError, match="no files of rows in gone"):
        split_files(["a.jsonl"], card="---\nconfigs:\n- config_name: a\n  data_dir: gone\n---\n")


def test_a_shard_that_cannot_name_a_split_says_what_to_do():
    with pytest.raises(SourceError, match=r"'my-data' cannot name a split .*data_files"):
        split_files(["data/my-data-00000-of-00001.parquet"])


def test_a_pattern_of_many_stars_does_not_take_long():
    deep = "/".join("a" * 60) + ".jsonl"

    with pytest.raises(SourceError, match="no file matches"):
        split_files([deep], data_files={"t": ["**/a/" * 30 + "b" + "*a" * 40]})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.parquet", "parquet"),
        ("x/a.jsonl", "json"),
        ("a.ndjson.gz", "json"),
        ("a.json", "json"),
        ("a.v2.csv.gz", "csv"),
        ("a.tsv", "tsv"),
        ("a.txt.gz", "text"),
        ("a.arrow", "arrow"),
        ("a.tar", "webdataset"),
        ("a.tar.gz", None),
        ("a.PNG", "image"),
        ("a.jpeg", "image"),
        ("a.flac", "audio"),
        ("a.CSV", None),
        ("a.parquet.gz", None),
        ("a.jsonl.bak", None),
        ("parquet", None),
        ("a.gz", None),
    ],
)
def test_the_name_tells_the_format(path, expected):
    assert file_format(path) == expected
