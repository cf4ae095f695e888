"""Task API and row selection for an OpenEnv environment, bound by the mixin. (Its frames: tests/server.)"""

import asyncio

import pytest

from openenv_tasksets.loaders.errors import EnvironmentNotFound, RowError, SelectionError
from openenv_tasksets.mixin import bind_environment

ROWS = [{"question": f"{n}+1", "answer": str(n + 1), "level": n} for n in range(6)]
TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["level"]}


class State:
    """Stands for a pydantic model."""

    def __init__(self, **values):
        self.values = values

    def model_copy(self, update):
        return State(**{**self.values, **update})


class Quiz:
    """A quiz."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, mood="calm"):
        self.mood = mood
        self.asked = None

    def reset(self, question, answer, seed=None, episode_id=None, hint=""):
        self.asked = {"question": question, "answer": answer, "seed": seed, "hint": hint}
        return {"question": question}

    def step(self, action):
        return {"reward": float(action == self.asked["answer"]), "done": True}

    @property
    def state(self):
        return State(mood=self.mood)

    def close(self):
        pass


class Waits(Quiz):
    async def reset_async(self, question, answer, seed=None):
        await asyncio.sleep(0)
        return Quiz.reset(self, question, answer, seed, hint="awaited")


class Mapped(Quiz):
    state = property(lambda self: {"step_count": 3})


class Stateless(Quiz):
    state = None


@pytest.fixture(scope="module")
def taskset(make_taskset):
    return make_taskset({"train": ROWS, "test": ROWS[:2]}, TASK, splits=["train", "test"])


def test_a_bound_class_looks_like_the_one_it_binds(taskset):
    bound = bind_environment(Quiz, taskset)
    assert issubclass(bound, Quiz)
    assert (bound.__name__, bound.__doc__, bound.__module__) == ("Quiz", "A quiz.", Quiz.__module__)
    assert bound.SUPPORTS_CONCURRENT_SESSIONS
    assert "list_tasks" not in vars(Quiz)


def test_its_constructor_takes_nothing_and_passes_the_arguments_on(taskset):
    assert bind_environment(Quiz, taskset)().mood == "calm"
    assert bind_environment(Quiz, taskset, arguments={"mood": "sad"})().mood == "sad"


def test_reset_selects_a_task_and_gives_the_environment_its_arguments(taskset):
    environment = bind_environment(Quiz, taskset)()
    assert environment.reset(split="test", index=1, seed=9, hint="h", topic="dropped") == {"question": "1+1"}
    assert environment.asked == {"question": "1+1", "answer": "2", "seed": 9, "hint": "h"}
    assert environment.step("2")["reward"] == 1.0


def test_an_environment_that_awaits_its_reset_is_given_the_same(taskset):
    environment = bind_environment(Waits, taskset)()
    asyncio.run(environment.reset_async(index=2, seed=9))
    assert environment.asked == {"question": "2+1", "answer": "3", "seed": 9, "hint": "awaited"}
    assert environment.state.values["index"] == 2


def test_state_has_the_tasks_place_after_a_reset(taskset):
    environment = bind_environment(Quiz, taskset)()
    assert environment.state.values == {"mood": "calm"}
    environment.reset(index=2, episode_id="mine")
    place = {"task_id": "train-2", "split": "train", "index": 2, "position": None, "public": {"level": 2}}
    assert environment.state.values == {"mood": "calm", "episode_id": "mine", **place}
    mapped = bind_environment(Mapped, taskset)()
    mapped.reset(index=2)
    assert mapped.state == {"step_count": 3, **place}
    stateless = bind_environment(Stateless, taskset)()
    assert stateless.state is None
    stateless.reset(index=2)
    assert stateless.state == place


def test_a_reset_that_selects_nothing_leaves_the_episode(taskset):
    environment = bind_environment(Quiz, taskset)()
    environment.reset(index=2)
    with pytest.raises(SelectionError):
        environment.reset(index=99)
    assert environment.state.values["index"] == 2


def test_instances_share_the_positions_of_their_class(taskset):
    bound, other = bind_environment(Quiz, taskset, start_position=4), bind_environment(Quiz, taskset)
    positions = []
    for environment in (bound(), bound(), bound(), other()):
        environment.reset()
        positions.append(environment.state.values["position"])
    assert positions == [4, 5, 6, 0]


def test_the_task_api(taskset):
    environment = bind_environment(Quiz, taskset)()
    assert environment.list_splits() == [{"name": "train", "type": "train"}, {"name": "test", "type": "test"}]
    assert environment.num_tasks("train") == 6
    first = {"level": 0, "id": "test-0", "split": "test", "index": 0, "row": 0}
    assert environment.get_task("test", 0) == first
    assert environment.list_tasks("test")[0] == environment.get_task_range("test", 0, 1)[0] == first


def test_a_binding_that_does_not_fit_is_refused(make_taskset):
    taskset = make_taskset(ROWS, {"reset": {"question": "question", "anser": "answer"}})
    with pytest.raises(EnvironmentNotFound, match="'Quiz' takes no reset.. argument 'anser'"):
        bind_environment(Quiz, taskset)


def test_a_row_that_cannot_be_bound_is_refused(make_taskset):
    rows = [{"question": None, "answer": "1"}]
    task = {"reset": {"question": {"template": "{question}"}, "answer": "answer"}}
    with pytest.raises(RowError, match="null has no text form"):
        bind_environment(Quiz, make_taskset(rows, task))
