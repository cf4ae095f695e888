"""One split of a mixture: ids that lead back, rows of the parts, and filters on what all parts publish."""

from typing import Any

import pytest
from mixed_parts import math_part, words_part

from openenv_tasksets.binding import RowPlace
from openenv_tasksets.loaders.errors import SelectionError, TaskNotFound
from openenv_tasksets.mixture import Mixture


@pytest.fixture(scope="module")
def mixture(make_taskset: Any) -> Mixture:
    return Mixture({"math": (math_part(make_taskset), 0.75), "words": (words_part(make_taskset), 0.25)})


def test_ids_lead_back(mixture: Any) -> None:
    assert all(mixture.index_of("train", task.id) == task.index for task in mixture["train"])
    for unknown in ("m3", "math/m99", "other/m3", "math", ""):
        with pytest.raises(TaskNotFound, match="it has 65 tasks, such as 'math/m0'"):
            mixture.index_of("train", unknown)


def test_its_rows_can_be_read_and_found(mixture: Any) -> None:
    split = mixture.split("train")
    rows = split.read_many([64, 0, 41, 39])
    assert [row.get("word") or row["key"] for row in rows] == ["w24", "m0", "w1", "m39"]
    assert split.rows.location(41) == "part 'words', rows in memory, row 1"
    assert split.rows.is_hot(41)
    assert split.columns == ("key", "q", "a", "level", "only", "word", "reversed")
    assert set(split.binding.columns) == {"key", "q", "a", "level", "only", "word", "reversed"}
    assert split.rows[41] == rows[2]
    assert list(split.rows.column("word"))[39:42] == [None, "w0", "w1"]
    with pytest.raises(IndexError):
        split.rows[65]
    place = RowPlace("train", 41, split.rows.location)
    assert split.binding.task_id(rows[2], place) == "words/train-1"
    assert split.binding.public_values(rows[2], ["level"], place) == {"level": 1}
    assert len(split.rows) == 65
    assert split.rows.project([]) is split.rows
    assert list(split.rows.block_starts) == [0, 40]
    again = Mixture(mixture.parts).split("train")
    assert split.rows.fingerprint == again.rows.fingerprint
    assert split.identity != again.identity


def test_views_filter_on_what_is_public_in_all_parts(mixture: Any) -> None:
    view = mixture["train"].where(level=1)
    assert [task.id for task in view] == [task.id for task in mixture["train"] if task.public["level"] == 1]
    assert view.shuffle(3)[0].public["level"] == 1
    with pytest.raises(SelectionError, match="'only' is not public"):
        mixture["train"].where(only=3)
    with pytest.raises(SelectionError, match="narrow its parts"):
        mixture.with_view(view)
