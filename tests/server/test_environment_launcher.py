"""The script that serves a package and keeps watch: what the server sees of us, and that it ends like its server."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from urllib.error import URLError

import pytest
from child_package import SERVER, ask, await_end, write_app

from openenv_tasksets.server import environment_launcher


class Launched:
    """A server of the launcher's, and what it was given of ours."""

    def __init__(self, folder, code):
        app = write_app(folder, code)
        lifeline, self.lifeline = os.pipe()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.path = [str(folder), *sys.path]
            job = {
                "parent": os.getpid(),
                "listener": listener.fileno(),
                "lifeline": lifeline,
                "stop_seconds": 5,
                "path": self.path,
                "folder": str(app.folder),
                "app": app.app,
            }
            command = [sys.executable, "-P", environment_launcher.__file__, json.dumps(job)]
            self.process = subprocess.Popen(
                command, pass_fds=(listener.fileno(), lifeline), stderr=subprocess.DEVNULL, start_new_session=True
            )
        os.close(lifeline)

    def let_go(self):
        with suppress(OSError):  # it is let go
            os.close(self.lifeline)


@pytest.fixture
def launch(tmp_path):
    launched = []

    def launch(code):
        launched.append(Launched(tmp_path, code))
        return launched[-1]

    yield launch
    for each in launched:
        each.let_go()
        each.process.wait(60)


def test_it_ends_with_the_lifeline_and_takes_what_the_server_started_with_it(launch):
    server = launch(SERVER)
    pids = ask(server.url, "/pid"), ask(server.url, "/helper")
    server.let_go()
    server.process.wait(60)
    await_end(*pids)


@pytest.mark.parametrize(("path", "code"), [("/exit", 3), ("/die", -9)])
def test_it_ends_like_its_server(launch, path, code):
    server = launch(SERVER)
    with pytest.raises((URLError, ConnectionError)):
        ask(server.url, path)
    assert server.process.wait(60) == code


def test_an_application_that_refuses_to_start_is_no_success(launch):
    refuses = """
async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await send({"type": "lifespan.startup.failed"})
"""
    assert launch(refuses).process.wait(60) == 3


def test_the_application_finds_what_our_process_finds_and_nothing_of_the_launchers(launch):
    """Beside the launcher are modules named ``http`` and ``errors``."""
    seen = SERVER.replace(
        '    return "well"', "    import http, json\n    return json.dumps([sys.path, http.__file__])"
    )
    server = launch(seen)
    path, http = json.loads(ask(server.url, "/"))
    assert path == server.path
    assert http == __import__("http").__file__
