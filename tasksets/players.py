"""The two ways to play an episode: with a session in this process, or over the wire of a server."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import websockets.exceptions
from websockets.asyncio.client import ClientConnection, connect

from openenv_tasksets.loaders.errors import (
    EnvironmentFailed,
    PolicyError,
    ResetNeeded,
    SelectionError,
    TasksetError,
    TimeExceeded,
)
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.outcome import Outcome
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.wire import FrameError, decode_json, encode_json
from openenv_tasksets.server_url import is_loopback
from openenv_tasksets.task_client import ServerUnusable

MAX_MESSAGE_BYTES = 100 * 2**20
RETRY_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0)


class Player(Protocol):
    """Plays episodes one after the other; calls must not overlap.

    Every observation is made of plain JSON values, wherever the environment runs.
    """

    async def reset(self, selectors: Mapping[str, Any]) -> Outcome:
        """Begin an episode on the task that ``selectors`` name.

        Raises:
            TasksetError: It could not begin; the next reset may.
            ServerUnusable: No further reset will be answered.
        """
        ...

    async def step(self, action: Mapping[str, Any]) -> Outcome:
        """Take one action.

        Raises:
            PolicyError: The action is not one that the environment takes.
            EnvironmentFailed: The environment raised, or is lost.
            TimeExceeded: It did not answer in time.
        """
        ...

    async def state(self) -> Mapping[str, Any]:
        """What the trainer may know of the episode.

        Raises:
            EnvironmentFailed: The environment raised, or is lost.
        """
        ...

    async def close(self) -> None:
        """Give the environment back."""
        ...


class LocalPlayer:
    """A session of a host in this process."""

    def __init__(self, host: Host, session: Session) -> None:
        self._host = host
        self._session = session

    @classmethod
    async def open(cls, host: Host) -> "LocalPlayer":
        """Make an environment.

        Raises:
            CapacityReached: The host has no slot left.
            EnvironmentFailed: The environment's constructor raised; the message says what it says of its
                arguments.
        """
        try:
            return cls(host, await host.open_session())
        except EnvironmentFailed as exc:
            raise EnvironmentFailed(f"{exc.message}{_said(host, exc.__cause__)}") from exc.__cause__

    async def reset(self, selectors: Mapping[str, Any]) -> Outcome:
        """As ``Player.reset``."""
        return _over_the_wire(await self._session.reset(selectors))

    async def step(self, action: Mapping[str, Any]) -> Outcome:
        """As ``Player.step``."""
        return _over_the_wire(await self._session.step(action))

    async def state(self) -> Mapping[str, Any]:
        """As ``Player.state``."""
        return await self._session.state()

    async def close(self) -> None:
        """Close the session and free its slot."""
        await self._host.release(self._session)


class RemotePlayer:
    """A session of a server: one WebSocket, used for episode after episode.

    A connection that is lost ends its episode with an error, since a new one has a new environment; the next
    ``reset`` connects again.

    Args:
        base_url: The environment's URL, ``http://host:port`` with an optional path.
        message_timeout_s: Seconds to wait for each answer.
        retry_delays_s: Seconds before each attempt to connect again.
    """

    def __init__(
        self,
        base_url: str,
        *,
        message_timeout_s: float = 600.0,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        self._url = base_url.rstrip("/").replace("http", "ws", 1) + "/ws"
        self._message_timeout_s = message_timeout_s
        self._retry_delays_s = retry_delays_s
        self._socket: ClientConnection | None = None

    @classmethod
    async def open(cls, base_url: str, *, message_timeout_s: float = 600.0) -> "RemotePlayer":
        """Connect.

        Raises:
            CapacityReached: The server has no session left.
            ServerUnusable: There is no such server, or it cannot make the environment.
        """
        player = cls(base_url, message_timeout_s=message_timeout_s)
        await player._connect()
        return player

    async def reset(self, selectors: Mapping[str, Any]) -> Outcome:
        """As ``Player.reset``."""
        if self._socket is None:
            await self._connect_again()
        return read_outcome(await self._ask("reset", selectors))

    async def step(self, action: Mapping[str, Any]) -> Outcome:
        """As ``Player.step``."""
        return read_outcome(await self._ask("step", action))

    async def state(self) -> Mapping[str, Any]:
        """As ``Player.state``."""
        return await self._ask("state", None)

    async def close(self) -> None:
        """Close the connection, and with it the session."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def _connect(self) -> None:
        proxy: Literal[True] | None = None if is_loopback(self._url) else True
        try:
            self._socket = await connect(
                self._url, max_size=MAX_MESSAGE_BYTES, compression=None, proxy=proxy, open_timeout=10
            )
        except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as exc:
            raise ServerUnusable(f"cannot connect to {self._url}: {exc}") from exc
        try:
            # Nothing greets a client: a server that is full says so in its first answer.
            await self._ask("state", None)
        except (CapacityReached, ServerUnusable):
            await self.close()
            raise
        except TasksetError as exc:
            if self._socket is None:
                raise ServerUnusable(f"{self._url} gives no session: {exc}") from exc

    async def _connect_again(self) -> None:
        reason: TasksetError | None = None
        for delay_s in self._retry_delays_s:
            await asyncio.sleep(delay_s)
            try:
                return await self._connect()
            except (ServerUnusable, CapacityReached) as exc:
                reason = exc
        raise ServerUnusable(f"the connection was lost and could not be made again: {reason}") from reason

    async def _ask(self, kind: str, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        frame = {"type": kind} if data is None else {"type": kind, "data": data}
        answer_kind, answer = _read_frame(await self._exchange(encode_json(frame).decode()))
        if answer_kind == "error":
            raise _error(kind, answer)
        return answer

    async def _exchange(self, frame: str) -> str | bytes:
        if self._socket is None:
            raise EnvironmentFailed(f"there is no connection to {self._url}: the episode was lost with it")
        try:
            async with asyncio.timeout(self._message_timeout_s):
                with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                    await self._socket.send(frame)
                # Also of a closed connection: what the server said before it closed is still to be read.
                return await self._socket.recv()
        except TimeoutError as exc:
            self._drop()
            raise TimeExceeded(f"no answer from {self._url} within {self._message_timeout_s:g} s") from exc
        except websockets.exceptions.ConnectionClosed as exc:
            self._drop()
            raise EnvironmentFailed(f"the connection to {self._url} was lost: {exc}") from exc
        except asyncio.CancelledError:
            self._drop()
            raise

    def _drop(self) -> None:
        """Forget the connection: an answer that still comes must not be taken for another's."""
        if self._socket is not None:
            self._socket.transport.abort()
            self._socket = None


def _said(host: Host, cause: BaseException | None) -> str:
    """What a constructor says of its arguments: declared constants, hidden from nobody; but secrets are not."""
    runtime = host.taskset.environment.frameworks.openenv
    if not isinstance(cause, TypeError | ValueError) or runtime is None or runtime.secrets:
        return ""
    return f": {cause}"


def read_outcome(data: Mapping[str, Any]) -> Outcome:
    """The ``data`` of an observation frame.

    Raises:
        EnvironmentFailed: It is not of OpenEnv's form.
    """
    observation, reward = data.get("observation", {}), data.get("reward")
    if not isinstance(observation, dict) or not isinstance(reward, bool | int | float | None):
        raise EnvironmentFailed("the server's answer is not an observation with a reward")
    metadata = observation.get("metadata") or data.get("metadata")
    truncated = isinstance(metadata, dict) and metadata.get("truncated") is True
    limit = str(metadata.get("truncated_by", "server")) if isinstance(metadata, dict) and truncated else None
    return Outcome(observation, reward, bool(data.get("done")) and limit is None, limit)


def _over_the_wire(outcome: Outcome) -> Outcome:
    """The outcome as a client behind a URL sees it: a policy plays the same either way."""
    return read_outcome(decode_json(encode_json(outcome.to_wire())))


def _read_frame(frame: str | bytes) -> tuple[str, dict[str, Any]]:
    try:
        message = decode_json(frame)
    except FrameError as exc:
        raise EnvironmentFailed("the server's answer is not JSON") from exc
    if not isinstance(message, dict) or not isinstance(message.get("data"), dict):
        raise EnvironmentFailed("the server's answer is not a frame with data")
    return str(message.get("type")), message["data"]


def _error(asked: str, data: Mapping[str, Any]) -> TasksetError:
    """The error that an error frame stands for."""
    message, code = str(data.get("message")), data.get("code")
    if code == "CAPACITY_REACHED":
        return CapacityReached(data.get("active_sessions", 0), data.get("max_sessions", 0))
    if code == "VALIDATION_ERROR" and asked == "step":
        errors = data.get("errors")
        return PolicyError(message, errors if isinstance(errors, list) else ())
    if code == "VALIDATION_ERROR":
        return SelectionError(message)
    if code == "FACTORY_ERROR":
        return ServerUnusable(message)
    if code == "TIME_EXCEEDED":
        return TimeExceeded(message)
    if code == "RESET_NEEDED":
        return ResetNeeded(message)
    return EnvironmentFailed(f"{message} (code: {code})")
