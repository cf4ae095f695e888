"""Environments of the soak: on the event loop, on a thread, and in a process; an episode is two steps."""

import time


class Loop:
    blocking = False
    open = 0

    def __init__(self):
        type(self).open += 1
        self.steps = 0

    def reset(self, question, answer):
        self.answer = answer
        self.steps = 0
        return {"question": question}

    def step(self, action: dict):
        self.steps += 1
        done = self.steps == 2
        reward = float(action.get("answer") == self.answer) if done else None
        return {"text": "x" * action.get("size", 0), "reward": reward, "done": done}

    @property
    def state(self):
        return {"taken": self.steps}

    def close(self):
        type(self).open -= 1


class Thread(Loop):
    blocking = "thread"
    open = 0

    def step(self, action: dict):
        time.sleep(action.get("seconds", 0.002))
        return super().step(action)


class Process(Loop):
    blocking = "process"
    open = 0

    def step(self, action: dict):
        time.sleep(action.get("seconds", 0.002))
        return super().step(action)


KINDS = {"loop": Loop, "thread": Thread, "process": Process}
