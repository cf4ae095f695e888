"""JSON-RPC answers of an environment without tools."""

import pytest

from openenv_tasksets.server.mcp import answer_rpc


@pytest.mark.parametrize(
    ("request_", "request_id", "code", "message"),
    [
        (None, None, -32700, "Parse error"),
        ([], None, -32700, "Parse error"),
        ("tools/list", None, -32700, "Parse error"),
        ({}, None, -32600, "Invalid request: jsonrpc must be '2.0'"),
        ({"jsonrpc": "1.0", "method": "x", "id": 1}, 1, -32600, "Invalid request: jsonrpc must be '2.0'"),
        ({"jsonrpc": "2.0", "id": 1}, 1, -32600, "Invalid request: method must be text"),
        ({"jsonrpc": "2.0", "method": 3, "id": 1}, 1, -32600, "Invalid request: method must be text"),
        (
            {"jsonrpc": "2.0", "method": "x", "params": [], "id": 1},
            1,
            -32600,
            "Invalid request: params must be an object",
        ),
        ({"jsonrpc": "2.0", "method": "x", "b": 1, "a": 1, "id": 1}, 1, -32600, "Invalid request: unknown key 'a'"),
        (
            {"jsonrpc": "2.0", "method": "x", "id": True},
            None,
            -32600,
            "Invalid request: id is text, a whole number or null",
        ),
        (
            {"jsonrpc": "2.0", "method": "x", "id": 1.5},
            None,
            -32600,
            "Invalid request: id is text, a whole number or null",
        ),
        ({"jsonrpc": "2.0", "method": "initialize", "id": "a"}, "a", -32601, "Method not found: initialize"),
        ({"jsonrpc": "2.0", "method": "ping"}, None, -32601, "Method not found: ping"),
        ({"jsonrpc": "2.0", "method": "tools/list", "id": 0}, 0, -32603, "Environment does not support MCP"),
        ({"jsonrpc": "2.0", "method": "tools/call", "id": 1}, 1, -32602, "Missing 'name' in params"),
        (
            {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "x"}, "id": 1},
            1,
            -32603,
            "Environment does not support MCP",
        ),
    ],
)
def test_every_request_is_answered(request_, request_id, code, message):
    assert answer_rpc(request_) == {
        "jsonrpc": "2.0",
        "id": request_id,
        "error": {"code": code, "message": message, "data": None},
    }
