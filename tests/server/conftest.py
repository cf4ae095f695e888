"""For the server's tests: coroutines as tests, and the quiz behind our server."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from quiz import quiz_environment, quiz_taskset
from served import Serve, openenv, serve

__all__ = ["openenv", "quiz_environment", "quiz_taskset", "serve"]

# The tests of made-up requests and frames that are marked slow have a hundred times as many cases, all together.
hypothesis.settings.register_profile("fuzz", max_examples=1000, database=None)


@pytest.fixture
def anyio_backend() -> str:
    """Run ``@pytest.mark.anyio`` tests on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def our_url(serve: Serve, quiz_taskset: Any, quiz_environment: type[Any]) -> Iterator[str]:
    """The quiz behind our server."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings

    with serve(create_app([Host(quiz_taskset, quiz_environment, settings=HostSettings(max_sessions=64))])) as url:
        yield url


GUESS_ROWS = [{"question": f"{n} + 1 = ?", "answer": n + 1} for n in range(20)]
GUESS_TASK = {
    "reset": {"question": "question", "answer": "answer"},
    "visible": ["question"],
    "limits": {"max_steps": 4},
}


@pytest.fixture(scope="session")
def guess_environment() -> type[Any]:
    """An OpenEnv environment with tools of its own."""
    from tool_environment import Guess

    return Guess


@pytest.fixture(scope="session")
def guess_taskset(make_taskset: Callable[..., Any]) -> Any:
    """Twenty numbers to guess, each within four steps."""
    return make_taskset(GUESS_ROWS, GUESS_TASK, id="guess")
