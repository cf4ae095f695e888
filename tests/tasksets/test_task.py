"""A task, and that its hidden values slip into nothing that is written."""

import json
import logging
import pickle

import msgspec
import pytest

from openenv_tasksets.task import Hidden, Task

CANARY = "c4n4ry"
TASK = Task(
    id="t-1",
    split="test",
    index=3,
    row=7,
    visible={"prompt": "?"},
    public={"level": 2, "index": "a column of this name"},
    hidden=Hidden({"answer": CANARY, "many": [CANARY]}),
    gold=Hidden({"answer": CANARY}),
)


@pytest.mark.parametrize("shown", [TASK, TASK.hidden, [TASK.hidden], {"task": TASK}, (TASK.gold,)], ids=type)
@pytest.mark.parametrize("write", [repr, str, "{}".format, "{0!r}".format, lambda value: f"{value}"])
def test_no_text_of_it_holds_a_hidden_value(shown, write):
    assert CANARY not in write(shown)


def test_no_log_line_does(caplog):
    logging.getLogger("test").error("task %s %r", TASK, TASK.hidden, extra={"task": TASK})
    try:
        raise ValueError(TASK, TASK.hidden)
    except ValueError:
        logging.getLogger("test").exception("failed")
    assert "t-1" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins])
def test_no_encoder_takes_it(encode):
    for value in (TASK.hidden, {"a": [TASK.hidden]}):
        with pytest.raises(TypeError):
            encode(value)


def test_whoever_may_see_the_values_asks_for_them():
    assert TASK.hidden.reveal() == {"answer": CANARY, "many": [CANARY]}
    assert TASK.arguments() == {"prompt": "?", "answer": CANARY, "many": [CANARY]}


def test_the_task_api_tells_the_public_columns_and_where_the_task_is():
    assert TASK.spec() == {"id": "t-1", "split": "test", "index": 3, "row": 7, "level": 2}


def test_hidden_values_are_compared_and_sent_to_worker_processes():
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    assert Hidden({"a": [1]}) == Hidden({"a": [1]}) != Hidden({"a": [2]})
    assert Hidden({"a": 1}) != {"a": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Hidden({}))


def test_it_does_not_change():
    with pytest.raises(AttributeError):
        TASK.index = 4
