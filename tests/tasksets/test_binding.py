"""The binding of rows to tasks."""

import datetime as dt
import decimal
import json
from typing import Any

import pytest

from openenv_tasksets.binding import Binding, RowPlace, compile_binding
from openenv_tasksets.declaration import TaskDeclaration
from openenv_tasksets.loaders.errors import DeclarationError, RowError
from openenv_tasksets.task import Task

PLACE = RowPlace("train", 7, lambda row: f"data/train.parquet, row {row}")


def compile_task(task: dict[str, Any] | None, columns: list[str]) -> Binding:
    declared = None if task is None else TaskDeclaration.from_dict(task)
    return compile_binding(declared, columns, "environments[0].task")


def bind(task: dict[str, Any] | None, row: dict[str, Any]) -> Task:
    return compile_task(task, list(row)).bind(row, 5, PLACE)


def arguments(task: dict[str, Any] | None, row: dict[str, Any]) -> dict[str, Any]:
    return bind(task, row).arguments()


def refused(task: dict[str, Any], columns: list[str]) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        compile_task(task, columns)
    return [str(issue) for issue in caught.value.issues]


def unbindable(task: dict[str, Any] | None, row: dict[str, Any]) -> RowError:
    with pytest.raises(RowError) as caught:
        bind(task, row)
    return caught.value


def test_columns_templates_extracts_and_constants_become_arguments() -> None:
    row = {"question": "1+1?", "answer": "two\n#### 2", "meta": {"level": 3}}
    task = {
        "reset": {
            "prompt": {"template": "{question} (level {meta.level}) {{end}}"},
            "answer": {"column": "answer", "extract": "#### (.+)$"},
            "raw": "answer",
            "level": "meta.level",
            "tolerance": {"value": 0.5},
        },
        "visible": ["prompt"],
    }
    assert arguments(task, row) == {
        "prompt": "1+1? (level 3) {end}",
        "answer": "2",
        "raw": "two\n#### 2",
        "level": 3,
        "tolerance": 0.5,
    }


def test_what_is_not_visible_is_hidden() -> None:
    task = bind(
        {"reset": {"prompt": "q", "answer": "a"}, "visible": ["prompt"], "gold": {"answer": "a"}},
        {"q": "1+1", "a": "SECRET"},
    )
    assert task.visible == {"prompt": "1+1"}
    assert task.hidden.reveal() == {"answer": "SECRET"}
    assert task.gold.reveal() == {"answer": "SECRET"}
    for text in (repr(task), str(task), f"{task}", repr(task.hidden), str(task.gold), repr([task.hidden])):
        assert "SECRET" not in text
    assert repr(task.hidden) == ""


def test_public_columns_difficulty_and_group_are_in_the_spec() -> None:
    task = bind(
        {
            "id": "key",
            "reset": {"prompt": "q"},
            "public": ["meta.topic"],
            "difficulty": "meta.level",
            "group": "meta.topic",
        },
        {"key": 12, "q": "?", "meta": {"topic": "algebra", "level": 3, "secret": 1}},
    )
    assert task.spec() == {
        "id": "12",
        "split": "train",
        "index": 5,
        "row": 7,
        "meta.topic": "algebra",
        "difficulty": 3,
        "group": "algebra",
    }


def test_without_an_id_column_the_id_is_split_and_row() -> None:
    assert bind({"reset": {"prompt": "q"}}, {"q": "?"}).id == "train-7"


def test_only_columns_that_a_line_names_are_needed() -> None:
    columns = ["id", "question", "unused", "answer", "meta", "also_unused"]
    binding = compile_task(
        {"id": "id", "reset": {"p": {"template": "{question}"}}, "gold": {"a": "answer"}, "difficulty": "meta.level"},
        columns,
    )
    assert binding.columns == ("id", "question", "answer", "meta")


def test_json_text_is_decoded_also_inside_lists_and_inside_json() -> None:
    inner = json.dumps({"type": "object"})
    row = {
        "meta": json.dumps({"level": 3, "raw": json.dumps([1, 2])}),
        "tools": [{"name": "add", "parameters": inner}, {"name": "sub", "parameters": None}],
    }
    task = {
        "json": ["meta", "meta.raw", "tools.parameters"],
        "keep_nulls": True,
        "reset": {"level": "meta.level", "raw": "meta.raw", "tools": "tools", "types": "tools.name"},
    }
    assert arguments(task, row) == {
        "level": 3,
        "raw": [1, 2],
        "tools": [{"name": "add", "parameters": {"type": "object"}}, {"name": "sub", "parameters": None}],
        "types": ["add", "sub"],
    }


def test_struct_fields_that_are_null_are_dropped_unless_kept() -> None:
    row = {"messages": [{"role": "user", "content": "hi", "tool_calls": None}], "note": None}
    task = {"reset": {"messages": "messages", "note": "note"}}
    assert arguments(task, row) == {"messages": [{"role": "user", "content": "hi"}], "note": None}
    assert arguments({**task, "keep_nulls": True}, row) == row


