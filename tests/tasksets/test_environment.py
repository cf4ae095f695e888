"""What is read from an environment's signatures, and which bindings they refuse."""

import pytest

from openenv_tasksets.environment import accepts, check_arguments, method_name
from openenv_tasksets.loaders.errors import EnvironmentNotFound


class Quiz:
    def reset(self, question, answer, /, hint, *, seed=None, episode_id=None):
        return {}


class Anything:
    def reset(self, question, **rest):
        return {}


def test_a_signature_says_what_may_be_given_by_name():
    accepted = accepts(Anything.reset, skip_self=True)
    assert (accepted.names, accepted.any_name, accepted.required) == ({"question"}, True, {"question"})
    assert "whatever" in accepted
    assert "self" not in accepted, "it would be given twice"
    bound = accepts(Quiz().reset)
    assert (bound.names, bound.any_name, bound.required) == ({"hint", "seed", "episode_id"}, False, {"hint"})
    assert "hint" in bound
    assert "question" not in bound


def reset(question, answer, seed, episode_id, hint=""):
    return {}


ACCEPTED = accepts(reset)


@pytest.mark.parametrize("bound", [("question", "answer"), ("answer", "hint", "question", "seed")])
def test_a_binding_that_fits(bound):
    check_arguments(ACCEPTED, bound, "Quiz")
    check_arguments(accepts(Anything.reset, skip_self=True), ("question", "x"), "Anything")


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (
            ("question", "anwser"),
            "'Quiz' takes no reset.. argument 'anwser', which the task binds; did you mean 'answer'",
        ),
        (("question",), "needs reset.. arguments that the task does not bind: answer; bind them under task.reset"),
        ((), "does not bind: answer, question;"),
    ],
)
def test_a_binding_that_does_not_fit_says_what_to_change(bound, message):
    with pytest.raises(EnvironmentNotFound, match=message):
        check_arguments(ACCEPTED, bound, "Quiz")


def test_a_method_of_the_class_that_is_a_coroutine_goes_first():
    class Both(Quiz):
        async def reset_async(self):
            return {}

    assert method_name(Both, "reset") == "reset_async"
    assert method_name(Quiz, "reset") == "reset"
    assert method_name(Both, "step") == "step"
