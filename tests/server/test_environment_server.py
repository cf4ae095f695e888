"""A package's own server beside us: how it starts, fails, dies, is started again, and never outlives us."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest
from child_package import SERVER, ask, await_end, lives, write_app

from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound
from openenv_tasksets.server.environment_server import EnvironmentServer, Patience

pytestmark = pytest.mark.anyio
QUICK = Patience(delay_seconds=0.01, longest_delay_seconds=0.05, stop_seconds=5)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """``start(code, patience)``: a server that is closed in the end."""
    monkeypatch.syspath_prepend(str(tmp_path))
    servers = []

    async def started(code=SERVER, patience=QUICK):
        server = EnvironmentServer(write_app(tmp_path, code), "riddles", patience)
        servers.append(server)
        await server()
        return server

    yield started
    for server in servers:
        server.stop()


async def die(server, path):
    """Make its process end, and wait until that is known."""
    process = await server.running()
    with pytest.raises((URLError, ConnectionError)):
        await asyncio.to_thread(ask, process.url, path)
    return await asyncio.wrap_future(process.ended)


async def test_it_answers_on_loopback_alone_and_ends_when_stopped(start, tmp_path):
    server = await start()
    url = await server()
    pid = ask(url, "/pid")
    assert lives(pid)
    assert server.is_up
    assert ask(url, "/folder") == str(tmp_path / "riddles")
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", parts.port), timeout=5):
        pass
    server.stop()
    assert not lives(pid)
    assert not server.is_up
    with pytest.raises(EnvironmentFailed, match="environment 'riddles' is stopped"):
        await server.running()
    server.stop()


@pytest.mark.parametrize(
    ("code", "why", "line"),
    [
        ("print('so far')\nimport no_such_module_at_all", "ended with 1", "No module named 'no_such_module_at_all'"),
        (
            "try:\n    from ..models import no_such\nexcept ImportError:\n    from models import no_such",
            "ended with 1",
            "No module named 'riddles.models'",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV", "Segmentation fault"),
        ("application = None", "ended with 1", "has no attribute 'app'"),
    ],
)
async def test_a_start_that_fails_tells_the_last_lines_and_what_to_do(start, code, why, line):
    with pytest.raises(EnvironmentNotFound) as caught:
        await start(code)
    told = caught.value.message
    assert told.startswith("environment 'riddles': the server of openenv-riddles 1.2 did not start: it " + why)
    assert line in told
    assert "python -m uvicorn riddles.server.app:app" in told.splitlines()[-1]


@pytest.mark.slow
async def test_one_that_never_answers_well_is_given_up_and_ended(start, tmp_path):
    code = (
        SERVER.replace('"status": 200', '"status": 404')
        + f"\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    )
    with pytest.raises(EnvironmentNotFound, match=r"it was not ready within 15 s; /health: 404"):
        await start(code, Patience(start_seconds=15))
    assert not lives((tmp_path / "pid").read_text())


@pytest.mark.parametrize(("path", "how"), [("/die", "was killed by SIGKILL"), ("/exit", "ended with 3")])
async def test_one_that_dies_is_started_again_elsewhere(start, caplog, path, how):
    server = await start()
    first = await server.running()
    helper = ask(first.url, "/helper")
    assert await die(server, path) == how
    second = await server.running()
    assert second.url != first.url
    assert ask(second.url, "/health") == "well"
    assert server.restarts == 1
    assert f"riddles: the server {how}" in caplog.text
    await_end(helper)


async def test_who_asks_right_after_it_died_is_given_the_next_one(start):
    server = await start()
    first = await server()
    with pytest.raises((URLError, ConnectionError)):
        await asyncio.to_thread(ask, first, "/die")
    assert await server() != first


async def test_the_first_call_starts_it_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    server = EnvironmentServer(write_app(tmp_path), "riddles")
    try:
        urls = await asyncio.gather(*(server() for _ in range(3)))
    finally:
        server.stop()
    assert len(set(urls)) == 1


async def test_who_stops_waiting_for_the_next_one_disturbs_nobody(start):
    server = await start(patience=Patience(delay_seconds=0.3))
    await die(server, "/die")
    waiting = [asyncio.ensure_future(server.running()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert (await waiting[1]).url == (await waiting[2]).url
    assert waiting[0].cancelled()


async def test_one_that_does_not_start_again_is_given_up(start, tmp_path, caplog):
    marker = tmp_path / "started"
    server = await start(
        f"{SERVER}\nif os.path.exists({str(marker)!r}): raise SystemExit('no more')\nopen({str(marker)!r}, 'w')",
        Patience(delay_seconds=0.01, starts=2),
    )
    await die(server, "/exit")
    for _ in range(2):
        with pytest.raises(EnvironmentFailed, match="failed to start 2 times in a row"):
            await server.running()
    assert (server.given_up, server.is_up) == (True, False)
    assert "riddles: the server did not start again: it ended with 1\n  | no more" in caplog.text


async def test_short_lives_are_started_again_ever_more_slowly_and_never_given_up(start):
    server = await start(patience=Patience(delay_seconds=0.01, longest_delay_seconds=0.02, starts=1))
    for _ in range(3):
        await die(server, "/exit")
    assert ask(await server(), "/health") == "well"
    assert (server.restarts, server.given_up) == (3, False)


async def test_one_that_ignores_sigterm_is_killed(start):
    server = await start(patience=Patience(stop_seconds=0.2))
    url = await server()
    pid, helper = ask(url, "/pid"), ask(url, "/helper")
    ask(url, "/stubborn")
    server.stop()
    await_end(pid, helper)


async def test_what_it_writes_is_logged_under_its_name(start, caplog):
    caplog.set_level(logging.INFO)
    server = await start()
    ask(await server(), "/talk")
    server.stop()
    records = {record.getMessage(): record.levelno for record in caplog.records}
    assert records["riddles: said aloud"] == logging.INFO
    assert records["riddles: complained \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"] == logging.WARNING


async def test_megabytes_of_log_neither_stop_it_nor_us(start, caplog):
    caplog.set_level(logging.INFO)
    server = await start()
    assert ask(await server(), "/flood") == "well"
    server.stop()
    assert "riddles: writes too much: " in caplog.text
    assert len(caplog.records) < 50_000
    assert max(len(record.getMessage()) for record in caplog.records) < 5_000


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_us_however_we_end(tmp_path, how):
    write_app(tmp_path)
    ours = textwrap.dedent(f"""
        import asyncio, sys, pathlib
        sys.path[:0] = [{str(tmp_path)!r}]
        from openenv_tasksets.installed_app import InstalledApp
        from openenv_tasksets.server.environment_server import EnvironmentServer
        app = InstalledApp("openenv-riddles 1.2", "riddles.server.app:app", pathlib.Path({str(tmp_path / "riddles")!r}))
        server = EnvironmentServer(app, "riddles")
        print(asyncio.run(server()), flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen([sys.executable, "-c", ours], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as us:
        url = us.stdout.readline().strip()
        pids = [ask(url, "/pid"), ask(url, "/helper")]
        watcher = os.getpgid(int(pids[0]))
        us.send_signal(how)
    await_end(*pids, watcher)
