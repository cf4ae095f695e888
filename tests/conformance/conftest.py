"""For the conformance suite: every test that takes ``server`` runs against OpenEnv's server and against ours.

Those that take ``sound_server`` show a fault of OpenEnv's: there they must fail, and by their own assertion.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asking import WAIT_S
from gate import Gate
from quiz import quiz_environment, quiz_taskset
from served import openenv
from servers import OURS, OpenEnvServer

__all__ = ["openenv", "quiz_environment", "quiz_taskset"]

FAULT = pytest.mark.xfail(strict=True, raises=AssertionError, reason="a fault of OpenEnv's server")
# A fault mostly shows in that something takes seconds, so that OpenEnv's are seen where there is time.
FAULT_MARKS = (FAULT, pytest.mark.slow)


@pytest.fixture
def anyio_backend() -> str:
    """Run ``@pytest.mark.anyio`` tests on asyncio."""
    return "asyncio"


def _server(wanted: Any, openenv: SimpleNamespace) -> Any:
    return OpenEnvServer(openenv) if wanted == "openenv" else wanted


@pytest.fixture(scope="session", params=["openenv", *OURS], ids=lambda each: getattr(each, "name", each))
def server(request: pytest.FixtureRequest, openenv: SimpleNamespace) -> Any:
    """One of the servers; see ``servers``."""
    return _server(request.param, openenv)


@pytest.fixture(scope="session")
def url(server: Any, quiz_environment: type[Any], quiz_taskset: Any) -> Iterator[str]:
    """The quiz behind the server."""
    with server.serve(quiz_environment, quiz_taskset) as url:
        yield url


@pytest.fixture(
    params=[pytest.param("openenv", marks=FAULT_MARKS), *OURS], ids=lambda each: getattr(each, "name", each)
)
def sound_server(request: pytest.FixtureRequest, openenv: SimpleNamespace) -> Any:
    """As ``server``, for a test that OpenEnv's fails."""
    return _server(request.param, openenv)


@pytest.fixture
def patience_s(sound_server: Any) -> float:
    """How long an answer is waited for that OpenEnv's server does not give."""
    return 3.0 if sound_server.role == "openenv" else WAIT_S


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Closed until the test opens it; open when the test is over, whatever happened."""
    gate = Gate()
    yield gate
    gate.open()
