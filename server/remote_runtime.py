"""An environment that runs behind OpenEnv's API somewhere else: at a URL, which may change when it is restarted."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from openenv_tasksets.consent import Consent
from openenv_tasksets.declaration import EnvironmentDeclaration
from openenv_tasksets.environment import Accepts
from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.server.binding_proof import prove_binding
from openenv_tasksets.server.environment_type import EnvironmentType
from openenv_tasksets.server.relay import Relay
from openenv_tasksets.server.slots import CapacityReached
from openenv_tasksets.server.upstream import UpstreamSocket, ask, open_socket, wait_until_ready
from openenv_tasksets.server.wire_type import WireType
from openenv_tasksets.server_url import read_server_url
from openenv_tasksets.taskset import Taskset

Result = TypeVar("Result")

WAIT_SECONDS = 10.0
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 600.0
_HANDOVER_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_LONGEST_NAME = 100
_TOOL_ACTIONS = ("Action", "CallToolAction", "ListToolsAction")
"""Titles of the action schemas whose step() takes OpenEnv's actions to list and to call tools."""
_TAKES_ANYTHING = Accepts(frozenset(("seed", "episode_id")), any_name=True, required=frozenset())


class Address(Protocol):
    """Where a server is. What restarts its server may give another URL each time.

    Called from several event loops and threads, among them one that lives only while a ``Host`` is made, so it holds
    nothing that belongs to a loop.
    """

    async def __call__(self) -> str:
        """The base URL now, waiting for it if need be: asked once at the start, and then before every connection.

        Raises:
            EnvironmentFailed: There is none now, and why, for the client to read; the next call may have one.
        """
        ...

    def check(self, declared: EnvironmentDeclaration, consent: Consent) -> None:
        """Refuse what the user has not agreed to, before anything is started.

        Args:
            declared: Whose server it is.
            consent: The user's.

        Raises:
            ConsentNeeded: Names the options that are missing.
        """
        ...

    def stop(self) -> None:
        """End what was started to have it; called when nobody needs it any more, more than once perhaps."""
        ...


