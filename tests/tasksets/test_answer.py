"""The environment ``answer`` on rows in the shape of well-known datasets, and its contract."""

import inspect
import json
import math
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.answer import Answer, AnswerAction, AnswerObservation, AnswerState
from openenv_tasksets.checkers import CHECKERS
from openenv_tasksets.loaders.errors import ResetNeeded
from openenv_tasksets.patterns import compile_pattern

GSM8K_ROW = {
    "question": "Natalia sold clips to 48 friends in April and half as many in May. How many did she sell?",
    "answer": "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n"
    "Natalia sold 48+24 = <<48+24=72>>72 clips altogether.\n#### 72",
}
MMLU_ROW = {
    "question": "Find the degree of the extension Q(sqrt(2), sqrt(3), sqrt(18)) over Q.",
    "subject": "abstract_algebra",
    "choices": ["0", "4", "2", "6"],
    "answer": 1,
}
MATH_ROW = {
    "problem": "A fair coin is tossed. What is the probability of heads?",
    "level": "Level 1",
    "type": "Counting & Probability",
    "solution": r"Of two outcomes one is heads, so it is $\boxed{\frac{1}{2}}$.",
}


def play(environment, reply, **task):
    shown = environment.reset(**task)
    assert (shown.done, shown.reward) == (False, None)
    outcome = environment.step(AnswerAction(reply))
    assert outcome == AnswerObservation(done=True, reward=outcome.reward)
    return outcome.reward


@pytest.mark.parametrize("extracted", [True, False])
@pytest.mark.parametrize(
    ("reply", "reward"),
    [
        ("72", 1.0),
        (GSM8K_ROW["answer"], 1.0),
        ("48 + 24 = 72 clips.", 1.0),
        ("#### 72", 1.0),
        (r"Altogether $\boxed{72}$", 1.0),
        ("**72.0**", 1.0),
        ("24", 0.0),
        ("72 in April, 24 in May", 0.0),
        ("seventy-two", 0.0),
        ("", 0.0),
    ],
)
def test_gsm8k_rows(reply, reward, extracted):
    expected = compile_pattern("#### (.+)$").extract(GSM8K_ROW["answer"]) if extracted else GSM8K_ROW["answer"]
    assert play(Answer(checker="number"), reply, prompt=GSM8K_ROW["question"], answer=expected) == reward


@pytest.mark.parametrize(
    ("reply", "reward"),
    [
        ("#### 72", 1.0),
        ("#### 24\nNo, both months:\n#### 72\n", 1.0),
        (GSM8K_ROW["answer"], 1.0),
        ("72", 0.0),
        ("#### 72\n#### 24", 0.0),
        ("####", 0.0),
    ],
)
def test_gsm8k_rows_with_an_answer_line_asked_for(reply, reward):
    environment = Answer(checker="number", extract="#### (.+)$")
    assert play(environment, reply, prompt=GSM8K_ROW["question"], answer="72") == reward


@pytest.mark.parametrize(
    ("reply", "reward"),
    [
        ("B", 1.0),
        ("(B)", 1.0),
        ("(B) 4", 1.0),
        ("4", 1.0),
        ("1", 1.0),
        ("The degree is 4.", 1.0),
        ("sqrt(18) adds nothing.\nThe answer is (B).", 1.0),
        (r"\boxed{B}", 1.0),
        ("A", 0.0),
        ("2", 0.0),
        ("(C) 4", 0.0),
        ("B or C", 0.0),
        ("E", 0.0),
        ("", 0.0),
    ],
)
def test_mmlu_rows(reply, reward):
    row = {name: MMLU_ROW[name] for name in ("choices", "answer")}
    assert play(Answer(checker="choice"), reply, prompt=MMLU_ROW["question"], **row) == reward


@pytest.mark.parametrize(
    ("reply", "reward"),
    [
        (MATH_ROW["solution"], 1.0),
        (r"\boxed{\frac{1}{2}}", 1.0),
        (r"It is $\boxed{\dfrac12}$.", 1.0),
        (r"First \boxed{2}, no, \boxed{\tfrac{1}{2}}", 1.0),
        (r"$\frac{1}{2}$", 1.0),
        ("1/2", 1.0),
        (r"\boxed{\frac{2}{1}}", 0.0),
        (r"\boxed{\frac{1}{2}}, no, \boxed{1}", 0.0),
        (r"\frac{1}{2", 0.0),
        ("", 0.0),
    ],
)
def test_math_rows(reply, reward):
    assert play(Answer(), reply, prompt=MATH_ROW["problem"], answer=MATH_ROW["solution"]) == reward


def test_the_agent_sees_the_prompt_and_the_choices():
    shown = Answer(checker="choice").reset(prompt="Which?", answer=0, choices=["yes", "no"])
    assert shown == AnswerObservation(prompt="Which?", choices=["yes", "no"])
    assert json.loads(msgspec.json.encode(shown)) == {
        "prompt": "Which?",
        "choices": ["yes", "no"],
        "done": False,
        "reward": None,
    }


def test_a_prompt_may_be_chat_messages_which_stay_the_rows_own():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "2 + 2?"}], "name": "ann"},
    ]
    shown = Answer().reset(prompt=messages, answer="4")
    assert shown.prompt == messages
    assert shown.prompt is not messages
    assert shown.prompt[0] is not messages[0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (None, "prompt must be text or a list of chat messages, not NoneType"),
        (7, "prompt must be text or a list of chat messages, not int"),
        ([], "prompt must be text or a list of chat messages"),
        (["hello"], "message 0 of the prompt must be a mapping with a text 'role' and a 'content'"),
        ([{"role": "user"}], "message 0 of the prompt must be a mapping"),
        ([{"role": "user", "content": "a"}, {"role": None, "content": "b"}], "message 1 of the prompt must be"),
    ],
)
def test_any_other_prompt_is_an_error(prompt, message):
    with pytest.raises(ValueError, match=message):
        Answer().reset(prompt=prompt, answer="4")


