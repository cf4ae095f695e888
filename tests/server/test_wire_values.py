"""Values that JSON does not have: the same in process and behind a URL."""

import datetime
import decimal
import io
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import anyio
import datasets
import pytest
from PIL import Image

from openenv_tasksets.players import LocalPlayer, RemotePlayer
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset

YAML = """\
spec_version: hf-rl-env-0.1
environments:
  - id: pictures
    splits: [test]
    task:
      reset:
        uri: {column: image, as: data_uri}
        raw: {column: image, as: bytes}
        picture: {column: image, as: pil}
        struct: image
        several: {column: images, as: data_uri}
        moment: moment
        price: price
      visible: [uri, raw, picture, struct, several, moment, price]
    frameworks:
      openenv: {package: acme-pictures}
"""
FEATURES = datasets.Features(
    {
        "image": datasets.Image(),
        "images": datasets.List(datasets.Image()),
        "moment": datasets.Value("timestamp[us, tz=UTC]"),
        "price": datasets.Value("decimal128(5, 2)"),
    }
)


@dataclass
class Answer:
    text: str


class Pictures:
    """Shows what it was given, and of what types that was."""

    blocking = False

    def reset(self, **arguments: Any) -> dict[str, Any]:
        kinds = {name: type(value).__name__ for name, value in arguments.items()}
        return {"seen": arguments, "kinds": kinds, "size": arguments["picture"].size}

    def step(self, action: Answer) -> dict[str, Any]:
        return {"seen": action.text, "reward": 1.0, "done": True}

    def close(self) -> None:
        pass


def png(color: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), color).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A Parquet file with image columns, as ``datasets`` writes it for the Hub."""
    red, blue = ({"bytes": png(color), "path": f"{color}.png"} for color in ("red", "blue"))
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    rows = [{"image": red, "images": [red, blue], "moment": moment, "price": decimal.Decimal("1.50")}]
    (tmp_path / "data").mkdir()
    datasets.Dataset.from_list(rows, features=FEATURES).to_parquet(tmp_path / "data/test-00000-of-00001.parquet")
    (tmp_path / "environment.yaml").write_text(YAML)
    return tmp_path


async def first_observation(player: Any) -> Any:
    try:
        return (await player.reset({"split": "test", "index": 0})).observation
    finally:
        await player.close()


def test_a_taskset_is_the_same_in_process_and_behind_a_url(folder, serve):
    host = Host(Taskset.from_path(folder), Pictures)

    async def local() -> Any:
        return await first_observation(await LocalPlayer.open(host))

    here = anyio.run(local)
    with serve(create_app([host])) as url:

        async def remote() -> Any:
            return await first_observation(await RemotePlayer.open(url))

        there = anyio.run(remote)

    assert here == there
    seen = here["seen"]
    assert seen["uri"].startswith("data:image/png;base64,")
    assert seen["several"][0] == seen["uri"] != seen["several"][1]
    assert seen["struct"] == {"bytes": seen["raw"], "path": "red.png"}
    assert (seen["moment"], seen["price"]) == ("2024-02-29T12:30:00Z", "1.50")
    assert here["kinds"] == {
        "seed": "int",
        "uri": "str",
        "raw": "bytes",
        "picture": "PngImageFile",
        "struct": "dict",
        "several": "list",
        "moment": "datetime",
        "price": "Decimal",
    }
    assert here["size"] == [4, 3]


def test_image_columns_are_read_without_datasets_and_without_pillow(folder):
    code = (
        "import sys; from openenv_tasksets.taskset import Taskset; "
        f"task = Taskset.from_path({str(folder)!r}).task('test', 0); "
        "assert task.visible['raw'].startswith(b'\\x89PNG'); "
        "print({'datasets', 'PIL'} & set(sys.modules))"
    )
    yaml = YAML.replace("        picture: {column: image, as: pil}\n", "").replace("raw, picture,", "raw,")
    (folder / "environment.yaml").write_text(yaml)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
