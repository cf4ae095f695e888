"""A mixture of two served environments, played by OpenEnv's own clients through one router."""

from collections import Counter
from typing import Any

import pytest

from openenv_tasksets.environment_mixture import EnvironmentMixture
from openenv_tasksets.environment_router import EnvironmentRouter
from openenv_tasksets.server.app import create_app
from openenv_tasksets.server.host import Host


class Plain:
    """Rewards the right answer."""

    def reset(self, question: str, answer: str) -> dict[str, Any]:
        self.answer = answer
        return {"question": question}

    def step(self, action: dict[str, Any]) -> dict[str, Any]:
        return {"reward": float(action["answer"] == self.answer), "done": True}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def tasksets(make_taskset: Any) -> dict[str, Any]:
    task = {"reset": {"question": "q", "answer": "a"}, "visible": ["question"]}
    return {
        name: make_taskset([{"q": f"{name} {i}", "a": f"{name}{i}"} for i in range(12)], task, id=name)
        for name in ("math", "code")
    }


def test_each_episode_is_played_where_the_mixture_says(serve: Any, openenv: Any, tasksets: dict[str, Any]) -> None:
    """One server holds one environment, another the other; every position is the task that its taskset says."""
    with (
        serve(create_app([Host(tasksets["math"], Plain)])) as math_url,
        serve(create_app([Host(tasksets["code"], Plain)])) as code_url,
        EnvironmentRouter({"math": math_url, "code": code_url}) as router,
    ):
        played = []
        for _, selectors in EnvironmentMixture({"math": 2, "code": 1}).stream(stop=18):
            name, seed = selectors["environment"], selectors["seed"]
            index = tasksets[name].locate("train", seed)[1]
            assert router.reset(**selectors).observation == {"question": f"{name} {index}"}
            assert router.step({"answer": f"{name}{index}"}).reward == 1.0
            assert router.state()["task_id"] == f"train-{index}"
            played.append(name)
    assert Counter(played) == {"math": 12, "code": 6}


@pytest.mark.anyio
async def test_clients_that_do_not_block_are_awaited(serve: Any, openenv: Any, tasksets: dict[str, Any]) -> None:
    """Both environments may be on one server, each under its id."""
    with serve(create_app([Host(each, Plain) for each in tasksets.values()])) as url:
        router = EnvironmentRouter({name: openenv.GenericEnvClient(base_url=f"{url}/{name}") for name in tasksets})
        for name in ("code", "math", "code"):
            result = await router.reset(environment=name, index=3)
            assert result.observation == {"question": f"{name} 3"}
            assert (await router.step({"answer": f"{name}3"})).reward == 1.0
        for closing in router.close():
            await closing
