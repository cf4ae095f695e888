"""The same environment behind our server and, with the mixin, behind OpenEnv's: the same frames and bodies.

Every difference is listed with its reason; one that is not listed fails, and so does one that is no difference.
"""

import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def frame(kind, data=None, **more):
    return json.dumps({"type": kind, **({} if data is None else {"data": data}), **more})


def step(answer="a", do="answer", **more):
    return frame("step", {"answer": answer, "do": do, **more})


def rpc(method="tools/list", **more):
    return frame("mcp", {"jsonrpc": "2.0", "method": method, "id": 1, **more})


RESET = frame("reset", {"split": "test", "index": 3})
STATE = frame("state")

# What is sent, by name; what comes back is compared, the closing of the connection included.
CONVERSATIONS = {
    "reset": [frame("reset"), frame("reset", {})],
    "reset to an index": [RESET, STATE],
    "reset to a task id": [frame("reset", {"task_id": "train-7"}), STATE],
    "reset to both": [frame("reset", {"index": 7, "task_id": "train-7"}), STATE],
    "reset to a position": [
        frame("reset", {"seed": 25}),
        STATE,
        frame("reset", {"seed": 2**62, "split": "test"}),
        STATE,
    ],
    "a seed beside an index": [frame("reset", {"seed": 25, "index": 1}), STATE],
    "a label": [frame("reset", {"episode_id": "mine", "index": 0}), STATE, frame("reset", {"index": 0}), STATE],
    "arguments of the environment": [frame("reset", {"index": 0, "mood": "sad"}), STATE],
    "bound and unknown arguments": [frame("reset", {"index": 0, "answer": "x", "topic": [1]}), STATE],
    "nulls": [frame("reset", {"index": None, "task_id": None, "split": None, "seed": 4, "mood": None}), STATE],
    "right and wrong": [RESET, step("c4n4ry-4"), RESET, step("5"), STATE],
    "state of a new session": [STATE],
    "several steps": [RESET, step(do="none"), step(do="none"), STATE, step(), STATE],
    "rewards": [RESET, *(step(do=kind) for kind in ("nan", "infinity", "true", "int", "none", "negative"))],
    "values": [RESET, *(step(do=kind) for kind in ("date", "nested", "big", "unicode"))],
    "a reset in mid episode": [RESET, step(do="none"), RESET, STATE],
    "metadata of the action": [RESET, step(do="none", metadata={"a": 1})],
    "pipelined": [RESET, STATE, step(do="none"), STATE],
    "close": [RESET, frame("close")],
    "close at once": [frame("close")],
    "close with data": [frame("close", {}), STATE],
    "not json": ["", "not json", "{", frame("state") + "x", STATE],
    "unknown type": [frame("wat"), "{}", STATE],
    "missing data": [frame("step"), frame("mcp"), STATE],
    "data of another kind": [frame("reset", []), frame("step", "x"), frame("mcp", 1), frame("step", 0), STATE],
    "null data": ['{"type":"reset","data":null}', '{"type":"step","data":null}'],
    "extra keys": [frame("reset", {}, id=1), frame("state", {}), frame("step", {}, timeout_s=3), STATE],
    "duplicate keys": ['{"type":"wat","type":"reset","data":{"index":1,"index":2}}', STATE],
    "odd numbers": ['{"type":"reset","data":{"index":0,"topic":NaN}}', '{"type":"reset","data":{"index":0,"t":1e999}}'],
    "wrong actions": [RESET, frame("step", {}), step(""), step(bogus=1), step(do=7), step(metadata=1), STATE],
    "mcp": [
        rpc(),
        rpc("initialize"),
        rpc("tools/call", params={"name": "x"}),
        rpc("tools/call"),
        rpc(params={}),
        STATE,
    ],
    # Those that differ
    "step before reset": [step(do="none")],
    "step after done": [RESET, step(), step()],
    "unknown split": [frame("reset", {"split": "dev"})],
    "bad index": [frame("reset", {"split": "test", "index": 5})],
    "bad seed": [frame("reset", {"seed": -1})],
    "misspelled selector": [frame("reset", {"spilt": "test"})],
    "environment raises": [RESET, step(do="raise")],
    "a failed step leaves the episode": [RESET, step(do="none"), frame("step", {}), STATE],
    "no JSON form": [RESET, step(do="opaque")],
    "unknown type of another kind": ['{"type":null}'],
    "no object": [STATE, "[]"],
    "null": ["null"],
    "binary": [RESET, b'{"type":"state"}'],
    "nested deeply": ['{"type":"step","data":' + "[" * 100_000],
    "too many digits": ['{"type":"reset","data":{"index":' + "1" * 5000 + "}}"],
    "lone surrogate": [RESET, r'{"type":"step","data":{"answer":"\ud800"}}'],
    "validator raises": [RESET, step("poison")],
    "malformed rpc": [frame("mcp", {})],
    "session over rpc": [rpc("openenv/session/close", params={"session_id": "none"})],
    "unknown session id": ["?session_id=none", STATE],
}


