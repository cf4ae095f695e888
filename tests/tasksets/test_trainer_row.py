"""Rows for trainers: visible values and selectors, hidden ones only by name."""

from typing import Any

import pytest

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.trainer_row import TrainerRows

ROWS = [{"q": "1+1?", "a": "2", "where": "train"}, {"q": "2+2?", "a": "4", "where": "test"}]


@pytest.fixture
def split(make_taskset: Any) -> Any:
    reset = {"prompt": "q", "answer": "a", "split": "where", "index": {"value": 7}}
    return make_taskset(ROWS, {"reset": reset, "visible": ["prompt", "split"], "public": ["where"]}).split("train")


def test_a_row_holds_what_the_agent_sees_and_what_selects_its_task(split: Any) -> None:
    row = TrainerRows(split).row(5, split.task(1))
    assert row == {"prompt": "2+2?", "split": "train", "index": 1, "task_id": "train-1", "seed": 5}


def test_hidden_arguments_come_by_name_only(split: Any) -> None:
    assert TrainerRows(split, ["answer"]).row(0, split.task(0))["answer"] == "2"


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (["anwser"], "task 'train-0' has no hidden argument 'anwser'; did you mean 'answer'"),
        (["prompt"], "no hidden argument 'prompt'"),
        (["index"], "hidden argument 'index' has the name of a selector"),
        ("answer", r"hidden is a list of names, such as \['answer'\]"),
    ],
)
def test_other_names_are_refused(split: Any, hidden: Any, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        TrainerRows(split, hidden)
