"""The card of a taskset: configs, sizes, tags and a summary, written into whatever card there is."""

import pytest
import yaml

from openenv_tasksets.card_text import CardConfig, CardSplit, card_text, handwritten
from openenv_tasksets.loaders.card import choose_config

TRAIN = CardSplit("train", ("data/train-*-of-00001.parquet",), 30, 1000, 500)
TEST = CardSplit("test", ("a.parquet", "b.parquet"), 2, 10, 5)
CONFIG = CardConfig("default", (TRAIN, TEST), is_changed=True)
COUNTS = {"tasks": {"train": 3000, "test": 2}}


@pytest.fixture
def declaration(declare):
    return declare({"reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"]}, title="Some  tasks")


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_written_again_it_is_the_same(declaration):
    text = card_text(None, "acme/x", declaration, [CONFIG], COUNTS)
    assert card_text(text, "acme/x", declaration, [CONFIG], COUNTS) == text
    unchanged = CardConfig("default", (TRAIN, TEST), is_changed=False)
    assert card_text(text, "acme/x", declaration, [unchanged], COUNTS, other=text) == text


def test_a_new_card_says_it_all(declaration):
    text = card_text(None, "acme/x", declaration, [CONFIG], COUNTS)
    assert "\n# Some tasks\n" in text
    assert "| tasks | train | 3,000 |" in text
    assert 'taskset = Taskset.from_hub("acme/x")' in text
    assert choose_config(text, None).data_files == {"train": TRAIN.patterns, "test": TEST.patterns}
    assert front(text)["dataset_info"] == {
        "config_name": "default",
        "splits": [
            {"name": "train", "num_bytes": 1000, "num_examples": 30},
            {"name": "test", "num_bytes": 10, "num_examples": 2},
        ],
        "download_size": 505,
        "dataset_size": 1010,
    }


def test_other_configs_and_what_else_an_entry_has_stay(declaration):
    old = (
        "---\nconfigs:\n- config_name: other\n  data_files: o.csv\n- config_name: default\n  data_dir: old\n"
        "  default: true\n  description: Mine.\n"
        "dataset_info:\n- config_name: other\n  dataset_size: 7\n- features: []\n  dataset_size: 9\n---\n"
    )
    found = front(card_text(old, "acme/x", declaration, [CONFIG], COUNTS))
    other, mine = found["configs"]
    assert other == {"config_name": "other", "data_files": "o.csv"}
    assert mine.keys() == {"config_name", "data_files", "default", "description"}
    assert [info["config_name"] for info in found["dataset_info"]] == ["other", "default"]
    assert found["dataset_info"][1]["dataset_size"] == 1010


def test_sizes_are_left_out_where_one_is_not_known(declaration):
    """``datasets`` refuses to load where they are wrong."""
    unknown = CardConfig("default", (TRAIN, CardSplit("extra", ("e.csv",))), is_changed=True)
    old = card_text(None, "acme/x", declaration, [CONFIG], COUNTS)
    assert "dataset_info" not in front(card_text(old, "acme/x", declaration, [unknown], COUNTS))


def test_sizes_of_rows_that_did_not_change_are_the_author_s(declaration):
    old = "---\ndataset_info:\n  features: []  # mine\n---\n"
    text = card_text(old, "acme/x", declaration, [CardConfig("default", (TRAIN,), is_changed=False)], COUNTS)
    assert "dataset_info:\n  features: []  # mine\n" in text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_text_before_and_behind_the_summary_stays(declaration, newline):
    text = card_text("Before.\n", "acme/x", declaration, [], COUNTS)
    edited = (text + "\nBehind.\n").replace("\n", newline)
    again = card_text(edited, "acme/x", declaration, [], {"tasks": {"train": 7}})
    assert again.count("## Tasks") == 1
    assert "| tasks | train | 7 |" in again
    assert handwritten(again) == "Before. Behind."
    assert "\n" not in again.replace("\r\n", "") or newline == "\n"


def test_a_mark_that_somebody_broke_swallows_no_text(declaration):
    text = card_text("Before.\n", "acme/x", declaration, [], COUNTS)
    broken = text.replace("<!-- end of tasksets summary -->", "") + "Kept.\n"
    once = card_text(broken, "acme/x", declaration, [], COUNTS)
    assert "Kept." in card_text(once, "acme/x", declaration, [], COUNTS)


def test_tags_are_merged_in_order_and_once(declaration):
    old = "---\ntags: [math, openenv]\n---\n"
    text = card_text(old, "acme/x", declaration, [], {}, other="---\ntags: [theirs, math]\nlicense: mit\n---\n")
    assert front(text) == {"tags": ["math", "openenv", "theirs", "rl-environment"], "license": "mit"}


def test_several_environments_are_named_in_the_reference(declare):
    both = declare(None).replace(
        environments=tuple(declare(None, id=name, splits=["test"]).environments[0] for name in ("a", "b"))
    )
    text = card_text(None, "acme/x", both, [], {"a": {"test": 1}})
    assert '"acme/x/a"' in text
    assert '"acme/x/b"' in text
    assert "| b | test |  |" in text
    assert "\n# x\n" in text
