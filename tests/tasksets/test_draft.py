"""What is drafted from columns and rows: each shape of dataset gets the binding and checker that fit it."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.binding import RowPlace, compile_binding
from openenv_tasksets.declaration import TaskDeclaration
from openenv_tasksets.draft import Draft, draft_answer, draft_arguments, draft_task, quoted
from openenv_tasksets.environment import Accepts
from openenv_tasksets.task import Task

PLACE = RowPlace("train", 0, lambda index: f"row {index}")


def draft_of(rows: list[dict[str, Any]]) -> Draft:
    return draft_answer(list(rows[0]), rows)


def task_of(draft: Draft) -> dict[str, Any]:
    """The drafted block as YAML reads it."""
    task: dict[str, Any] = yaml.safe_load(str(draft))["task"]
    return task


def bound(draft: Draft, row: dict[str, Any]) -> Task:
    declared = TaskDeclaration.from_dict(task_of(draft))
    return compile_binding(declared, list(row), "task").bind(row, 0, PLACE)


def comment(draft: Draft, key: str) -> str:
    return next(said for text, said in draft.lines if text.strip().startswith(f"{key}:"))


def test_an_answer_behind_hashes_is_extracted_and_checked_as_a_number() -> None:
    draft = draft_of([{"question": "1+1?", "answer": "one\n#### 2"}, {"question": "?", "answer": "#### 1,200"}])

    assert draft.arguments == {"checker": "number"}
    assert bound(draft, {"question": "1+1?", "answer": "one\n#### 2"}).hidden.reveal() == {"answer": "2"}


def test_hashes_in_only_some_answers_are_left_alone() -> None:
    draft = draft_of([{"question": "?", "answer": "#### 2"}, {"question": "?", "answer": "a word"}])

    assert task_of(draft)["reset"]["answer"] == "answer"
    assert draft.arguments == {"checker": "normalized"}


@pytest.mark.parametrize("answer", [2, "C", "blue"], ids=["index", "letter", "text"])
def test_choices_with_an_index_a_letter_or_a_text_are_checked_as_a_choice(answer: object) -> None:
    row = {"question": "Which?", "subject": "art", "choices": ["red", "green", "blue", "pink"], "answer": answer}
    draft = draft_of([row])

    assert draft.arguments == {"checker": "choice"}
    task = bound(draft, row)
    assert task.visible == {"prompt": "Which?", "choices": ["red", "green", "blue", "pink"]}
    assert task.public == {"subject": "art", "group": "art"}


def test_choices_in_a_struct_are_bound_by_their_texts() -> None:
    row = {
        "id": "a1",
        "question": "Which?",
        "choices": {"text": ["red", "blue"], "label": ["A", "B"]},
        "answerKey": "B",
    }
    draft = draft_of([row])

    assert draft.arguments == {"checker": "choice"}
    assert bound(draft, row).arguments() == {"prompt": "Which?", "choices": ["red", "blue"], "answer": "B"}


def test_choices_that_are_no_texts_are_not_bound() -> None:
    draft = draft_of([{"question": "?", "choices": [1, 2], "answer": "x"}])

    assert "choices" not in task_of(draft)["reset"]
    assert draft.columns == {"question", "answer"}


def test_a_boxed_solution_is_checked_as_normalized_text_and_is_its_own_gold_action() -> None:
    row = {"problem": "x?", "level": "Level 5", "type": "Algebra", "solution": r"So $\boxed{x^2}$."}
    draft = draft_of([row])

    assert draft.arguments == {"checker": "normalized"}
    task = bound(draft, row)
    assert task.visible == {"prompt": "x?"}
    assert task.public == {"type": "Algebra", "difficulty": "Level 5", "group": "Algebra"}
    assert task.gold.reveal() == {"answer": row["solution"]}


@pytest.mark.parametrize(
    ("answer", "checker"),
    [
        (7, "number"),
        (0.5, "number"),
        ("1,234.5", "number"),
        ("$12", "number"),
        ("Paris", "normalized"),
        (True, "normalized"),
        ("flight 93", "normalized"),
        (["a", "b"], "json"),
        ({"x": 1}, "json"),
    ],
)
def test_the_checker_follows_from_the_answers(answer: object, checker: str) -> None:
    assert draft_of([{"question": "?", "answer": answer}]).arguments == {"checker": checker}


def test_answers_of_several_kinds_get_a_checker_that_takes_them_all() -> None:
    rows = [{"question": "?", "answer": answer} for answer in ("12", "twelve")]

    assert draft_of(rows).arguments == {"checker": "normalized"}


def test_bound_columns_of_json_text_are_decoded_and_others_are_not_named() -> None:
    row = {"question": "?", "choices": '["red", "blue"]', "answer": "red", "metadata": '{"secret": 1}'}
    draft = draft_of([row])

    assert task_of(draft)["json"] == ["choices"]
    assert bound(draft, row).visible["choices"] == ["red", "blue"]
    assert draft.columns == {"question", "choices", "answer"}


def test_text_that_only_looks_like_json_is_text() -> None:
    draft = draft_of([{"question": "[draft] what?", "answer": "{x}"}])

    assert "json" not in task_of(draft)


def test_a_column_is_an_id_only_if_it_could_be_one() -> None:
    rows = [{"id": n, "question": "?", "answer": "a"} for n in (1, 2)]
    assert task_of(draft_of(rows))["id"] == "id"
    assert "id" not in task_of(draft_of([*rows, rows[0]])), "an id that comes twice"
    assert "id" not in task_of(draft_of([*rows, {**rows[0], "id": None}])), "an id that is null"
    assert "id" not in task_of(draft_of([{**rows[0], "id": 1.5}])), "an id that is no whole number"


def test_public_columns_are_those_with_telling_names_and_plain_values() -> None:
    row = {"question": "?", "answer": "a", "source": {"url": "x"}, "category": "c", "difficulty": 3, "other": 1}
    task = task_of(draft_of([row]))

    assert task["public"] == ["category"]
    assert task["group"] == "category"
    assert task["difficulty"] == "difficulty"


@pytest.mark.parametrize("name", ["Question", "user_prompt", "mainQuestion", "INPUT", "chat messages"])
def test_names_are_known_whatever_their_case_and_by_their_last_word(name: str) -> None:
    draft = draft_of([{"row": 1, name: "?", "answer": "a"}])

    assert task_of(draft)["reset"]["prompt"] == name
    assert comment(draft, "prompt") == "what the agent is asked"


def test_columns_whose_names_say_nothing_are_a_guess_that_the_comment_owns_up_to() -> None:
    draft = draft_of([{"alpha": "a?", "beta": "b", "gamma": "c"}])

    assert task_of(draft)["reset"] == {"prompt": "alpha", "answer": "gamma"}
    assert comment(draft, "prompt").startswith("fill in: the column with the question; a guess among 'alpha', ")
    assert comment(draft, "answer").startswith("fill in: the column with the expected answer; a guess among ")


def test_a_single_column_leaves_the_answer_to_be_filled_in() -> None:
    draft = draft_of([{"text": "Once upon a time"}])

    assert task_of(draft)["reset"] == {"prompt": "text", "answer": {"value": "FILL_IN"}}
    assert comment(draft, "answer").startswith("fill in:")
    assert bound(draft, {"text": "Once"}).arguments() == {"prompt": "Once", "answer": "FILL_IN"}


def test_from_names_alone_there_is_a_block_without_comments_and_no_checker() -> None:
    assert draft_task(["id", "question", "answer"]) == (
        "task:\n  id: id\n  reset:\n    prompt: question\n    answer: answer\n  visible: [prompt]"
    )
    assert draft_answer(["question", "answer"]).arguments == {}


def test_without_any_column_the_block_names_columns_to_make() -> None:
    assert task_of(draft_answer([]))["reset"] == {"prompt": "prompt", "answer": "answer"}


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True), st.data())
def test_any_column_names_give_a_block_that_binds_them(columns: list[str], data: st.DataObject) -> None:
    columns = [name.encode("utf-8", "ignore").decode() or "a" for name in columns]
    rows = [{name: data.draw(st.text(max_size=5)) for name in columns} for _ in range(2)]
    draft = draft_answer(columns, rows)

    assert draft.columns <= set(columns)
    declared = TaskDeclaration.from_dict(task_of(draft))
    assert set(compile_binding(declared, columns, "task").columns) == draft.columns


@given(st.text(min_size=1))
def test_a_quoted_name_is_read_back_as_it_was(name: str) -> None:
    assert yaml.safe_load(f"[{quoted(name)}]") == [name]


@pytest.mark.parametrize("word", ["null", "Yes", "on", "FALSE", "n"])
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    assert quoted(word) == f'"{word}"'


def test_for_another_environment_columns_are_bound_by_the_names_of_its_arguments() -> None:
    accepted = Accepts(frozenset({"prompt", "test", "seed", "hints"}), any_name=False, required=frozenset({"test"}))
    draft = draft_arguments(["Prompt", "test", "other"], accepted)

    assert task_of(draft) == {"reset": {"prompt": "Prompt", "test": "test"}, "visible": ["prompt"]}
    assert draft.columns == {"Prompt", "test"}
    assert draft.arguments == {}


def test_a_required_argument_without_a_column_is_to_be_filled_in() -> None:
    accepted = Accepts(frozenset({"test", "hints"}), any_name=False, required=frozenset({"test"}))
    draft = draft_arguments(["other"], accepted)

    assert task_of(draft) == {"reset": {"test": "FILL_IN"}, "visible": []}
    assert comment(draft, "test").startswith("fill in:")


def test_an_environment_without_argument_names_leaves_the_binding_to_be_filled_in() -> None:
    draft = draft_arguments(["other"], Accepts(frozenset({"seed"}), any_name=True, required=frozenset()))

    assert task_of(draft)["reset"] == {"FILL_IN": "FILL_IN"}
