"""Folders of images and sounds, against what ``datasets`` reads there."""

import io
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from media_files import all_of, opened, png, wav
from PIL import Image as Picture

from openenv_tasksets.loaders.errors import SourceChanged, SourceError

RED = {"bytes": png("red"), "path": "1.png"}


def same_picture(media, picture):
    return Picture.open(io.BytesIO(media["bytes"])).tobytes() == picture.tobytes()


def test_an_image_is_a_row_and_its_folder_the_label(tmp_path):
    for name, color in (("dog/2.png", "red"), ("cat/1.png", "blue"), ("dog/1.JPG", "green")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(color))

    rows = opened(tmp_path)

    expected = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    assert [row["label"] for row in all_of(rows)] == expected.features["label"].int2str(expected["label"])
    embedded = [row["image"]["bytes"] for row in all_of(rows)]
    assert [Picture.open(io.BytesIO(content)).tobytes() for content in embedded] == [
        image.tobytes() for image in expected["image"]
    ]
    assert rows[0] == {"image": {"bytes": png("blue"), "path": "1.png"}, "label": "cat"}
    assert list(rows.column("label")) == ["cat", "dog", "dog"]
    assert rows.project(["label"])[0] == {"label": "cat"}


def test_metadata_describes_images(tmp_path):
    for name, color in (("1.png", "red"), ("2.png", "blue"), ("3.png", "green")):
        (tmp_path / name).write_bytes(png(color))
    lines = [
        {"file_names": ["2.png", "3.png"], "file_name": "2.png", "answer": "blue", "boxes": [{"x": 1}]},
        {"file_names": ["1.png"], "file_name": "1.png", "answer": "red", "boxes": []},
    ]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    rows = opened(tmp_path)

    assert all_of(rows) == [
        {
            "images": [{"bytes": png(c), "path": p} for c, p in (("blue", "2.png"), ("green", "3.png"))],
            "image": {"bytes": png("blue"), "path": "2.png"},
            "answer": "blue",
            "boxes": [{"x": 1}],
        },
        {"images": [RED], "image": RED, "answer": "red", "boxes": []},
    ]
    assert rows.location(0) == "metadata.jsonl, row 0"
    assert list(rows.column("answer")) == ["blue", "red"]
    assert rows.project(["images", "answer"])[1] == {"images": [RED], "answer": "red"}
    expected = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    assert set(rows.columns) == set(expected.column_names)
    for row, other in zip(all_of(rows), expected, strict=True):
        assert same_picture(row["image"], other["image"])
        assert all(map(same_picture, row["images"], other["images"]))
        assert (row["answer"], row["boxes"]) == (other["answer"], other["boxes"])


def test_an_image_that_changed_is_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(png("red"))
    rows = opened(tmp_path)
    assert rows[0]["image"]["bytes"] == png("red")

    (tmp_path / "1.png").write_bytes(png("blue") + b"more")

    with pytest.raises(SourceChanged, match=r"1.png: changed"):
        rows[0]


def test_metadata_cannot_name_the_users_other_files(tmp_path):
    root = tmp_path / "taskset"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "1.png").write_bytes(png("red"))
    (root / "link.png.bak").symlink_to(tmp_path / "secret.png")
    (root / "metadata.csv").write_text("file_name\nlink.png.bak\n")

    with pytest.raises(
        SourceError, match=r"link.png.bak: metadata names it, but there is no such image file in this split"
    ):
        opened(root)[0]

    (root / "metadata.csv").write_text("file_name\n../secret.png\n")
    with pytest.raises(SourceError, match=r"\.\./secret.png: metadata names it"):
        opened(root)[0]


def test_metadata_may_be_a_table_in_every_folder(tmp_path):
    for folder, color in (("b", "red"), ("a", "blue")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(png(color))
        table = pa.table({"photo_file_name": ["x.png", None], "n": [1, None], "s": [{"file_name": "x.png"}] * 2})
        pq.write_table(table, tmp_path / folder / "metadata.parquet")

    rows = opened(tmp_path)

    assert rows.columns == ("photo", "n", "s")
    red, blue = ({"bytes": png(color), "path": "x.png"} for color in ("red", "blue"))
    assert [row["photo"] for row in all_of(rows)] == [blue, None, red, None]
    assert rows[2] == {"photo": red, "n": 1, "s": {"image": red}}
    assert rows.location(3) == "b/metadata.parquet, row 1"


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"metadata.csv": "name\na.png\n"}, "metadata.csv: no column names the image files; one must be called"),
        ({"metadata.csv": "file_name,image\na.png,1\n"}, "metadata.csv: two columns would be called 'image'"),
        (
            {"metadata.csv": "file_name,x\na.png,1\n", "b/metadata.csv": "file_name,y\na.png,1\n"},
            "b/metadata.csv and metadata.csv: their columns differ",
        ),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path, metadata, message):
    (tmp_path / "a.png").write_bytes(png("red"))
    (tmp_path / "b").mkdir()
    for name, text in metadata.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(SourceError, match=message):
        opened(tmp_path)


def test_names_and_content_make_the_fingerprint(tmp_path):
    for root in ("one", "two", "three"):
        for name in ("cat/1.png", "dog/1.png" if root != "three" else "cow/1.png"):
            (tmp_path / root / name).parent.mkdir(parents=True)
            (tmp_path / root / name).write_bytes(png("red"))

    one, two, three = (opened(tmp_path / root).fingerprint for root in ("one", "two", "three"))

    assert one == two != three


def test_what_is_not_shown_is_not_read(tmp_path):
    for name in ("cat/1.png", "dog/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(png("red"))
    rows = opened(tmp_path)
    (tmp_path / "cat/1.png").unlink()

    assert rows.project(["label"]).read_many([1, 0]) == [{"label": "dog"}, {"label": "cat"}]
    with pytest.raises(SourceChanged, match=r"cat/1.png: (gone|cannot)"):
        rows[0]
    with pytest.raises(SourceError, match=r"no column 'lable'; did you mean 'label'"):
        rows.project(["lable"])
    for index in (-1, 2):
        with pytest.raises(IndexError, match=r"not in \[0, 2\)"):
            rows[index]


def test_sounds_are_bytes_without_a_decoder(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav())
    (tmp_path / "metadata.csv").write_text("file_name,said\na.wav,hello\n")

    assert all_of(opened(tmp_path)) == [{"audio": {"bytes": wav(), "path": "a.wav"}, "said": "hello"}]
