"""A quiz without a class of OpenEnv: its rows, what binds them, and the environment."""

import os

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


class Apart(Quiz):
    """In a process of its own, which has no more to import than this module."""

    blocking = "process"

    @property
    def state(self):
        return {"pid": os.getpid()}


def rows(count):
    """Questions ``q0`` and on, with answers ``a0`` and on."""
    return [{"question": f"q{n}", "answer": f"a{n}", "level": n} for n in range(count)]
