"""For tests with made-up requests and frames: the quiz that they are sent to, and how many of them."""

import hypothesis
import pytest
from hypothesis import HealthCheck

ROWS = [{"question": f"q{n}", "answer": f"a{n}", "level": n} for n in range(9)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["level"]}


class Quiz:
    """Takes any action, and ends with one that has an answer."""

    blocking = False
    answer = None
    state = None

    def reset(self, question, answer, data=None, mood=None):
        self.answer = answer
        return {"question": question}

    def step(self, action: dict):
        return {"reward": float(action.get("answer") == self.answer), "done": bool(action.get("answer"))}

    def close(self):
        pass


def some(count):
    """A test of ``count`` cases, however long one takes."""
    return hypothesis.settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


def very_many(parts):
    """A slow test of ``parts`` hundredths of all cases: CI's, or with the profile ``fuzz`` a hundred thousand."""

    def mark(test):
        counted = some(parts * hypothesis.settings().max_examples)(test)
        return pytest.mark.slow(pytest.mark.timeout(7200)(counted))

    return mark