def test_a_null_field_is_null_to_a_path_that_names_it() -> None:
    row = {"meta": {"topic": None, "level": 3}, "tools": [{"parameters": None}, {"parameters": '{"a": null}'}]}
    task = bind(
        {
            "json": ["tools.parameters"],
            "reset": {"level": "meta.level", "all": "tools.parameters", "tools": "tools", "one": "meta.topic"},
            "public": ["meta.topic"],
        },
        row,
    )
    assert task.public == {"meta.topic": None}
    assert task.arguments() == {
        "level": 3,
        "all": [None, {"a": None}],
        "tools": [{}, {"parameters": {"a": None}}],
        "one": None,
    }


def test_the_names_in_a_hidden_struct_are_not_told() -> None:
    error = unbindable({"json": ["x"], "reset": {"a": "x.y"}}, {"x": '{"SECRET": true}'})
    assert "no field 'y' in the struct there" in str(error)
    assert "SECRET" not in str(error)


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ({"reset": {"a": "answer"}, "public": ["answer"], "gold": {"a": "answer"}}, ["answer"]),
        ({"reset": {"a": "m.x"}, "group": "m", "gold": {"a": {"template": "{m.x}"}}}, ["m"]),
        ({"public": ["openenv_reset"]}, ["openenv_reset"]),
        ({"difficulty": "task.level", "public": ["task"]}, ["task"]),
    ],
)
def test_what_holds_the_gold_action_or_all_arguments_cannot_be_public(task: dict[str, Any], columns: list[str]) -> None:
    (issue,) = refused(task, columns)
    assert "holds the gold action or the arguments; it cannot be public" in issue


def test_a_part_of_what_is_hidden_may_be_public() -> None:
    task = bind({"reset": {"m": "m"}, "public": ["m.level"]}, {"m": {"level": 3, "answer": 4}})
    assert task.public == {"m.level": 3}


def test_nulls_inside_json_text_are_the_authors_and_stay() -> None:
    assert arguments({"json": ["m"], "reset": {"m": "m"}}, {"m": '{"a": null}'}) == {"m": {"a": None}}