def error(message, code="VALIDATION_ERROR", **facts):
    return {"type": "error", "data": {"message": message, "code": code, **facts}}


def rpc_error(code, message, request_id=1):
    error = {"code": code, "message": message, "data": None}
    return {"type": "mcp", "data": {"jsonrpc": "2.0", "id": request_id, "error": error}}


def invalid(kind, loc, message):
    return error("Invalid message", errors=[{"type": kind, "loc": loc, "msg": message}])


def selection(message):
    return error(message, errors=[{"type": "value_error", "loc": ["body"], "msg": message}])


BAD_SEED = "seed is a position, in [0, 2**63), not -1"
MISSPELLED = "unknown reset() argument 'spilt'; did you mean 'split'? Selectors are: split, index, task_id, seed"
NO_SPLIT = "no split 'dev'. There are: 'train', 'test'"
NO_TASK = "no task 5 in split 'test'; allowed: [0, 5)"
STEPPED = {
    "type": "observation",
    "data": {
        "observation": {"question": None, "seen": "a", "extra": None, "metadata": {}},
        "reward": None,
        "done": False,
    },
}
DONE_AGAIN = {
    "type": "observation",
    "data": {
        "observation": {"question": None, "seen": "a", "extra": None, "metadata": {"steps": 2}},
        "reward": 0.0,
        "done": True,
        "metadata": {"steps": 2},
    },
}
NEW_STATE = {"type": "state", "data": {"episode_id": None, "step_count": 0, "mood": None}}
OPEN, CLOSED = "open", "closed 1000"
BOUND_STATE = {
    "type": "state",
    "data": {
        "episode_id": None,
        "step_count": 0,
        "mood": None,
        "task_id": "test-3",
        "split": "test",
        "index": 3,
        "position": None,
        "public": {"level": 0},
    },
}

