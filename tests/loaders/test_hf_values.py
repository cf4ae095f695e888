"""Values as a dataset keeps them, made into what the Parquet files of the Hub hold."""

import os

import pyarrow as pa
import pytest
from datasets import (
    Audio,
    ClassLabel,
    Dataset,
    DatasetInfo,
    Features,
    Image,
    Json,
    LargeList,
    List,
    Sequence,
    Value,
    Video,
)
from datasets.table import embed_table_storage
from media_files import png

from openenv_tasksets.loaders.errors import SourceChanged, SourceError
from openenv_tasksets.loaders.files import SourceFiles
from openenv_tasksets.loaders.hf_values import MediaFiles, finisher


@pytest.fixture
def picture(tmp_path):
    (tmp_path / "red.png").write_bytes(png("red"))
    return str(tmp_path / "red.png")


def finished(dataset, media=None):
    """Every row, each value finished."""
    rows = dataset.with_format("arrow")[:].to_pylist()
    for name, feature in dataset.features.items():
        finish = finisher(feature, media or MediaFiles(None))
        for row in rows:
            row[name] = row[name] if finish is None else finish(row[name])
    return rows


SHAPES = {
    "an image": (Image(), lambda image: image),
    "not decoded": (Image(decode=False), lambda image: image),
    "a list": (List(Image()), lambda image: [image, None, image]),
    "a list of two": (List(Image(), length=2), lambda image: [image, image]),
    "a large list": (LargeList(Image()), lambda image: [image]),
    "lists in a list": (List(List(Image())), lambda image: [[image], [], [None, image]]),
    "a struct": ({"image": Image(), "n": Value("int8")}, lambda image: {"image": image, "n": 1}),
    "structs in a list": (
        List({"a": {"image": Image()}, "n": Value("string")}),
        lambda image: [{"a": {"image": image}, "n": "x"}],
    ),
    "lists in a struct": (
        Sequence({"image": Image(), "n": Value("int8")}),
        lambda image: {"image": [image, image], "n": [1, 2]},
    ),
}


@pytest.mark.parametrize(("feature", "shape"), SHAPES.values(), ids=SHAPES.keys())
def test_an_image_is_what_a_parquet_file_of_the_hub_holds_wherever_it_stands(feature, shape, picture):
    values = [shape(picture), None, shape({"bytes": png("blue"), "path": "blue.png"})]
    dataset = Dataset.from_dict({"v": values}, features=Features({"v": feature}))

    rows = finished(dataset)

    assert rows == embed_table_storage(dataset.data.table).to_pylist()
    assert str(png("red")) in str(rows[0])


@pytest.mark.parametrize("feature", [Audio(), Audio(decode=False), Video()], ids=str)
def test_sounds_and_films_need_no_decoder(feature, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"neither")
    values = [{"bytes": None, "path": str(tmp_path / "a.bin")}, {"bytes": b"inner", "path": None}, None]
    # From a table: encoding the values would take an encoder.
    table = pa.table({"v": pa.array(values, feature.pa_type)})
    dataset = Dataset(table, DatasetInfo(features=Features({"v": feature})))

    assert [row["v"] for row in finished(dataset)] == [
        {"bytes": b"neither", "path": "a.bin"},
        {"bytes": b"inner", "path": None},
        None,
    ]


def test_json_of_any_shape_is_decoded():
    values = [{"a": 2**60, "b": [None, 1.5]}, [1, "x"], "text", None]
    dataset = Dataset.from_dict(
        {"v": values, "l": [[each] for each in values]}, features=Features({"v": Json(), "l": List(Json())})
    )

    assert finished(dataset) == [{"v": each, "l": [each]} for each in values]


@pytest.mark.parametrize(
    "feature",
    [
        Value("string"),
        ClassLabel(names=["a", "b"]),
        List(Value("int8")),
        {"a": Value("int8"), "b": List({"c": Value("binary")})},
        Sequence({"a": Value("int8")}),
    ],
    ids=str,
)
def test_what_arrow_gives_is_right_where_no_file_is_named(feature):
    assert finisher(feature, MediaFiles(None)) is None


@pytest.mark.parametrize(
    ("kept", "shown"),
    [("/home/me/a/1.png", "1.png"), ("a/1.png", "a/1.png"), ("1.png", "1.png"), (None, None)],
)
def test_of_a_path_only_what_is_not_this_machines_is_shown(kept, shown):
    assert MediaFiles(None).finish({"bytes": b"x", "path": kept}) == {"bytes": b"x", "path": shown}
    assert MediaFiles(None).finish(None) is None
    assert MediaFiles(None).finish({"bytes": None, "path": None}) == {"bytes": None, "path": None}


class TestOfOneSplit:
    """Rows can name what they like: only the split's own files are read, as they were when it was opened."""

    @pytest.fixture
    def media(self, tmp_path, picture):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/blue.png").write_bytes(png("blue"))
        (tmp_path / "secret.png").write_bytes(b"secret")
        return MediaFiles(SourceFiles(tmp_path, ["red.png", "deep/blue.png"]))

    def test_its_files_are_read_however_their_path_is_spelled(self, media, tmp_path):
        for path in (tmp_path / "red.png", f"{tmp_path}/deep/../red.png", os.path.relpath(tmp_path / "red.png")):
            assert media.finish({"bytes": None, "path": str(path)})["bytes"] == png("red")
        assert media.finish({"bytes": None, "path": f"{tmp_path}/deep/blue.png"}) == {
            "bytes": png("blue"),
            "path": "blue.png",
        }

    @pytest.mark.parametrize("path", ["secret.png", "deep/../secret.png", "gone.png"])
    def test_no_other_file_is(self, media, tmp_path, path):
        with pytest.raises(SourceError) as caught:
            media.finish({"bytes": None, "path": f"{tmp_path}/{path}"})
        assert str(caught.value) == f"{path.rpartition('/')[2]}: a row names it, but it is no file of this split"

    def test_one_that_changed_is_refused(self, media, tmp_path):
        (tmp_path / "red.png").write_bytes(png("blue") + b"more")
        with pytest.raises(SourceChanged, match="red.png: changed since it was opened"):
            media.finish({"bytes": None, "path": f"{tmp_path}/red.png"})


def test_a_file_of_a_dataset_in_memory_that_is_gone_is_named(tmp_path):
    with pytest.raises(SourceError, match="gone.png: cannot be read: No such file or directory"):
        MediaFiles(None).finish({"bytes": None, "path": f"{tmp_path}/gone.png"})
