"""For the server's tests: coroutines as tests, real servers on loopback, and OpenEnv itself, imported once."""

import contextlib
import datetime
import math
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field, field_validator

Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def anyio_backend() -> str:
    """Run ``@pytest.mark.anyio`` tests on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def serve() -> Serve:
    """``with serve(app) as url``: an application behind a real server, on a free port of loopback.

    One of ours may be told its ``transport``, and further settings of uvicorn.
    """
    import uvicorn

    from openenv_tasksets.server.app import Application
    from openenv_tasksets.server.serve import uvicorn_config

    @contextlib.contextmanager
    def running(app: Any, transport: str = "fast", limits: Any = None, **settings: Any) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            settings = {"timeout_graceful_shutdown": 1, "log_config": None, **settings}
            if isinstance(app, Application):
                config = uvicorn_config(app, transport, limits, **settings)
            else:
                config = uvicorn.Config(app, ws="websockets-sansio", **settings)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                while not server.started:
                    assert thread.is_alive(), "the server did not start"
                    time.sleep(0.005)
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join(timeout=30)
                assert not thread.is_alive(), "the server did not stop"

    return running


@pytest.fixture(scope="session")
def openenv() -> SimpleNamespace:
    """What the tests use of OpenEnv."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.core import GenericEnvClient
        from openenv.core.env_server import create_app
        from openenv.core.env_server.interfaces import Environment
        from openenv.core.env_server.types import Action, Observation, State
    return SimpleNamespace(
        GenericEnvClient=GenericEnvClient,
        create_app=create_app,
        Environment=Environment,
        Action=Action,
        Observation=Observation,
        State=State,
    )


CANARY = "c4n4ry"
QUIZ_ROWS = {
    split: [{"question": f"{split} {n} + 1 = ?", "answer": f"{CANARY}-{n + 1}", "level": n % 3} for n in range(size)]
    for split, size in (("train", 20), ("test", 5))
}
QUIZ_TASK = {"reset": {"question": "question", "answer": "answer"}, "visible": ["question"], "public": ["level"]}


@pytest.fixture(scope="session")
def quiz_taskset(make_taskset: Callable[..., Any]) -> Any:
    """Twenty tasks to train and five to test on; the answer is hidden and holds the canary."""
    return make_taskset(QUIZ_ROWS, QUIZ_TASK, splits=["train", "test"])


@pytest.fixture(scope="session")
def quiz_environment(openenv: SimpleNamespace) -> type[Any]:
    """An OpenEnv environment with pydantic models, which does odd things on demand."""

    class QuizAction(openenv.Action):
        answer: str = Field(min_length=1)
        do: str = "answer"

        @field_validator("answer")
        @classmethod
        def _not_poison(cls, answer: str) -> str:
            if answer == "poison":
                raise ValueError("poison is no answer")
            return answer

    class QuizObservation(openenv.Observation):
        question: str | None = None
        seen: str | None = None
        extra: Any = None

    class QuizState(openenv.State):
        mood: str | None = None

    rewards = {"nan": math.nan, "infinity": math.inf, "true": True, "int": 3, "none": None, "negative": -0.5}
    extras = {
        "date": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
        "nested": {"a": [1, {"b": None}], "c": (1.5, math.nan)},
        "big": 2**70,
        "unicode": "\U0001f600 \u2028",
        "opaque": object(),
    }

    class QuizEnvironment(openenv.Environment[QuizAction, QuizObservation, QuizState]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self) -> None:
            super().__init__()
            self._answer: str | None = None
            self._state = QuizState()

        def reset(
            self,
            seed: int | None = None,
            episode_id: str | None = None,
            *,
            question: str,
            answer: str,
            mood: str | None = None,
        ) -> QuizObservation:
            self._answer = answer
            self._state = QuizState(episode_id=episode_id, mood=mood)
            return QuizObservation(question=question, extra=seed, metadata={"mood": mood} if mood else {})

        def step(self, action: QuizAction, timeout_s: float | None = None, **kwargs: Any) -> QuizObservation:
            self._state.step_count += 1
            if action.do == "raise":
                raise ValueError(f"the answer is {self._answer}")
            if action.do in rewards:
                return QuizObservation(seen=action.answer, reward=rewards[action.do])
            if action.do in extras:
                return QuizObservation(seen=action.answer, extra=extras[action.do])
            return QuizObservation(
                seen=action.answer,
                done=True,
                reward=float(action.answer == self._answer),
                metadata={"steps": self._state.step_count},
            )

        @property
        def state(self) -> QuizState:
            return self._state

    QuizEnvironment.models = (QuizAction, QuizObservation, QuizState)
    return QuizEnvironment


@pytest.fixture(scope="session")
def our_url(serve: Serve, quiz_taskset: Any, quiz_environment: type[Any]) -> Iterator[str]:
    """The quiz behind our server."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings

    with serve(create_app([Host(quiz_taskset, quiz_environment, settings=HostSettings(max_sessions=64))])) as url:
        yield url


@pytest.fixture(scope="session")
def our_plain_url(serve: Serve, quiz_taskset: Any, quiz_environment: type[Any]) -> Iterator[str]:
    """The quiz behind our server, by the plain transport."""
    from openenv_tasksets.server.app import create_app
    from openenv_tasksets.server.host import Host, HostSettings

    app = create_app([Host(quiz_taskset, quiz_environment, settings=HostSettings(max_sessions=64))])
    with serve(app, transport="plain") as url:
        yield url


@pytest.fixture(scope="session")
def peers_url(serve: Serve, quiz_taskset: Any, quiz_environment: type[Any], openenv: SimpleNamespace) -> Iterator[str]:
    """The quiz, bound by the mixin, behind OpenEnv's own server."""
    from openenv_tasksets.mixin import bind_environment

    action, observation, state = quiz_environment.models
    bound = bind_environment(quiz_environment, quiz_taskset)
    app = openenv.create_app(bound, action, observation, env_name="quiz", max_concurrent_envs=64, state_cls=state)
    with serve(app) as url:
        yield url