# (conversation, how ours ends, how the peer's ends, why)
DIFFERENCES = [
    (
        "step before reset",
        [error("no episode is running; call reset() before step()", "RESET_NEEDED"), OPEN],
        [STEPPED, OPEN],
        "a step that belongs to no task would be rewarded",
    ),
    (
        "step after done",
        [error("the episode is done; call reset() for the next one before step()", "RESET_NEEDED"), OPEN],
        [DONE_AGAIN, OPEN],
        "an answer could be tried again until it is right",
    ),
    (
        "unknown split",
        [error(NO_SPLIT), OPEN],
        [error(NO_SPLIT, "EXECUTION_ERROR"), OPEN],
        "it is the client's mistake",
    ),
    ("bad index", [error(NO_TASK), OPEN], [error(NO_TASK, "EXECUTION_ERROR"), OPEN], "it is the client's mistake"),
    ("bad seed", [selection(BAD_SEED), OPEN], [error(BAD_SEED, "EXECUTION_ERROR"), OPEN], "it is the client's mistake"),
    (
        "misspelled selector",
        [selection(MISSPELLED), OPEN],
        [error(MISSPELLED, "EXECUTION_ERROR"), OPEN],
        "it is the client's mistake",
    ),
    (
        "environment raises",
        [error("environment 'QuizEnvironment' failed in step(): ValueError", "EXECUTION_ERROR", error_id="…"), OPEN],
        [error("the answer is c4n4ry-4", "EXECUTION_ERROR"), OPEN],
        "an exception's text may hold what is hidden; the id leads to the log",
    ),
    (
        "no JSON form",
        [
            error(
                "environment 'QuizEnvironment' failed in step(): PydanticSerializationError",
                "EXECUTION_ERROR",
                error_id="…",
            ),
            OPEN,
        ],
        [error("Unable to serialize unknown type: <class 'object'>", "EXECUTION_ERROR"), OPEN],
        "as any exception of the environment",
    ),
    (
        "unknown type of another kind",
        [error("Unknown message type: null", "UNKNOWN_TYPE"), OPEN],
        [error("Unknown message type: None", "UNKNOWN_TYPE"), OPEN],
        "clients write JSON, not Python",
    ),
    (
        "no object",
        [error("A message is a JSON object, not a list", errors=[]), OPEN],
        [error("'list' object has no attribute 'get'", "SESSION_ERROR"), CLOSED],
        "a bad frame should not cost the episode",
    ),
    (
        "null",
        [error("A message is a JSON object, not null", errors=[]), OPEN],
        [error("'NoneType' object has no attribute 'get'", "SESSION_ERROR"), CLOSED],
        "a bad frame should not cost the episode",
    ),
    (
        "binary",
        [BOUND_STATE, OPEN],
        [error("'text'", "SESSION_ERROR"), CLOSED],
        "JSON is JSON in either kind of frame",
    ),
    (
        "nested deeply",
        [error("Invalid JSON: nested more than 128 deep", "INVALID_JSON"), OPEN],
        [
            error(
                "maximum recursion depth exceeded while decoding a JSON array from a unicode string", "SESSION_ERROR"
            ),
            CLOSED,
        ],
        "a bad frame should not cost the episode",
    ),
    (
        "too many digits",
        [error("Invalid JSON: a number has too many digits", "INVALID_JSON"), OPEN],
        [
            error(
                "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits; "
                "use sys.set_int_max_str_digits() to increase the limit",
                "SESSION_ERROR",
            ),
            CLOSED,
        ],
        "a bad frame should not cost the episode",
    ),
    (
        "lone surrogate",
        [error("Invalid JSON: a lone surrogate is no text", "INVALID_JSON"), OPEN],
        [error("…", "SESSION_ERROR"), CLOSED],
        "a bad frame should not cost the episode",
    ),
    (
        "validator raises",
        [invalid("value_error", ["answer"], "Value error, poison is no answer"), OPEN],
        [error("Unable to serialize unknown type: <class 'ValueError'>", "SESSION_ERROR"), CLOSED],
        "a bad action should not cost the episode",
    ),
    (
        "malformed rpc",
        [rpc_error(-32600, "Invalid request: jsonrpc must be '2.0'", None), OPEN],
        [rpc_error(-32600, "Invalid request: …", None), OPEN],
        "in our words",
    ),
    (
        "session over rpc",
        [rpc_error(-32601, "Method not found: openenv/session/close"), OPEN],
        [rpc_error(-32602, "Unknown session_id: none"), OPEN],
        "there are no tools, so there are no sessions for them",
    ),
]
DIFFERING = {name: (ours, peers) for name, ours, peers, _why in DIFFERENCES}


def plain(reply):
    """A reply without what may differ at every turn: ids of errors, and what pydantic repeats of the input."""
    found = json.loads(reply)
    data = found.get("data")
    if found.get("type") == "error":
        if "error_id" in data:
            data["error_id"] = "…"
        if "surrogates not allowed" in data["message"]:
            data["message"] = "…"
        for each in data.get("errors", ()):
            for repeated in ("input", "url", "ctx"):
                each.pop(repeated, None)
    if found.get("type") == "mcp" and "validation error" in data.get("error", {}).get("message", ""):
        data["error"]["message"] = "Invalid request: …"
    return found


def converse(url, frames):
    query = frames[0] if frames[0][:1] == "?" else ""
    replies = []
    with connect(url.replace("http", "ws") + "/ws" + query, max_size=None) as websocket:
        try:
            if query:
                replies.append(plain(websocket.recv(timeout=30)))
            for sent in frames[bool(query) :]:
                websocket.send(sent)
                replies.append(plain(websocket.recv(timeout=30)))
        except ConnectionClosed as exc:
            return [*replies, f"closed {exc.rcvd.code}"]
        # Whether a session is open is seen by using it.
        try:
            websocket.send(STATE)
            websocket.recv(timeout=30)
        except ConnectionClosed as exc:
            return [*replies, f"closed {exc.rcvd.code}"]
        return [*replies, OPEN]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_over_the_websocket(name, our_url, peers_url):
    ours, peers = converse(our_url, CONVERSATIONS[name]), converse(peers_url, CONVERSATIONS[name])
    if name not in DIFFERING:
        assert ours == peers
        return
    our_end, peers_end = DIFFERING[name]
    assert (ours[:-2], ours[-2:]) == (peers[: len(ours) - 2], our_end)
    assert peers[-2:] == peers_end
    assert our_end != peers_end


