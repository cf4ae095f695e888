"""A quiz with hidden answers, and environments that play it: one in order, the others each wrong in one way."""

import base64
import logging
import random
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from openenv_tasksets.loaders.errors import ResetNeeded, RowRefused

logger = logging.getLogger(__name__)

WORDS = ("apricot", "blackbird", "chestnut", "daffodil", "elderberry", "foxglove", "gooseberry", "hornbeam")
ROWS = {
    split: [
        {
            "key": f"{split}-{n}",
            "prompt": f"{split}: which word is number {n} of the list?",
            "answer": word,
            "even": n % 2 == 0,
        }
        for n, word in enumerate(words)
    ]
    for split, words in (("train", WORDS[:5]), ("test", WORDS[5:]))
}
TASK = {
    "id": "key",
    "reset": {"prompt": "prompt", "answer": "answer", "even": "even"},
    "visible": ["prompt"],
    "gold": {"reply": "answer"},
}


@dataclass
class Reply:
    reply: str


@dataclass
class Seen:
    prompt: str = ""
    hint: Any = None
    reward: float | None = None
    done: bool = False


@dataclass
class Progress:
    step_count: int = 0
    note: Any = None


class Quiz:
    """In order: three tries, and nothing is told before the end."""

    def __init__(self) -> None:
        self.answer: str | None = None
        self.even = False
        self.steps = 0

    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        if not isinstance(answer, str) or not isinstance(even, bool):
            raise RowRefused("the answer is text, and even is true or false")
        self.prompt, self.answer, self.even, self.steps = prompt, answer, even, 0
        return Seen(prompt, self.hint())

    def step(self, action: Reply) -> Seen:
        if self.answer is None:
            raise ResetNeeded("reset() first")
        self.steps += 1
        right = self.is_right(action.reply)
        done = right or self.steps == 3
        return Seen(self.prompt, None if done else self.feedback(), float(right), done)

    def is_right(self, reply: str) -> bool:
        return reply.strip() == self.answer

    def hint(self) -> Any:
        return None

    def feedback(self) -> Any:
        return None

    @property
    def state(self) -> Progress:
        return Progress(self.steps)

    def close(self) -> None:
        self.answer = None


class TellsAtReset(Quiz):
    def hint(self) -> Any:
        return f"psst: {self.answer}"


class TellsTheLength(Quiz):
    def hint(self) -> Any:
        return len(self.answer)


class TellsTheBoolean(Quiz):
    def hint(self) -> Any:
        return ["left", "right"] if self.even else ["right", "left"]


class TellsInBase64(Quiz):
    def hint(self) -> Any:
        return {"token": base64.b64encode(self.answer.encode()).decode()}


class TellsAfterAStep(Quiz):
    def feedback(self) -> Any:
        return self.answer[0]


class TellsWhenDone(Quiz):
    """In order: the answer may be shown when nothing can be won with it."""

    def step(self, action: Reply) -> Seen:
        seen = super().step(action)
        return replace(seen, hint=self.answer) if seen.done else seen


class TellsInTheState(Quiz):
    @property
    def state(self) -> Progress:
        return Progress(self.steps, self.answer)


class TellsInAnError(Quiz):
    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        if not isinstance(answer, str):
            raise RowRefused(f"{answer!r} is no answer")
        return super().reset(prompt, answer, even)


class TellsOnABadAction(Quiz):
    def step(self, action: Reply) -> Seen:
        if not action.reply:
            raise RowRefused(f"an empty reply is not {self.answer}")
        return super().step(action)


class TellsTheLog(Quiz):
    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        logger.debug("a new task, and its answer is %s", answer)
        return super().reset(prompt, answer, even)


class Prints(Quiz):
    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        print("answer:", answer)
        return super().reset(prompt, answer, even)


class SharesTheTask(Quiz):
    shared: ClassVar[dict[str, Any]] = {}

    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        SharesTheTask.shared["answer"] = answer
        return super().reset(prompt, answer, even)

    def is_right(self, reply: str) -> bool:
        return reply == SharesTheTask.shared["answer"]


class Random(Quiz):
    def hint(self) -> Any:
        return random.SystemRandom().random()


class Remembers(Quiz):
    resets = 0

    def reset(self, prompt: str, answer: str, even: bool) -> Seen:
        self.resets += 1
        return super().reset(prompt, answer, even)

    def hint(self) -> Any:
        return self.resets


class Generous(Quiz):
    def is_right(self, reply: str) -> bool:
        return reply.strip() in (self.answer, "")


class TakesAnything(Quiz):
    def is_right(self, reply: str) -> bool:
        return True


class TakesThePrompt(Quiz):
    def is_right(self, reply: str) -> bool:
        return reply in (self.answer, self.prompt)


class NeverRight(Quiz):
    def is_right(self, reply: str) -> bool:
        return False