def test_values_keep_their_types() -> None:
    row = {
        "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "price": decimal.Decimal("1.10"),
        "raw": b"\x00\xff",
        "big": 2**70,
        "vector": [1.5, 2.5],
    }
    assert arguments({"reset": {name: name for name in row}}, row) == row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (decimal.Decimal("1.10"), "1.10"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        ([1, "two"], '[1,"two"]'),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_a_template_writes_every_value_that_has_a_text(value: object, text: str) -> None:
    assert arguments({"reset": {"p": {"template": "<{x}>"}}}, {"x": value}) == {"p": f"<{text}>"}


def test_reset_all_is_the_whole_row_and_visible_names_columns() -> None:
    task = bind({"reset": "all", "visible": ["q"]}, {"q": "?", "a": "!"})
    assert task.visible == {"q": "?"}
    assert task.hidden.reveal() == {"a": "!"}


@pytest.mark.parametrize("value", [{"task_id": "x", "n": 1}, '{"task_id": "x", "n": 1}'])
def test_without_a_task_block_openenv_reset_gives_the_arguments_and_nothing_is_visible(value: object) -> None:
    task = bind(None, {"openenv_reset": value, "task": "unused", "other": 1})
    assert task.arguments() == {"task_id": "x", "n": 1}
    assert task.visible == {}


def test_without_openenv_reset_the_task_column_becomes_the_task_argument() -> None:
    task = bind(None, {"task": {"prompt": "?", "answer": "42"}, "task_id": "e-1"})
    assert task.arguments() == {"task": {"prompt": "?", "answer": "42"}}
    assert task.visible == {}


def test_a_block_without_reset_still_follows_the_row_and_names_what_is_visible() -> None:
    task = bind({"visible": ["prompt"]}, {"openenv_reset": {"prompt": "?", "answer": "!"}})
    assert task.visible == {"prompt": "?"}


def test_rows_without_a_binding_are_refused_with_a_block_to_write() -> None:
    with pytest.raises(DeclarationError) as caught:
        compile_task(None, ["question", "answer", "level"])
    message = str(caught.value)
    assert "nothing says how a row becomes a task" in message
    assert "prompt: question" in message
    assert "visible: [prompt]" in message


def test_every_unknown_column_is_reported_at_once_with_the_nearest_spelling() -> None:
    issues = refused(
        {
            "id": "key",
            "reset": {"prompt": "qestion", "p": {"template": "{question} {nope}"}},
            "public": ["topc"],
            "difficulty": "levl",
            "json": ["metadat"],
            "gold": {"answer": {"column": "anser"}},
        },
        ["question", "answer", "topic", "level", "metadata"],
    )
    assert [issue.split(": ")[0].removeprefix("environments[0].task.") for issue in issues] == [
        "json[0]",
        "reset.prompt",
        "reset.p",
        "id",
        "gold.answer",
        "public[0]",
        "difficulty",
    ]
    assert "no column 'qestion'; did you mean 'question'?" in issues[1]
    assert "There are: 'question', 'answer', 'topic', 'level', 'metadata'" in issues[2]


def test_a_public_column_may_not_take_the_place_of_a_tasks_own_key() -> None:
    assert "it cannot be public" in refused({"reset": {"p": "q"}, "public": ["split"]}, ["q", "split"])[0]
    assert bind({"id": "id", "reset": {"p": "q"}, "public": ["id"]}, {"q": 1, "id": "a"}).spec()["id"] == "a"


@pytest.mark.parametrize(
    ("task", "row", "column", "message"),
    [
        ({"reset": {"a": {"column": "x", "extract": "#### (.+)$"}}}, {"x": "SECRET"}, "x", "does not match extract"),
        ({"reset": {"a": "x.y"}}, {"x": {"z": "SECRET"}}, "x.y", "no field 'y'"),
        ({"reset": {"a": {"template": "{x}"}}}, {"x": None}, "x", "null has no text form"),
        ({"reset": {"a": {"template": "{x}"}}}, {"x": b"SECRET"}, "x", "bytes has no text form"),
        ({"json": ["x"], "reset": {"a": "x"}}, {"x": "SECRET{"}, "x", "not valid JSON"),
        ({"json": ["x"], "reset": {"a": "x"}}, {"x": 5}, "x", "declared as JSON text, but holds int"),
        ({"id": "x", "reset": {"a": "x"}}, {"x": None}, "x", "an id is text or a whole number, not null"),
        ({"id": "x", "reset": {"a": "x"}}, {"x": ""}, "x", "not empty"),
        ({"id": "x", "reset": {"a": "x"}}, {"x": 1.5}, "x", "not float"),
        ({"id": "x", "reset": {"a": "x"}}, {"x": True}, "x", "not bool"),
        (None, {"openenv_reset": "[1]"}, "openenv_reset", "holds list; it must be a struct"),
        (None, {"openenv_reset": None}, "openenv_reset", "holds null"),
    ],
)
def test_a_row_that_cannot_be_bound_is_named_by_file_split_row_and_column_but_not_shown(
    task: dict[str, Any] | None, row: dict[str, Any], column: str, message: str
) -> None:
    error = unbindable(task, row)
    assert (error.split, error.row, error.column) == ("train", 7, column)
    assert error.location == "data/train.parquet, row 7"
    assert message in str(error)
    assert "data/train.parquet, row 7 (split 'train', row 7)" in str(error)
    assert "SECRET" not in str(error)
    assert error.__suppress_context__


def test_deeply_nested_json_text_is_an_error_of_the_row() -> None:
    error = unbindable({"json": ["x"], "reset": {"a": "x"}}, {"x": "[" * 200_000})
    assert "not valid JSON" in str(error)


PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
    b"IDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)
IMAGE = {"bytes": PIXEL, "path": "1.png"}


class TestImages:
    def bound(self, make_taskset, row, form, column="image"):
        task = {"reset": {"shown": {"column": column, "as": form} if form else column}, "visible": ["shown"]}
        return make_taskset([row], task).task("train", 0).visible["shown"]

    def test_reach_reset_in_the_form_declared(self, make_taskset):
        row = {"image": IMAGE}
        uri = self.bound(make_taskset, row, "data_uri")
        assert uri.startswith("data:image/png;base64,iVBORw0KGgo")
        assert self.bound(make_taskset, row, "bytes") == PIXEL
        picture = self.bound(make_taskset, row, "pil")
        assert (picture.format, picture.size) == ("PNG", (1, 1))
        assert self.bound(make_taskset, row, None) == IMAGE
        for form in ("data_uri", "bytes"):
            for value in (PIXEL, uri):
                assert self.bound(make_taskset, {"image": value}, form) == self.bound(make_taskset, row, form)

    def test_may_be_several_or_none(self, make_taskset):
        row = {"turns": [{"image": IMAGE}, {"image": None}], "images": [IMAGE, PIXEL], "none": None}
        assert self.bound(make_taskset, row, "bytes", "turns.image") == [PIXEL, None]
        assert self.bound(make_taskset, row, "bytes", "images") == [PIXEL, PIXEL]
        assert self.bound(make_taskset, row, "pil", "none") is None

    @pytest.mark.parametrize(
        ("value", "form", "message"),
        [
            ({"bytes": None, "path": "a.png"}, "bytes", "as bytes: the struct holds only the path of a file"),
            ("secret", "data_uri", "as data_uri: text is no image or sound"),
            (b"secret", "pil", "as pil: Pillow cannot read the image: UnidentifiedImageError"),
        ],
    )
    def test_that_are_none_are_said_without_their_value(self, make_taskset, value, form, message):
        with pytest.raises(RowError, match=rf"row 0\), column 'image': {message}") as caught:
            self.bound(make_taskset, {"image": value}, form)
        assert "secret" not in str(caught.value)