# But for the one whose tasks depend on how many were handed out before.
@pytest.mark.parametrize("name", [name for name in CONVERSATIONS if name != "reset"])
def test_both_transports_answer_alike(name, our_url, our_plain_url):
    fast, plain = converse(our_url, CONVERSATIONS[name]), converse(our_plain_url, CONVERSATIONS[name])
    assert fast == plain


def test_pipelined_frames_are_answered_in_order(our_url, our_plain_url, peers_url):
    for url in (our_url, our_plain_url, peers_url):
        with connect(url.replace("http", "ws") + "/ws") as websocket:
            for number in range(20):
                websocket.send(step(str(number), do="none") if number else RESET)
            replies = [json.loads(websocket.recv(timeout=30)) for _ in range(20)]
        assert [reply["data"]["observation"]["seen"] for reply in replies[1:]] == [str(n) for n in range(1, 20)]


JSON_HEADERS = {"content-type": "application/json"}

# name -> method, path, body
REQUESTS = {
    "health": ("GET", "/health", None),
    "metadata": ("GET", "/metadata", None),
    "schema": ("GET", "/schema", None),
    "reset": ("POST", "/reset", '{"split":"test","index":1,"episode_id":"mine","mood":"sad"}'),
    "reset to a position": ("POST", "/reset", '{"seed":42}'),
    "reset without a body": ("POST", "/reset", None),
    "reset with an empty body": ("POST", "/reset", "{}"),
    "reset with null": ("POST", "/reset", "null"),
    "reset with a list": ("POST", "/reset", "[]"),
    "reset with nulls": ("POST", "/reset", '{"seed":null,"index":2,"episode_id":null}'),
    "reset with a negative seed": ("POST", "/reset", '{"seed":-1}'),
    "reset with a long label": ("POST", "/reset", json.dumps({"episode_id": "x" * 256})),
    "reset with bad JSON": ("POST", "/reset", "{bad"),
    "step": ("POST", "/step", '{"action":{"answer":"a"},"timeout_s":3,"request_id":"r","render":true}'),
    "step with a bool reward": ("POST", "/step", '{"action":{"answer":"a","do":"true"}}'),
    "step with an int reward": ("POST", "/step", '{"action":{"answer":"a","do":"int"}}'),
    "step with no reward": ("POST", "/step", '{"action":{"answer":"a","do":"none"}}'),
    "step with NaN": ("POST", "/step", '{"action":{"answer":"a","do":"nan"}}'),
    "step with values": ("POST", "/step", '{"action":{"answer":"a","do":"date"}}'),
    "step with a wrong action": ("POST", "/step", '{"action":{"bogus":1}}'),
    "step without an action": ("POST", "/step", '{"answer":"a"}'),
    "step with a text": ("POST", "/step", '{"action":"a"}'),
    "step with a bad timeout": ("POST", "/step", '{"action":{"answer":"a"},"timeout_s":0}'),
    "step without a body": ("POST", "/step", None),
    "state": ("GET", "/state", None),
    "mcp tools": ("POST", "/mcp", '{"jsonrpc":"2.0","method":"tools/list","id":"a"}'),
    "mcp unknown": ("POST", "/mcp", '{"jsonrpc":"2.0","method":"initialize","id":1}'),
    "mcp without an id": ("POST", "/mcp", '{"jsonrpc":"2.0","method":"ping"}'),
    "mcp not JSON": ("POST", "/mcp", "{"),
    "mcp list": ("POST", "/mcp", "[]"),
    "mcp null": ("POST", "/mcp", "null"),
    "mcp empty": ("POST", "/mcp", None),
    "mcp by GET": ("GET", "/mcp", None),
    "environments": ("GET", "/list_environments", None),
    "splits": ("GET", "/quiz/splits", None),
    "splits in capitals": ("GET", "/QUIZ/splits", None),
    "splits of another": ("GET", "/nope/splits", None),
    "tasks": ("POST", "/quiz/tasks", '{"split":"test"}'),
    "tasks in capitals": ("POST", "/QuiZ/tasks", '{"split":"test"}'),
    "num_tasks": ("POST", "/quiz/num_tasks", '{"split":"train"}'),
    "task": ("POST", "/quiz/task", '{"split":"test","index":4}'),
    "task_range": ("POST", "/quiz/task_range", '{"split":"train","start":3,"stop":5}'),
    "task_range to the end": ("POST", "/quiz/task_range", '{"split":"test","start":3,"stop":null}'),
    "task_range past the end": ("POST", "/quiz/task_range", '{"split":"test","start":3,"stop":999}'),
    "task_range of nothing": ("POST", "/quiz/task_range", '{"split":"test","start":4,"stop":2}'),
    "task without an index": ("POST", "/quiz/task", '{"split":"test"}'),
    "task with a fraction": ("POST", "/quiz/task", '{"split":"test","index":[1]}'),
    "task with extra keys": ("POST", "/quiz/task", '{"split":"test","index":1,"x":2}'),
    "task of another, malformed": ("POST", "/nope/task", "{}"),
    "task of another": ("POST", "/nope/task", '{"split":"test","index":1}'),
    "unknown path": ("GET", "/nope", None),
    "wrong method": ("GET", "/reset", None),
    "HEAD": ("HEAD", "/health", None),
    # Those that differ
    "step that raises": ("POST", "/step", '{"action":{"answer":"a","do":"raise"}}'),
    "step without a JSON form": ("POST", "/step", '{"action":{"answer":"a","do":"opaque"}}'),
    "step with a raising validator": ("POST", "/step", '{"action":{"answer":"poison"}}'),
    "reset with a seed in quotes": ("POST", "/reset", '{"seed":"42"}'),
    "reset with a fraction for a seed": ("POST", "/reset", '{"seed":1.5}'),
    "reset with NaN for a seed": ("POST", "/reset", '{"seed":NaN}'),
    "reset to an unknown split": ("POST", "/reset", '{"split":"dev"}'),
    "reset to a bad index": ("POST", "/reset", '{"split":"test","index":5}'),
    "reset with a text for an index": ("POST", "/reset", '{"index":"1"}'),
    "mcp malformed": ("POST", "/mcp", "{}"),
    "num_tasks of an unknown split": ("POST", "/quiz/num_tasks", '{"split":"dev"}'),
    "task of an unknown split": ("POST", "/quiz/task", '{"split":"dev","index":0}'),
    "task past the end": ("POST", "/quiz/task", '{"split":"test","index":5}'),
    "task before the start": ("POST", "/quiz/task", '{"split":"test","index":-1}'),
    "task with a boolean": ("POST", "/quiz/task", '{"split":"test","index":true}'),
    "task_range before the start": ("POST", "/quiz/task_range", '{"split":"test","start":-3}'),
}

