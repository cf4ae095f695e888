"""Text, archives, Arrow files, saved datasets and those in memory, against what ``datasets`` itself reads."""

import gzip
import json

import datasets
import pytest
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, Image, Json, List, Value
from media_files import all_of, make_tar, opened, png, wav

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.hf_datasets import DatasetRows
from openenv_tasksets.loaders.layout import split_files
from openenv_tasksets.loaders.load import list_files


def by_datasets(module, root, split="train"):
    """Every row as ``datasets`` gives it, media not decoded but embedded."""
    loaded = datasets.load_dataset(module, data_dir=str(root), split=split)
    for name, feature in loaded.features.items():
        if isinstance(feature, Image | Audio):
            loaded = loaded.cast_column(name, type(feature)(decode=False))
    return list(loaded)


def test_text_is_a_row_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo \u00e9\r\nthree")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"four\n"))

    rows = opened(tmp_path)

    assert all_of(rows) == by_datasets("text", tmp_path)
    assert [row["text"] for row in all_of(rows)] == ["one", "", "two \u00e9", "three", "four"]
    assert rows.location(4) == "a.txt, b.txt.gz, row 4"


def test_an_archive_is_a_row_a_name(tmp_path):
    members = {}
    for number, color in enumerate(("red", "blue")):
        members[f"{number:03}.png"] = png(color)
        members[f"{number:03}.json"] = json.dumps({"label": color, "n": number}).encode()
        members[f"{number:03}.txt"] = color.encode()
    make_tar(tmp_path / "train-0.tar", members)

    rows = opened(tmp_path)

    expected = by_datasets("webdataset", tmp_path)
    assert all_of(rows) == [{name: row[name] for name in row if name != "__url__"} for row in expected]
    assert rows[1]["png"] == {"bytes": png("blue"), "path": "001.png"}
    assert rows[1]["json"] == {"label": "blue", "n": 1}
    assert rows[0]["__key__"] == "000"


FEATURES = Features({"n": Value("int32"), "image": Image(), "kind": ClassLabel(names=["a", "b"])})


def sample(count=3):
    rows = [{"n": n, "image": {"bytes": png((n, 0, 0)), "path": f"{n}.png"}, "kind": n % 2} for n in range(count)]
    return Dataset.from_list(rows, features=FEATURES)


def undecoded(dataset):
    return list(dataset.cast_column("image", Image(decode=False)))


def test_sounds_in_an_archive_need_no_decoder(tmp_path):
    make_tar(tmp_path / "a.tar", {"1.wav": wav(), "1.cls": b"3", "2.wav": b"\0", "2.cls": b"4"})

    assert all_of(opened(tmp_path)) == [
        {"wav": {"bytes": wav(), "path": "1.wav"}, "cls": 3, "__key__": "1"},
        {"wav": {"bytes": b"\0", "path": "2.wav"}, "cls": 4, "__key__": "2"},
    ]


def test_a_saved_dataset_is_read_with_its_splits(tmp_path):
    saved = DatasetDict(train=sample(), hard=sample(2))
    saved.save_to_disk(tmp_path, num_shards={"train": 2, "hard": 1})

    assert list(split_files(list_files(tmp_path))) == ["train", "hard"]
    for split, dataset in saved.items():
        assert all_of(opened(tmp_path, split)) == undecoded(dataset)
    assert opened(tmp_path).location(2) == "train/data-00000-of-00002.arrow, train/data-00001-of-00002.arrow, row 2"


def test_a_saved_selection_is_what_was_selected(tmp_path):
    sample(5).select([4, 0]).save_to_disk(tmp_path)

    assert [row["n"] for row in all_of(opened(tmp_path))] == [4, 0]


def test_a_file_may_be_cut_after_it_was_opened(tmp_path):
    """The user's own file is not what is mapped: a cut one cannot kill the process."""
    sample().save_to_disk(tmp_path)
    rows = opened(tmp_path)

    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"")

    assert [row["n"] for row in all_of(rows)] == [0, 1, 2]
    with pytest.raises(SourceChanged):
        _ = rows.fingerprint


def test_a_dataset_in_memory_is_read_whatever_its_format_shows():
    dataset = sample()

    rows = DatasetRows.of(dataset.with_transform(lambda batch: {"x": [1]}))

    assert all_of(rows) == undecoded(dataset)
    assert rows.columns == ("n", "image", "kind")
    assert list(rows.column("n")) == [0, 1, 2]
    assert rows.read_many([2, 0, 2]) == [all_of(rows)[n] for n in (2, 0, 2)]
    assert rows.location(1) == "dataset in memory, row 1"


def test_content_alone_makes_the_fingerprint():
    dataset = sample(4)
    selected = DatasetRows.of(sample(6).select([0, 1, 2, 3]))

    assert DatasetRows.of(dataset).fingerprint == selected.fingerprint
    assert DatasetRows.of(dataset.select([1, 0, 2, 3])).fingerprint != selected.fingerprint


def test_mixed_json_and_nested_images_keep_their_form(tmp_path):
    (tmp_path / "1.png").write_bytes(png("red"))
    rows = DatasetRows.of(
        Dataset.from_dict(
            {
                "j": [{"a": 2**60}, [1, "x"]],
                "turns": [[{"image": str(tmp_path / "1.png"), "n": 1}, {"image": None, "n": 2}], []],
            },
            features=Features({"j": Json(), "turns": List({"image": Image(), "n": Value("int8")})}),
        )
    )

    assert rows[0] == {
        "j": {"a": 2**60},
        "turns": [{"image": {"bytes": png("red"), "path": "1.png"}, "n": 1}, {"image": None, "n": 2}],
    }
    assert rows[1] == {"j": [1, "x"], "turns": []}
    (tmp_path / "1.png").unlink()
    with pytest.raises(SourceError, match=r"1.png: cannot be read: No such file"):
        rows[0]


def test_a_stream_is_refused():
    with pytest.raises(SourceError, match="expected a datasets.Dataset, not IterableDataset; a stream has no random"):
        DatasetRows.of(sample().to_iterable_dataset())


def bad_tar(root):
    make_tar(root / "train.tar", {"a.txt": b"x", "b.cls": b"1"})


def not_a_tar(root):
    (root / "train.tar").write_bytes(b"no archive")


def bad_arrow(root):
    (root / "a.arrow").write_bytes(b"no Arrow")


def bad_text(root):
    (root / "a.txt").write_bytes(b"\xff\xfe\xfa")


def empty_text(root):
    (root / "a.txt").write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (empty_text, "a.txt: has no rows"),
        (bad_tar, "train.tar: cannot be read as a WebDataset archive"),
        (not_a_tar, "train.tar: cannot be read as a WebDataset archive"),
        (bad_arrow, "a.arrow: is neither an Arrow stream nor an Arrow file"),
        (bad_text, "a.txt: not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, make, message, capfd):
    make(tmp_path)

    with pytest.raises(SourceError, match=message):
        opened(tmp_path)
    assert capfd.readouterr() == ("", "")
