"""OpenEnv environments as their authors write them: models, rubrics, transforms, coroutines; for a question's row."""

import threading
import warnings
from typing import ClassVar

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openenv.core.env_server.interfaces import Environment, Transform
    from openenv.core.env_server.types import Action as BaseAction
    from openenv.core.env_server.types import Observation as BaseObservation
    from openenv.core.env_server.types import State
    from openenv.core.rubrics import Rubric


class Action(BaseAction):
    answer: str


class Observation(BaseObservation):
    question: str = ""
    thread: str = ""
    wanted: str = ""


class Sync(Environment[Action, Observation, State]):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, **parts):
        super().__init__(**parts)
        self._state = State()

    def reset(self, seed=None, episode_id=None, *, question, answer):
        self._reset_rubric()
        self._question, self._answer = question, answer
        self._state = State(episode_id=episode_id, step_count=0)
        return self._apply_transform(Observation(question=question, thread=threading.current_thread().name))

    def step(self, action: Action, timeout_s=None, **kwargs) -> Observation:
        self._state.step_count += 1
        seen = Observation(done=True, reward=float(action.answer == self._answer))
        seen.thread = threading.current_thread().name
        return self._apply_transform(seen)

    @property
    def state(self) -> State:
        return self._state


class Async(Sync):
    async def reset_async(self, seed=None, episode_id=None, *, question, answer):
        return Sync.reset(self, seed, episode_id, question=question, answer=answer)

    async def step_async(self, action: Action, timeout_s=None, **kwargs) -> Observation:
        return Sync.step(self, action)

    def reset(self, *args, **kwargs):
        raise AssertionError("the coroutine is the one to call")

    def step(self, *args, **kwargs):
        raise AssertionError("the coroutine is the one to call")


class Right(Rubric):
    def forward(self, action, observation):
        return float(action.answer == observation.wanted)


class ShortAtFirst(Rubric):
    """A rubric with a memory of the episode."""

    calls = 0

    def forward(self, action, observation):
        self.calls += 1
        return float(len(action.answer) < 3) if self.calls == 1 else -1.0

    def reset(self):
        self.calls = 0


class RightAndShort(Rubric):
    def __init__(self):
        super().__init__()
        self.right, self.short = Right(), ShortAtFirst()

    def forward(self, action, observation):
        return 0.75 * self.right(action, observation) + 0.25 * self.short(action, observation)

    def reset(self):
        self.short.reset()


class AsyncRight(Rubric):
    async def forward(self, action, observation):
        return float(action.answer == observation.wanted)


class Graded(Sync):
    def __init__(self):
        super().__init__(rubric=RightAndShort())

    def step(self, action: Action, timeout_s=None, **kwargs) -> Observation:
        seen = Observation(done=True, wanted=self._answer)
        seen.reward = self._apply_rubric(action, seen)
        return seen


class AsyncGraded(Async):
    def __init__(self):
        super().__init__(rubric=AsyncRight())

    async def step_async(self, action: Action, timeout_s=None, **kwargs) -> Observation:
        seen = Observation(done=True, wanted=self._answer)
        seen.reward = await self._apply_rubric_async(action, seen)
        return seen


class Louder(Transform[Observation]):
    def __call__(self, observation):
        return observation.model_copy(update={"question": observation.question.upper() + "!"})


class Transformed(Sync):
    def __init__(self):
        super().__init__(transform=Louder())


class OneSession(Sync):
    SUPPORTS_CONCURRENT_SESSIONS = False


class OneThread(Sync):
    REQUIRES_SINGLE_THREAD_EXECUTOR = True
    threads: ClassVar[set[int]] = set()

    def __init__(self):
        super().__init__()
        type(self).threads.add(threading.get_ident())

    def close(self):
        type(self).threads.add(threading.get_ident())
