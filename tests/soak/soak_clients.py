"""The clients of the soak: some play, and some do everything else."""

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections import Counter
from urllib.parse import urlsplit

import httpx
from soak_rows import GRACE_SECONDS, Expected
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# What a client may be told through no fault of the server's, by the kind of environment.
_FULL = {"CAPACITY_REACHED"}
_LOST = {"EXECUTION_ERROR", "FACTORY_ERROR", "RESET_NEEDED", "TIME_EXCEEDED"}
_UPGRADE = (
    b"GET /loop/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Told(Exception):
    """An error frame: its code, and what it says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.message = message


class Clients:
    """Everything that a client does, against one server."""

    def __init__(self, url: str, expected: Expected) -> None:
        self._url = url
        self._ws = url.replace("http", "ws")
        self._expected = expected
        # A connection that both sides let go of after five seconds breaks where they do so at the same moment.
        self._http = httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(keepalive_expiry=1.0))
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def close(self) -> None:
        await self._http.aclose()

    async def one(self) -> None:
        """One client from its coming to its going; whatever it meets and should not is written down."""
        kind = random.choice(("loop", "loop", "thread", "process"))
        what = random.choice(_BEHAVIOURS)
        allowed = _FULL | (_LOST if kind == "process" else set())
        if what is Clients.plays_over_http:
            allowed |= {"SESSION_ERROR"}  # one that nobody came back to yet makes room
        try:
            await what(self, kind)
            self.done[what.__name__] += 1
        except Told as exc:
            self.done[f"told {exc}"] += 1
            if str(exc) not in allowed:
                self.wrong.append(f"{what.__name__} on {kind} was told {exc}: {exc.message}")
        except (InvalidStatus, httpx.RemoteProtocolError, httpx.ReadError) as exc:
            self.done[type(exc).__name__] += 1
            if not isinstance(exc, InvalidStatus) or exc.response.status_code != 503:
                self.wrong.append(f"{what.__name__} on {kind}: {exc!r}")
        except Exception as exc:  # noqa: BLE001 - the point of it all
            self.wrong.append(f"{what.__name__} on {kind}: {exc!r}")

    # Those who play

    async def plays(self, kind: str) -> None:
        async with connect(f"{self._ws}/{kind}/ws", open_timeout=60) as websocket:
            for _ in range(random.randint(1, 8)):
                await self._episode(kind, websocket)

    async def plays_over_http(self, kind: str) -> None:
        begun = self._read(await self._http.post(f"/{kind}/reset", json={}))
        headers = {"x-session-id": begun["session_id"]}
        state = self._read(await self._http.get(f"/{kind}/state", headers=headers))
        answer = self._expected.check(kind, begun["observation"]["question"], state)
        right = random.random() < 0.5
        for done in (False, True):
            action = {"action": {"answer": answer if right else "?"}}
            stepped = self._read(await self._http.post(f"/{kind}/step", json=action, headers=headers))
            assert stepped["done"] is done
        assert stepped["reward"] == float(right)

    async def comes_back(self, kind: str) -> None:
        websocket = await connect(f"{self._ws}/{kind}/ws", open_timeout=60)
        answer = await self._reset(kind, websocket)
        session_id = websocket.response.headers["x-session-id"]
        await self._ask(websocket, "step", {})
        websocket.transport.abort()
        left_at = time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            async with connect(f"{self._ws}/{kind}/ws?session_id={session_id}", open_timeout=60) as again:
                try:
                    last = (await self._ask(again, "step", {"answer": answer}))["data"]
                except Told as exc:
                    # Too late, on a machine that is busy; or too early for the server to have noticed.
                    late = time.monotonic() - left_at > 0.8 * GRACE_SECONDS
                    if str(exc) != "SESSION_ERROR" or (not late and "has a connection" not in exc.message):
                        raise
                    if late:
                        self.done["came back too late"] += 1
                        return
                    continue
            assert (last["reward"], last["done"]) == (1.0, True), last
            return

    # Those who do not

    async def stalls(self, kind: str) -> None:
        async with connect(f"{self._ws}/{kind}/ws", open_timeout=60) as websocket:
            await self._reset(kind, websocket)
            await asyncio.sleep(random.uniform(0, 13))
            with contextlib.suppress(ConnectionClosed):
                try:
                    await self._ask(websocket, "step", {})
                except Told as exc:
                    if str(exc) != "SESSION_ERROR":
                        raise

    async def vanishes(self, kind: str) -> None:
        websocket = await connect(f"{self._ws}/{kind}/ws", open_timeout=60)
        with contextlib.suppress(Told):
            await self._reset(kind, websocket)
            with contextlib.suppress(ConnectionClosed):
                await websocket.send(json.dumps({"type": "step", "data": {"seconds": random.uniform(0, 0.5)}}))
            await asyncio.sleep(random.uniform(0, 0.3))
        websocket.transport.abort()

    async def vanishes_while_it_waits(self, kind: str) -> None:
        websocket = await connect(f"{self._ws}/{kind}/ws", open_timeout=60)
        await asyncio.sleep(random.uniform(0, 0.05))
        websocket.transport.abort()

    async def sends_garbage(self, kind: str) -> None:
        async with connect(f"{self._ws}/{kind}/ws", open_timeout=60) as websocket:
            for _ in range(20):
                text = random.choice(('{"type":', "[]", "null", '{"type":"wat"}', "x" * 1000, '{"type":"step"}'))
                with contextlib.suppress(ConnectionClosed):
                    await websocket.send(text)
                try:
                    await self._heard(websocket)
                except Told as exc:
                    if str(exc) not in ("INVALID_JSON", "UNKNOWN_TYPE", "VALIDATION_ERROR"):
                        raise
            await self._episode(kind, websocket)

    async def sends_raw_garbage(self, _kind: str) -> None:
        data = random.randbytes(random.randint(1, 3000))
        await self._raw(random.choice((data, _UPGRADE + data)), read=True, seconds=1.0)

    async def never_reads(self, _kind: str) -> None:
        frame = b"\x81\x99\0\0\0\0" + b'{"type":"reset","data":{}}'[:25]
        await self._raw(_UPGRADE + frame * 5000, read=False, seconds=1.0)

    async def trickles(self, _kind: str) -> None:
        await self._raw(b"GET /health HTTP/1.1\r\nx:", read=True, seconds=6.0)

    async def lists_tasks(self, kind: str) -> None:
        index = random.randrange(len(self._expected.rows))
        body = {"split": "train", "index": index}
        task = self._read(await self._http.post(f"/{kind}/task", json=body))["task"]
        assert task["id"] == self._expected.rows[index]["name"]
        metrics = await self._http.get("/metrics")
        assert metrics.status_code == 200
        assert "c4n4ry" not in metrics.text

    async def is_killed(self, kind: str) -> None:
        code = (
            "import sys, time\nfrom websockets.sync.client import connect\n"
            'with connect(sys.argv[1]) as w:\n  w.send(\'{"type":"reset"}\')\n  time.sleep(60)'
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, f"{self._ws}/{kind}/ws", stderr=DEVNULL
        )
        await asyncio.sleep(random.uniform(0.2, 1.0))
        with contextlib.suppress(ProcessLookupError):  # one that was refused is gone by itself
            process.send_signal(signal.SIGKILL)
        await process.wait()

    # How

    async def _episode(self, kind: str, websocket: ClientConnection) -> None:
        answer = await self._reset(kind, websocket)
        right = random.random() < 0.5
        first = (await self._ask(websocket, "step", {}))["data"]
        assert (first["reward"], first["done"]) == (None, False), first
        last = (await self._ask(websocket, "step", {"answer": answer if right else "?"}))["data"]
        assert (last["reward"], last["done"]) == (float(right), True), last
        self.done["episode"] += 1

    async def _reset(self, kind: str, websocket: ClientConnection) -> str:
        given = random.choice(({}, {}, {"index": random.randrange(len(self._expected.rows))}))
        question = (await self._ask(websocket, "reset", given))["data"]["observation"]["question"]
        state = (await self._ask(websocket, "state"))["data"]
        assert given.get("index") in (None, state["index"])
        return self._expected.check(kind, question, state)

    async def _ask(self, websocket: ClientConnection, kind: str, data: dict | None = None) -> dict:
        # One that was refused is closed, and still has to be heard out.
        with contextlib.suppress(ConnectionClosed):
            await websocket.send(json.dumps({"type": kind} if data is None else {"type": kind, "data": data}))
        return await self._heard(websocket)

    async def _heard(self, websocket: ClientConnection) -> dict:
        frame = json.loads(await asyncio.wait_for(websocket.recv(), 60))
        assert "c4n4ry" not in json.dumps(frame)
        if frame["type"] == "error":
            raise Told(frame["data"]["code"], frame["data"]["message"])
        return frame

    def _read(self, response: httpx.Response) -> dict:
        if response.status_code != 200:
            body = response.json()
            unnamed = "EXECUTION_ERROR" if response.status_code == 500 else f"HTTP {response.status_code}"
            raise Told(body.get("code", unnamed), str(body))
        return response.json()

    async def _raw(self, data: bytes, *, read: bool, seconds: float) -> None:
        parts = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    if read:
                        await reader.read()
                    else:
                        await asyncio.sleep(seconds)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


_BEHAVIOURS = (
    *[Clients.plays] * 12,
    *[Clients.plays_over_http] * 4,
    *[Clients.comes_back] * 3,
    *[Clients.lists_tasks] * 2,
    *[Clients.vanishes] * 3,
    *[Clients.vanishes_while_it_waits] * 2,
    *[Clients.sends_garbage] * 2,
    *[Clients.sends_raw_garbage] * 2,
    Clients.stalls,
    Clients.never_reads,
    Clients.trickles,
    Clients.is_killed,
)
