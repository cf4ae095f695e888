"""The binding as plain JSON: the same whatever the spelling, without hidden constants, and compared by field."""

import json

from openenv_tasksets.declared_binding import binding_dump, changed_fields, content_part, digest, id_column

TASK = {"id": "key", "reset": {"prompt": "question", "answer": {"value": 4711}}, "visible": ["prompt"]}


def dump_of(declare, task=None, **environment):
    return binding_dump(declare(task, **environment).environments[0])


def test_it_has_what_decides_about_rows_and_tasks_and_nothing_else(declare):
    dump = dump_of(declare, TASK, title="Title", splits=["train"], config_name="main", reward={"range": [0, 1]})
    assert list(dump) == ["config_name", "reward", "splits", "task"]
    assert dump["task"]["reset"]["prompt"] == {"column": "question"}
    assert dump["splits"] == ["train"]


def test_two_spellings_of_one_binding_are_the_same(declare):
    long = {**TASK, "reset": {"answer": {"value": 4711}, "prompt": {"column": "question"}}, "keep_nulls": False}
    assert dump_of(declare, long) == dump_of(declare, TASK)
    assert digest(dump_of(declare, long)) == digest(dump_of(declare, TASK)) == "5b933f62c62c1df42bbb024a4779847e"


def test_hidden_constants_are_only_digests(declare):
    task = {
        "reset": {"prompt": {"template": "Q: {q}"}, "answer": {"value": "sesame"}, "rule": {"template": "sesame {q}"}},
        "visible": ["prompt"],
        "gold": {"answer": {"value": "sesame"}, "extra": {"column": "q", "extract": "(x)"}},
    }
    dump = dump_of(declare, task)
    assert "sesame" not in json.dumps(dump)
    assert dump["task"]["reset"]["prompt"] == {"template": "Q: {q}"}
    assert list(dump["task"]["reset"]["answer"]) == ["hidden_value"]
    assert list(dump["task"]["reset"]["rule"]) == ["hidden_template"]
    assert dump["task"]["gold"]["extra"] == {"column": "q", "extract": "(x)"}
    changed = dump_of(declare, {**task, "reset": {**task["reset"], "answer": {"value": "barley"}}})
    assert list(changed_fields(dump, changed)) == [("task.reset.answer.value", "changed; its value is hidden")]


def test_a_constant_and_its_type_count(declare):
    def hashed(value):
        return digest(dump_of(declare, {**TASK, "reset": {"prompt": "q", "answer": {"value": value}}}))

    assert len({hashed(value) for value in (1, 1.0, "1", True, [1], None)}) == 6


def test_the_part_that_makes_content_leaves_out_order_and_limits(declare):
    plain = dump_of(declare, TASK)
    ordered = dump_of(declare, {**TASK, "order": "sequential", "limits": {"max_steps": 1}}, config_name="other")
    assert plain != ordered
    assert content_part(plain) == content_part(ordered)
    for change in ({"id": None}, {"public": ["topic"]}, {"group": "topic"}, {"keep_nulls": True}, {"json": ["key"]}):
        assert content_part(dump_of(declare, {**TASK, **change})) != content_part(plain)


def test_without_a_task_block_there_is_no_content_part_and_no_id(declare):
    dump = dump_of(declare)
    assert content_part(dump) == content_part(dump_of(declare, {"reset": {}})) == {}
    assert id_column(dump) is None
    assert id_column(dump_of(declare, TASK)) == "key"
    assert dump_of(declare, {"reset": "all"})["task"] == {"reset": "all"}


def test_long_values_are_cut_when_they_are_shown(declare):
    long = {**TASK, "reset": {**TASK["reset"], "prompt": {"template": "x" * 1000}}}
    [(_, _), (path, change)] = changed_fields(dump_of(declare, TASK), dump_of(declare, long))
    assert path == "task.reset.prompt.template"
    assert change.startswith('absent -> "xxx')
    assert len(change) < 150
