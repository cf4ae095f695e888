"""Routing by the ``environment`` field; tests/server/test_routed_mixture.py does it over real servers."""

from typing import Any

import pytest

from openenv_tasksets.environment_router import EnvironmentRouter
from openenv_tasksets.loaders.errors import ResetNeeded, SelectionError


class Client:
    """A client that says what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    def reset(self, **selectors: Any) -> Any:
        return (self.name, "reset", selectors)

    def step(self, action: Any, **arguments: Any) -> Any:
        return (self.name, "step", action, arguments)

    def state(self) -> Any:
        return (self.name, "state")

    def close(self) -> Any:
        self.closed += 1
        return self.name


def test_an_episode_stays_where_its_reset_went() -> None:
    math, code = Client("math"), Client("code")
    with EnvironmentRouter({"math": math, "code": code}) as router:
        assert router.environments == ("math", "code")
        assert router.reset(environment="code", seed=3, prompt="?") == ("code", "reset", {"seed": 3, "prompt": "?"})
        assert router.step({"answer": 1}, timeout_s=3) == ("code", "step", {"answer": 1}, {"timeout_s": 3})
        assert router.state() == ("code", "state")
        router.reset(environment="math")
        assert router.step(1) == ("math", "step", 1, {})
    assert (math.closed, code.closed) == (1, 1)


def test_urls_are_connected_once_and_only_when_needed() -> None:
    made: list[str] = []

    def connect(url: str) -> Client:
        made.append(url)
        return Client(url)

    router = EnvironmentRouter({"math": "http://math", "code": "http://code"}, connect=connect)
    assert made == []
    for _ in range(2):
        assert router.reset(environment="math")[0] == "http://math"
    assert made == ["http://math"]
    assert router.close() == ["http://math"]


def test_mistakes_are_said() -> None:
    router = EnvironmentRouter({"math": Client("math")})
    with pytest.raises(SelectionError, match="no environment 'mat'; did you mean 'math'"):
        router.reset(environment="mat")
    for call in (router.state, lambda: router.step(1)):
        with pytest.raises(ResetNeeded, match=r"reset\(\) first, with environment= one of: math"):
            call()
    with pytest.raises(SelectionError, match="at least one environment"):
        EnvironmentRouter({})
