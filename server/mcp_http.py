"""The Model Context Protocol at ``/mcp``, by the SDK ``mcp``: streamable HTTP in, tools of a session out.

OpenEnv's JSON-RPC dialect has the same path. A request is MCP's where it says so in a header that MCP's clients must
send: one of ``MCP_HEADERS``, or ``text/event-stream`` in Accept. Everything else is OpenEnv's.

An ``Mcp-Session-Id`` is MCP's own: a conversation, and only who began it may go on with it. Which session its tools act
on is said by each request: an agent's token, else ``X-Session-Id``, else ``?session_id=``.
"""

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from openenv_tasksets.loaders.errors import PolicyError, TasksetError
from openenv_tasksets.server.access import Caller, check
from openenv_tasksets.server.errors import told
from openenv_tasksets.server.host import Host
from openenv_tasksets.server.http_episode import SESSION_HEADER
from openenv_tasksets.server.json_response import json_response
from openenv_tasksets.server.session import Session
from openenv_tasksets.server.tools import (
    TOOL_FAILED,
    NoTools,
    ToolAnswer,
    ToolFailed,
    call_tool,
    list_tools,
    needs_session,
    plain,
)

if TYPE_CHECKING:
    from mcp import types
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

MCP_SESSION_HEADER = "mcp-session-id"
MCP_HEADERS = frozenset((MCP_SESSION_HEADER.encode(), b"mcp-protocol-version"))
MAX_MESSAGE_BYTES = 16 * 2**20

_MISSING = "the Model Context Protocol needs the package mcp on the server: pip install 'openenv-tasksets[mcp]'"


def speaks_mcp(method: str, accept: str | None, has_mcp_header: bool) -> bool:
    """Whether a request to ``/mcp`` is of the Model Context Protocol, not of OpenEnv's dialect.

    Args:
        method: The HTTP method.
        accept: The Accept header, if any.
        has_mcp_header: Whether it has one of ``MCP_HEADERS``.
    """
    return method in ("GET", "POST", "DELETE") and (has_mcp_header or "text/event-stream" in (accept or "").lower())


class McpHttp:
    """An ASGI application: MCP's conversations of one host. The SDK is imported by the first one.

    Args:
        host: Whose tools.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._manager: StreamableHTTPSessionManager | None = None
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; who asks is in its scope, as ``caller``."""
        try:
            manager = await self._started()
        except ImportError:
            await json_response({"detail": _MISSING}, 501)(scope, receive, send)
            return
        from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
        from mcp.server.auth.provider import AccessToken

        # By this the SDK knows whose conversation it is; the token itself stays outside.
        caller: Caller = scope["caller"]
        owner = f"{caller.role} {caller.session_id} {caller.may_step}"
        user = AuthenticatedUser(AccessToken(token="", client_id=owner, scopes=[]))
        await manager.handle_request({**scope, "user": user}, receive, send)

    async def close(self) -> None:
        """End every conversation."""
        self._stopping.set()
        if self._running is not None:
            await self._running

    async def _started(self) -> "StreamableHTTPSessionManager":
        async with self._starting:
            if self._manager is None:
                # Reading it takes a second or more, in which episodes go on.
                await asyncio.to_thread(importlib.import_module, "mcp.server.streamable_http_manager")
                self._manager = self._made()
                started = asyncio.Event()
                self._running = asyncio.create_task(self._run(self._manager, started))
                await started.wait()
            return self._manager

    async def _run(self, manager: "StreamableHTTPSessionManager", started: asyncio.Event) -> None:
        async with manager.run():
            started.set()
            await self._stopping.wait()

    def _made(self) -> "StreamableHTTPSessionManager":
        from mcp import types
        from mcp.server.lowlevel import Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        server: Server[Any, Any] = Server(self._host.id, instructions=self._host.description)
        server.request_handlers[types.ListToolsRequest] = lambda _request: self._list(server.request_context.request)
        server.request_handlers[types.CallToolRequest] = lambda request: self._call(
            server.request_context.request, request.params.name, request.params.arguments or {}
        )
        return StreamableHTTPSessionManager(
            server,
            json_response=True,
            session_idle_timeout=self._host.settings.session_timeout,
            max_request_body_size=MAX_MESSAGE_BYTES,
        )

    async def _list(self, request: Any) -> "types.ServerResult":
        from mcp import McpError, types

        try:
            session = self._session(request)
            if session is not None or not needs_session(self._host.kind):
                tools = await self._to_its_end(list_tools(self._host.kind, session))
            else:
                async with self._host.passing() as passing:
                    tools = await list_tools(self._host.kind, passing)
        except Exception as exc:  # noqa: BLE001 - told without the text of foreign exceptions
            raise McpError(types.ErrorData(code=types.INTERNAL_ERROR, message=self._told(exc, request))) from None
        listed = [
            types.Tool(name=each["name"], description=each["description"], inputSchema=plain(each["inputSchema"]))
            for each in tools
        ]
        return types.ServerResult(types.ListToolsResult(tools=listed))

    async def _call(self, request: Any, name: str, arguments: Mapping[str, Any]) -> "types.ServerResult":
        from mcp import types

        try:
            session = self._session(request)
            if session is None:
                raise TasksetError(
                    "no session is named: send the header X-Session-Id, or the token of an agent, which is for one"
                )
            answer = await self._to_its_end(call_tool(self._host.kind, session, name, arguments))
            return types.ServerResult(_result(answer))
        except Exception as exc:  # noqa: BLE001 - told without the text of foreign exceptions
            failed = types.TextContent(type="text", text=self._told(exc, request))
            return types.ServerResult(types.CallToolResult(content=[failed], isError=True))

    def _session(self, request: Any) -> Session | None:
        """The session that an HTTP request is about; its scope has the caller."""
        named = _named(request)
        caller: Caller = request.scope["caller"]
        check(caller, "tools", named)
        named = caller.named(named)
        if named is None:
            return None
        session = self._host.sessions.find(named)
        if session.rate is not None:
            session.rate.take()
        return session

    def _told(self, exc: Exception, request: Any) -> str:
        """The words for an error, which is counted."""
        named = request.scope["caller"].named(_named(request))
        session_id, counts = named if named in self._host.sessions else None, self._host.counts
        if isinstance(exc, NoTools | ToolFailed):
            counts.error(TOOL_FAILED, session_id)
            return exc.message
        message = told(exc, counts, session_id).message
        if not isinstance(exc, PolicyError):
            return message
        mistakes = [f"{_place(each.get('loc'))}: {each.get('msg')}" for each in exc.details]
        return "; ".join([f"{message}: wrong arguments", *mistakes])

    async def _to_its_end(self, work: Any) -> Any:
        """A call that a client takes back is gone through with: the environment is in the middle of it."""
        return await asyncio.shield(self._host.sessions.run(work))


def _result(answer: ToolAnswer) -> "types.CallToolResult":
    from mcp import types

    return types.CallToolResult.model_validate(
        {
            "content": [_block(each) for each in plain(answer.content)],
            "structuredContent": plain(answer.structured),
            "_meta": {"done": True} if answer.done else None,
        }
    )


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """A content block by the names that it has on the wire, without what is null."""
    return {("_meta" if name == "meta" else name): value for name, value in block.items() if value is not None}


def _named(request: Any) -> str | None:
    """The session that a request names."""
    in_query: str | None = parse_qs(request.url.query).get("session_id", [None])[-1]
    return request.headers.get(SESSION_HEADER) or in_query


def _place(location: object) -> str:
    return ".".join(map(str, location)) if isinstance(location, list | tuple) else ""