@pytest.mark.parametrize("choices", ["yes", ["yes", 1], {"a": "b"}, ("yes", "no")])
def test_choices_that_are_no_list_of_texts_are_an_error(choices):
    with pytest.raises(ValueError, match="choices must be a list of texts"):
        Answer(checker="choice").reset(prompt="Which?", answer=0, choices=choices)


def test_the_tolerance_of_a_row_goes_before_the_declared_one():
    environment = Answer(checker="number", tolerance=0.5)
    assert play(environment, "1.5", prompt="One?", answer=1) == 1.0
    assert play(environment, "1.5", prompt="One?", answer=1, tolerance=0.0) == 0.0
    assert play(environment, "3", prompt="One?", answer=1, tolerance=2) == 1.0
    with pytest.raises(ValueError, match="tolerance must be finite and at least 0, not -1"):
        environment.reset(prompt="One?", answer=1, tolerance=-1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checker": "nubmer"}, "unknown checker 'nubmer'; there are exact, normalized, number, choice, regex, json"),
        ({"extract": "(?=x)"}, "lookaround and backreferences are not supported"),
        ({"tolerance": -1}, "tolerance must be finite and at least 0"),
        ({"tolerance": math.nan}, "tolerance must be finite and at least 0"),
    ],
)
def test_arguments_that_it_does_not_take_are_errors_at_once(arguments, message):
    with pytest.raises(ValueError, match=message):
        Answer(**arguments)


def test_an_episode_is_one_step():
    environment = Answer()
    with pytest.raises(ResetNeeded, match="call reset"):
        environment.step(AnswerAction("4"))
    for _ in range(2):
        environment.reset(prompt="2 + 2?", answer=4)
        assert environment.state == AnswerState(step_count=0)
        assert environment.step(AnswerAction("4")).reward == 1.0
        assert environment.state == AnswerState(step_count=1)
        with pytest.raises(ResetNeeded, match="one reply"):
            environment.step(AnswerAction("4"))


def test_a_failed_reset_and_a_closed_environment_leave_no_task():
    environment = Answer(checker="number")
    environment.reset(prompt="2 + 2?", answer=4)
    with pytest.raises(ValueError, match="not a finite number"):
        environment.reset(prompt="2 + 2?", answer="four")
    with pytest.raises(ResetNeeded):
        environment.step(AnswerAction("4"))
    environment.reset(prompt="2 + 2?", answer=4)
    environment.close()
    with pytest.raises(ResetNeeded):
        environment.step(AnswerAction("4"))


@pytest.mark.parametrize("checker", sorted(CHECKERS))
def test_the_expected_answer_shows_nowhere(checker):
    secret = {"number": "909090", "json": '"909090"'}.get(checker, "x909090")
    choices = ["y1", secret] if checker == "choice" else None
    environment = Answer(checker=checker)
    shown = [environment.reset(prompt="What?", answer=secret, choices=choices)]
    shown += [environment, environment.state, vars(environment)]
    shown += [environment.step(AnswerAction("no")), environment.state]
    if checker == "choice":
        shown[0] = msgspec.structs.replace(shown[0], choices=None)
    assert not any("909090" in text for thing in shown for text in (repr(thing), str(thing)))


def test_actions_are_text_with_the_clients_metadata_and_nothing_else():
    def action(text):
        return msgspec.json.decode(text, type=AnswerAction)

    assert action('{"answer": "42"}') == AnswerAction("42")
    assert action('{"answer": "42", "metadata": {"a": 1}}').metadata == {"a": 1}
    for wrong in (
        '{"answer": 42}',
        '{"answer": null}',
        "{}",
        '{"answer": "4", "extra": 1}',
        '{"answer": "4", "metadata": 1}',
    ):
        with pytest.raises(msgspec.ValidationError):
            action(wrong)


def test_the_schema_of_an_action_has_its_name_and_what_it_needs():
    schema = msgspec.json.schema(AnswerAction)["$defs"]["AnswerAction"]
    assert schema["title"] == "AnswerAction"
    assert schema["required"] == ["answer"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["answer"] == {"type": "string"}


def test_a_server_can_tell_how_to_call_it():
    assert Answer.SUPPORTS_CONCURRENT_SESSIONS is True
    assert Answer.blocking is False
    assert list(inspect.signature(Answer.reset).parameters) == ["self", "prompt", "answer", "choices", "tolerance"]
    assert inspect.signature(Answer.step).parameters["action"].annotation is AnswerAction


def test_it_imports_neither_openenv_nor_a_server():
    code = "import sys, openenv_tasksets.answer; print(*{m.partition('.')[0] for m in sys.modules})"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "openenv_tasksets" in output.split()
    assert not {"openenv", "fastapi", "uvicorn", "datasets"} & set(output.split())


@given(st.sampled_from(sorted(CHECKERS)), st.text(st.characters(codec=None)))
def test_any_reply_ends_the_episode_with_a_reward(checker, reply):
    task = {"prompt": "What?", "answer": "1", "choices": ["1", "2"]}
    assert play(Answer(checker=checker), reply, **task) in (0.0, 1.0)
