"""What is a JSON-RPC request, and what is answered where it is none."""

import pytest

from openenv_tasksets.server.json_rpc import RpcError, failure, read_request, request_id_of


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
    ],
)
def test_what_is_no_request_is_told_why(request_, request_id, code, message):
    with pytest.raises(RpcError) as caught:
        read_request(request_)

    assert failure(request_id_of(request_), caught.value) == {
        "jsonrpc": "2.0",
        "id": request_id,
        "error": {"code": code, "message": message, "data": None},
    }


@pytest.mark.parametrize("request_id", [None, 0, -1, "", "a"])
def test_a_request_keeps_its_id_and_has_parameters(request_id):
    request = read_request({"jsonrpc": "2.0", "method": "x", "id": request_id})

    assert (request.id, request.method, request.params) == (request_id, "x", {})