class RemoteRuntime:
    """An OpenEnv server to play with, given to a ``Host`` in the place of an environment class.

    Nothing is asked of it before the host is made. Its rows go to this machine, or to hosts that the user's consent
    names.

    Args:
        address: The server's URL, ``http://host:port`` with an optional path; or an ``Address`` that finds it.
        token: Sent to the server as ``Authorization: Bearer``, and nowhere else; None sends none.
        wait_seconds: How long the server may take to be there, >= 0.
        answer_seconds: How long it may take for an answer at most, > 0; None is any time.

    Raises:
        EnvironmentNotFound: The URL is none.
    """

    def __init__(
        self,
        address: str | Address,
        *,
        token: str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> None:
        self.address: Address = FixedAddress(read_server_url(address)) if isinstance(address, str) else address
        self.token = token
        self.wait_seconds = wait_seconds
        self.answer_seconds = answer_seconds

    def reach(self, declared: EnvironmentDeclaration, consent: Consent) -> "RemoteEnvironment":
        """Wait for the server and read what it says of its environment. Blocks.

        Args:
            declared: Whose rows are sent there.
            consent: The user's, for what is started and for the server's host.

        Raises:
            ConsentNeeded: The user has not agreed to start it, or to send rows to its host.
            EnvironmentNotFound: There is no server in time, or none of OpenEnv's.
            EnvironmentFailed: The address is not to be had.
        """
        self.address.check(declared, consent)
        try:
            return wait_for(self._reached(declared.id, consent))
        except BaseException:
            self.address.stop()
            raise

    async def _reached(self, environment_id: str, consent: Consent) -> "RemoteEnvironment":
        url = await self.address()
        consent.check_host(url, environment_id)
        await wait_until_ready(url, self.token, self.wait_seconds)
        schema = await ask(url, "/schema", self.token)
        name = (await ask(url, "/metadata", self.token)).get("name")
        action = _type(schema, "action")
        return RemoteEnvironment(
            runtime=self,
            consent=consent,
            id=environment_id,
            name=name[:_LONGEST_NAME] if isinstance(name, str) and name else environment_id,
            action=action,
            observation=_type(schema, "observation"),
            reset_observation=_type(schema, "reset_observation" if "reset_observation" in schema else "observation"),
            state=_type(schema, "state"),
            tool_actions=action.schema.get("title") in _TOOL_ACTIONS,
        )


@dataclass(slots=True)
class RemoteEnvironment:
    """What is known of a server's environment: the counterpart of ``EnvironmentType``.

    Attributes:
        runtime: Where it runs.
        consent: The user's, for the hosts that it may move to.
        id: The id of the environment whose rows it plays.
        name: Its class's name.
        action: Passed on as it comes; the server checks it.
        observation: The type that step() returns.
        reset_observation: The type that reset() returns.
        state: The type of ``state``.
        tool_actions: Whether its step() takes OpenEnv's actions to list and to call tools.
    """

    runtime: RemoteRuntime
    consent: Consent
    id: str
    name: str
    action: WireType
    observation: WireType
    reset_observation: WireType
    state: WireType
    tool_actions: bool
    accepted: Accepts = field(default=_TAKES_ANYTHING, init=False)
    executes_rows: bool = field(default=False, init=False)
    inline: bool = field(default=False, init=False)
    pooled: bool = field(default=False, init=False)
    concurrent: bool = field(default=True, init=False)
    step_tool: str | None = field(default=None, init=False)

    @property
    def forwards_tools(self) -> bool:
        """Of every environment whose tools are no steps; whether it has any, only it knows."""
        return not self.tool_actions

    async def start(
        self,
        timeout_s: float | None = None,
        *,
        wait_seconds: float = 0.0,
        on_full: Callable[[int], None] | None = None,
    ) -> Relay:
        """A session of the server's.

        A server frees a slot a moment after its client is gone, so one that is full is asked again.

        Args:
            timeout_s: Seconds for each attempt, > 0; None is any time.
            wait_seconds: For how long to ask a server that is full, >= 0.
            on_full: Told how many sessions the server has, when it is full; None is nobody.

        Raises:
            CapacityReached: The server has no session left, for so long.
            EnvironmentFailed: There is no such server, or it cannot make the environment.
            TimeExceeded: An attempt took too long.
        """
        until = time.monotonic() + max(wait_seconds, _HANDOVER_SECONDS)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._relay(timeout_s)
            except CapacityReached as exc:
                if exc.max_sessions and on_full is not None:
                    on_full(exc.max_sessions)
                if time.monotonic() + pause_s > until:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def stop(self) -> None:
        """End what was started to have the server."""
        self.runtime.address.stop()

    async def look(self, taskset: Taskset, on_full: Callable[[int], None]) -> None:
        """See whether the server plays what it is given, and whether it has room for more than one session.

        Args:
            taskset: Of whose tasks a few are begun; see ``binding_proof``.
            on_full: As in ``start``.

        Raises:
            BindingUnproven: It may ignore what the task binds.
            TasksetError: It has no session left, or fails.
        """
        first = await self.start(wait_seconds=self.runtime.wait_seconds)
        try:
            try:
                await (await self._relay(None)).close()
            except CapacityReached as exc:
                on_full(exc.max_sessions or 1)
            await prove_binding(taskset, first, self.name)
        finally:
            await first.close()

    async def _relay(self, timeout_s: float | None) -> Relay:
        return await Relay.start(self.name, self._open_socket, self.runtime.answer_seconds, timeout_s)

    async def _open_socket(self) -> UpstreamSocket:
        url = await self.runtime.address()
        self.consent.check_host(url, self.id)
        return await open_socket(url, self.runtime.token, CONNECT_SECONDS)


EnvironmentKind: TypeAlias = EnvironmentType | RemoteEnvironment
"""What is known of an environment, wherever it runs."""


class FixedAddress:
    """A server that is where it is, and that somebody else runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self) -> str:
        """The URL."""
        return self._url

    def check(self, declared: EnvironmentDeclaration, consent: Consent) -> None:
        """Nothing is started."""

    def stop(self) -> None:
        """Nothing was started."""


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, whether or not this thread has an event loop that runs. Blocks.

    Ctrl+C ends the wait at once; what still runs then does not keep the process alive.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(asyncio.run(work))
        except BaseException as exc:  # noqa: BLE001 - handed to whoever waits
            done.set_exception(exc)

    threading.Thread(target=run, name="remote runtime", daemon=True).start()
    # Python may sleep through a signal that comes as it falls asleep: not for long.
    while wait([done], _LOOK_SECONDS).not_done:
        pass
    return done.result()


def _type(schemas: Mapping[str, Any], name: str) -> WireType:
    schema = schemas.get(name)
    if not isinstance(schema, dict):
        raise EnvironmentFailed(f"the server's /schema says nothing of the {name}: it is none of OpenEnv's")
    return WireType(dict, schema)