SERVER_ERROR = (500, "Internal Server Error")


def detail(status, *mistakes):
    return (status, {"detail": [dict(zip(("type", "loc", "msg"), mistake, strict=True)) for mistake in mistakes]})


# (request, ours, the peer's, why)
HTTP_DIFFERENCES = [
    (
        "step that raises",
        (500, {"detail": "environment 'QuizEnvironment' failed in step(): ValueError", "error_id": "…"}),
        SERVER_ERROR,
        "JSON, with an id that leads to the log",
    ),
    (
        "step without a JSON form",
        (
            500,
            {"detail": "environment 'QuizEnvironment' failed in step(): PydanticSerializationError", "error_id": "…"},
        ),
        SERVER_ERROR,
        "JSON, with an id that leads to the log",
    ),
    (
        "step with a raising validator",
        detail(422, ("value_error", ["answer"], "Value error, poison is no answer")),
        SERVER_ERROR,
        "the action is wrong, not the server",
    ),
    (
        "reset with a seed in quotes",
        detail(422, ("int_type", ["body", "seed"], "Input should be a valid integer")),
        (200, "position 42"),
        "a selector of the wrong type is a mistake, over HTTP as over the WebSocket",
    ),
    (
        "reset with a fraction for a seed",
        detail(422, ("int_type", ["body", "seed"], "Input should be a valid integer")),
        detail(
            422,
            (
                "int_from_float",
                ["body", "seed"],
                "Input should be a valid integer, got a number with a fractional part",
            ),
        ),
        "the same for every number with a point",
    ),
    (
        "reset with NaN for a seed",
        detail(422, ("int_type", ["body", "seed"], "Input should be a valid integer")),
        SERVER_ERROR,
        "the request is wrong, not the server",
    ),
    ("reset to an unknown split", (404, {"detail": NO_SPLIT}), SERVER_ERROR, "the request is wrong, not the server"),
    ("reset to a bad index", (400, {"detail": NO_TASK}), SERVER_ERROR, "the request is wrong, not the server"),
    (
        "reset with a text for an index",
        detail(422, ("value_error", ["body"], "index is a whole number, not '1'")),
        SERVER_ERROR,
        "the request is wrong, not the server",
    ),
    (
        "mcp malformed",
        (200, rpc_error(-32600, "Invalid request: jsonrpc must be '2.0'", None)["data"]),
        (200, rpc_error(-32600, "Invalid request: …", None)["data"]),
        "in our words",
    ),
    (
        "num_tasks of an unknown split",
        (404, {"detail": NO_SPLIT}),
        SERVER_ERROR,
        "the request is wrong, not the server",
    ),
    ("task of an unknown split", (404, {"detail": NO_SPLIT}), SERVER_ERROR, "the request is wrong, not the server"),
    ("task past the end", (400, {"detail": NO_TASK}), (400, {"detail": "Invalid task index"}), "it says what exists"),
    (
        "task before the start",
        (400, {"detail": "no task -1 in split 'test'; allowed: [0, 5)"}),
        (400, {"detail": "Invalid task index"}),
        "it says what exists",
    ),
    (
        "task with a boolean",
        detail(422, ("int_type", ["body", "index"], "Input should be a valid integer")),
        (200, {"task": {"level": 1, "id": "test-1", "split": "test", "index": 1, "row": 1}}),
        "true is no index",
    ),
    (
        "task_range before the start",
        (400, {"detail": "a task range has bounds of 0 or more, not [-3, None)"}),
        (400, {"detail": "Invalid task index"}),
        "it says what is allowed",
    ),
]
HTTP_DIFFERING = {name: (ours, peers) for name, ours, peers, _why in HTTP_DIFFERENCES}


