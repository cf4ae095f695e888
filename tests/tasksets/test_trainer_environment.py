"""One rollout's environment: text in, tools and their rewards, and whom it believes."""

import contextlib
import inspect

import pytest
from oracle_environments import one_question
from planted_quiz import ROWS, TASK, Quiz
from pydantic import ConfigDict
from served import openenv, served
from tool_environment import Guess

from openenv_tasksets.audit.served import served as serving
from openenv_tasksets.loaders.errors import EnvironmentFailed, PolicyError, ResetNeeded, SelectionError, TasksetError
from openenv_tasksets.mixin import bind_environment
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.tools import ToolFailed
from openenv_tasksets.task_client import ServerUnusable
from openenv_tasksets.tool import Tool
from openenv_tasksets.trainer_environment import environment_class, observation_text
from openenv_tasksets.trl import TasksetSpec

__all__ = ["openenv"]


@contextlib.contextmanager
def playing(environment, taskset):
    """An instance that plays a taskset in an environment, at a server."""
    with serving(Host(taskset, environment)) as url, TasksetSpec(url=url) as spec:
        yield spec.environment_factory()


def trainers_tools(environment):
    """What TRL takes for tools: the public methods of the class."""
    names = [name for name, _ in inspect.getmembers(type(environment), predicate=inspect.isfunction)]
    return [name for name in names if not name.startswith("_") and name not in ("reset", "get_reward")]


def test_a_step_is_a_tool_where_there_are_none_and_its_rewards_add_up(make_taskset):
    with playing(Quiz, make_taskset(ROWS, {**TASK, "limits": {"max_steps": 3}})) as environment:
        assert trainers_tools(environment) == ["step"]
        assert environment.reset(index=0) == "train: which word is number 0 of the list?"
        assert environment.step(reply="no") == (
            '{"observation":{"prompt":"train: which word is number 0 of the list?","hint":null},"done":false}'
        )
        with pytest.raises(PolicyError, match="reply: Field required"):
            environment.step(answer="no")
        assert (environment.get_reward(), environment.done) == (0.0, False)
        environment.step(reply="apricot")
        assert (environment.get_reward(), environment.done) == (1.0, True)
        with pytest.raises(ResetNeeded, match="the episode is over"):
            environment.step(reply="apricot")
        assert environment.get_reward() == 1.0


def test_a_limit_ends_the_episode(make_taskset):
    with playing(Quiz, make_taskset(ROWS, {**TASK, "limits": {"max_steps": 1}})) as environment:
        environment.reset(index=0)
        environment.step(reply="no")
        assert environment.done


def test_an_environments_own_tools_are_the_models(make_taskset):
    task = {"reset": {"question": "q", "answer": "a"}}
    with playing(Guess, make_taskset([{"q": "Which?", "a": 7}], task)) as environment:
        assert trainers_tools(environment) == ["add", "fail", "guess"]
        assert environment.reset(seed=0) == '{"metadata":{"question":"Which?"}}'
        assert environment.add(a=1, b=2) == '{"sum":3}'
        assert environment.guess(number=6) == "wrong"
        with pytest.raises(ToolFailed, match="the tool is broken"):
            environment.fail()
        with pytest.raises(ToolFailed):
            environment.guess(number="six")
        assert environment.get_reward() == -0.25
        assert environment.guess(number=7) == "right"
        assert (environment.get_reward(), environment.done) == (0.75, True)


class Breaks(Quiz):
    def step(self, action):
        if action.reply == "break":
            raise RuntimeError(f"the answer is {self.answer}")
        return super().step(action)


def test_where_the_environment_fails_there_is_no_reward_until_the_next_episode(make_taskset):
    with playing(Breaks, make_taskset(ROWS, TASK)) as environment:
        environment.reset(seed=0)
        with pytest.raises(EnvironmentFailed) as failed:
            environment.step(reply="break")
        assert environment.get_reward() is None
        assert not any(row["answer"] in str(failed.value) for row in ROWS["train"])
        environment.reset(seed=0)
        assert environment.get_reward() == 0.0


def test_a_row_that_names_no_task_is_refused(make_taskset):
    with playing(Quiz, make_taskset(ROWS, TASK)) as environment:
        for row in ({}, {"prompt": "hello", "seed": None}):
            with pytest.raises(SelectionError, match="names its task by one of seed, index, task_id"):
                environment.reset(**row)
        with pytest.raises(ResetNeeded):
            environment.step(reply="apricot")


def test_a_server_that_plays_another_position_is_found_out(make_taskset, openenv):
    taskset = make_taskset([{"q": f"{n}?", "a": str(n)} for n in range(4)], {"reset": {"question": "q", "answer": "a"}})
    environment = one_question(openenv)

    class State(openenv.State):
        model_config = ConfigDict(extra="allow")

    bound = bind_environment(environment, taskset)

    class Deaf(bound):
        def _select(self, request):
            return super()._select({"split": request["split"]})

    for cls, is_deaf in ((bound, False), (Deaf, True)):
        app = openenv.create_app(cls, *environment.models[:2], env_name="quiz", state_cls=State)
        with served(app) as url, TasksetSpec(url=url) as spec:
            playing = spec.environment_factory()
            if is_deaf:
                with pytest.raises(ServerUnusable, match="asked for the task at .*'position': 2"):
                    playing.reset(seed=2)
                continue
            playing.reset(seed=2)
            assert (playing.position, playing.index) == (2, taskset.locate("train", 2)[1])
            playing.step(answer=str(playing.index))
            assert playing.get_reward() == 1.0


@pytest.mark.parametrize("name", ["reset", "get_reward", "done", "_use", "__init__"])
def test_a_tool_with_a_name_of_the_trainers_is_refused(name):
    with pytest.raises(TasksetError, match=f"'{name}', which means something else to trainers"):
        environment_class("quiz", [Tool(name, "", {}, of_step=False)])


@pytest.mark.parametrize(
    ("observation", "text"),
    [
        ({"prompt": "Which?", "choices": None, "metadata": {}}, "Which?"),
        ({"prompt": "Which?", "choices": ["a", "b"]}, 'Which?\n\n{"choices":["a","b"]}'),
        ({"prompt": [{"role": "user", "content": "Which?"}]}, "Which?"),
        (
            {"prompt": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Which?"}]},
            "system: Be short.\n\nuser: Which?",
        ),
        ({"prompt": ["a", 1]}, '{"prompt":["a",1]}'),
        ({"board": [[0, 1]], "metadata": {"turn": 1}}, '{"board":[[0,1]],"metadata":{"turn":1}}'),
        ({}, ""),
    ],
)
def test_the_first_observation_as_text(observation, text):
    assert observation_text(observation) == text
