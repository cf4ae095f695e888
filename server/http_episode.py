"""Episodes over HTTP: what /reset, /step and /state do, whatever reads the request and writes the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec

from openenv_tasksets.loaders.errors import SelectionError
from openenv_tasksets.server.access import TRAINER, Caller, check
from openenv_tasksets.server.counts import Counts
from openenv_tasksets.server.errors import WireError, told
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.inline_session import InlineSession
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.wire import TOO_DEEP, encode_json, is_too_deep

SESSION_HEADER = "x-session-id"

Receive = Callable[[], Awaitable[Any]]
Result = TypeVar("Result")


class ClientGone(Exception):
    """The client left while its request was being answered."""


class Answer(msgspec.Struct, frozen=True):
    """What a request is answered with.

    Attributes:
        body: JSON.
        status: The HTTP status.
        headers: Beside the content's type and length, by name in lower case.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}

    def header_lines(self) -> bytes:
        """The same as they stand in a response."""
        lines = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(self.body)
        if not self.headers:
            return lines
        return lines + "".join([f"{name}: {value}\r\n" for name, value in self.headers.items()]).encode(
            "latin-1", "replace"
        )

    def header_fields(self) -> list[tuple[bytes, bytes]]:
        """All headers, as they are written."""
        return [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()),
        ]


class HttpEpisodes:
    """The three requests. Each that names no session has an environment of its own, as OpenEnv's have.

    Whatever goes wrong is an answer, and counted.

    Args:
        host: Whose.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.counts = host.counts
        self.inline = host.kind.inline

    async def reset(self, data: Mapping[str, Any], session_id: str | None, receive: Receive) -> Answer:
        """Begin an episode in a session that stays, a new one where none is named; its id is in header and body.

        Args:
            data: The reset()'s arguments.
            session_id: The session, or None for a new one.
            receive: The request's ASGI channel, read to its end.

        Raises:
            ClientGone: The client left before there was an episode; a new session is closed.
        """
        return await self._told(self._reset(data, session_id, receive), session_id)

    async def step(
        self,
        action: Mapping[str, Any],
        options: Mapping[str, Any],
        session_id: str | None,
        receive: Receive,
        caller: Caller = TRAINER,
    ) -> Answer:
        """Take one action.

        Args:
            action: As it came over the wire.
            options: What else was sent, for the environment's step(); ``timeout_s`` among it (seconds > 0, or None
                for any time) is a limit, too.
            session_id: The session, or None for an environment that is made and closed for this action.
            receive: As for ``reset``.
            caller: Who asks; an agent that names no session acts in its own.

        Raises:
            ClientGone: The client left in the middle of an action without a session.
        """
        named = caller.named(session_id)
        return await self._told(self._step(action, options, session_id, receive, caller), named)

    async def state(self, session_id: str | None, receive: Receive) -> Answer:
        """The state of a session, or of a new one; arguments and errors as for ``step``."""
        return await self._told(self._state(session_id, receive), session_id)

    async def _told(self, answer: Coroutine[Any, Any, Answer], session_id: str | None) -> Answer:
        try:
            return await answer
        except ClientGone:
            raise
        except Exception as exc:  # noqa: BLE001 - told, and logged where nobody foresaw it
            known = session_id if session_id in self._host.sessions else None
            return _error_answer(told(exc, self.counts, known))

    async def _reset(self, data: Mapping[str, Any], session_id: str | None, receive: Receive) -> Answer:
        _check_depth(data)
        if session_id is not None:
            session = self._find(session_id)
            outcome = await session.reset(data)
        else:
            session, outcome = await self._unless_gone(self._begin(data), receive)
        return _answer({**_observation(outcome), "session_id": session.id}, session.id)

    async def _step(
        self,
        action: Mapping[str, Any],
        options: Mapping[str, Any],
        session_id: str | None,
        receive: Receive,
        caller: Caller,
    ) -> Answer:
        check(caller, "step", session_id)
        _check_depth(action)
        _check_depth(options)
        session_id = caller.named(session_id)
        timeout_s = options.get("timeout_s")
        if session_id is not None:
            outcome = await self._find(session_id).step(action, timeout_s, options)
        else:
            acting = self._passing(lambda session: session.act(action, timeout_s, options))
            outcome = await self._unless_gone(acting, receive)
        return _answer(_observation(outcome), session_id)

    async def _state(self, session_id: str | None, receive: Receive) -> Answer:
        if session_id is not None:
            return _answer(await self._find(session_id).state(), session_id)
        return _answer(await self._unless_gone(self._passing(Session.state), receive), None)

    def _find(self, session_id: str) -> Session:
        session = self._host.sessions.find(session_id)
        if session.rate is not None:
            session.rate.take()
        return session

    async def _begin(self, data: Mapping[str, Any]) -> tuple[Session, Outcome]:
        session = await self._host.open_session(kept=True)
        try:
            found = session.reset_at_once(data) if isinstance(session, InlineSession) else session.reset(data)
            return session, found if isinstance(found, Outcome) else await found
        except BaseException:
            await asyncio.shield(self._host.release(session))
            raise

    async def _passing(self, use: Callable[[Session], Awaitable[Result]]) -> Result:
        async with self._host.passing() as session:
            return await use(session)

    async def _unless_gone(self, work: Coroutine[Any, Any, Result], receive: Receive) -> Result:
        if self._host.kind.inline and self._host.sessions.has_room:
            return await work
        working = asyncio.create_task(work)
        watching = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientGone
            return working.result()
        finally:
            watching.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait([working])


def _check_depth(data: Mapping[str, Any]) -> None:
    if is_too_deep(data):
        raise SelectionError(f"the body is {TOO_DEEP}")


def error_answer(exc: Exception, counts: Counts | None = None) -> Answer:
    """What an exception is over HTTP; counted, where there are counts."""
    return _error_answer(told(exc, counts))


def _error_answer(error: WireError) -> Answer:
    return Answer(encode_json(error.http_body()), error.status, error.http_headers())


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(value: Mapping[str, Any], session_id: str | None) -> Answer:
    return Answer(encode_json(value), 200, {} if session_id is None else {SESSION_HEADER: session_id})


def _observation(outcome: Outcome) -> dict[str, Any]:
    data = outcome.to_wire()
    reward = outcome.reward
    data["reward"] = None if reward is None else float(reward)
    data.setdefault("metadata", None)
    return data