def asked(url, name):
    method, path, body = REQUESTS[name]
    # Each on a connection of its own: after an error the peer closes it without saying so.
    response = httpx.request(method, url + path, content=body, headers=JSON_HEADERS if body is not None else None)
    if response.headers.get("content-type", "").startswith("application/json") and response.content:
        found = response.json()
    else:
        found = response.text
    if isinstance(found, dict):
        if isinstance(found.get("detail"), list):
            found["detail"] = [{key: each[key] for key in ("type", "loc", "msg")} for each in found["detail"]]
        if "error_id" in found:
            found["error_id"] = "…"
        if "session_id" in found:  # ours, after a reset
            assert found.pop("session_id") == response.headers["x-session-id"]
        if "validation error" in str((found.get("error") or {}).get("message")):
            found["error"]["message"] = "Invalid request: …"
    return response.status_code, found


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_over_http(name, our_url, peers_url):
    ours, peers = asked(our_url, name), asked(peers_url, name)
    if name not in HTTP_DIFFERING:
        assert ours == peers
        return
    our_answer, peers_answer = HTTP_DIFFERING[name]
    assert ours == our_answer
    if peers_answer == (200, "position 42"):
        peers_answer = asked(our_url, "reset to a position")
    assert peers == peers_answer
    assert our_answer != peers_answer


def test_the_openapi_documents_list_the_same_paths(our_url, peers_url):
    ours, peers = (httpx.get(url + "/openapi.json").json() for url in (our_url, peers_url))
    listed = [{path: sorted(methods) for path, methods in document["paths"].items()} for document in (ours, peers)]
    assert listed[0] == listed[1]
    assert ours["info"]["title"] == peers["info"]["title"]
    assert ours["info"]["version"] == peers["info"]["version"] == "1.0.0"


def test_an_unknown_path_refuses_the_websocket_alike(our_url, our_plain_url, peers_url):
    for url in (our_url, our_plain_url, peers_url):
        with pytest.raises(Exception, match="HTTP 403"):
            connect(url.replace("http", "ws") + "/nope")
