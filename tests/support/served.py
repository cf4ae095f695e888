"""For conftest.py files: applications on real servers on loopback, and OpenEnv itself, imported once."""

import contextlib
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pytest

Serve = Callable[..., AbstractContextManager[str]]


def _without_traceback(record: logging.LogRecord) -> bool:
    # Of Python 3.11's ast, which writing a traceback uses, two threads at once make a SystemError; and pytest writes
    # one of its own for each failure that is expected of OpenEnv's server.
    record.exc_info = None
    return True


logging.getLogger("uvicorn.error").addFilter(_without_traceback)


@contextlib.contextmanager
def served(app: Any, transport: Any = "fast", **settings: Any) -> Iterator[str]:
    """An application behind a real server, on a free port of loopback.

    Args:
        app: An ASGI application; one of ours is served as ``tasksets serve`` does.
        transport: Of one of ours.
        settings: Of ``uvicorn.Config``.
    """
    import uvicorn

    from openenv_tasksets.server.app import Application
    from openenv_tasksets.server.serve import uvicorn_config

    settings = {"log_config": None, "timeout_graceful_shutdown": 1, **settings}
    ours = isinstance(app, Application)
    config = uvicorn_config(app, transport, **settings) if ours else uvicorn.Config(app, **settings)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
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


@pytest.fixture(scope="session")
def serve() -> Serve:
    """``with serve(app) as url``; see ``served``."""
    return served


@pytest.fixture(scope="session")
def openenv() -> SimpleNamespace:
    """What the tests use of OpenEnv."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openenv.core import GenericEnvClient
        from openenv.core.env_server import create_app
        from openenv.core.env_server.interfaces import Environment
        from openenv.core.env_server.types import Action, ConcurrencyConfig, Observation, State
    return SimpleNamespace(
        GenericEnvClient=GenericEnvClient,
        create_app=create_app,
        ConcurrencyConfig=ConcurrencyConfig,
        Environment=Environment,
        Action=Action,
        Observation=Observation,
        State=State,
    )
