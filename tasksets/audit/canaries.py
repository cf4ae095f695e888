"""Check: values that occur nowhere else are planted where something is hidden, and looked for on every channel."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence

from openenv_tasksets.audit.actions import odd_ones
from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import Subject
from openenv_tasksets.audit.variation import canary, malformed, needles
from openenv_tasksets.audit.wire import Connection, Heard
from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.task import Task

NAME = "canaries"

_ROUTES = ("/health", "/metadata", "/schema", "/openapi.json", "/docs", "/metrics", "/list_environments")
_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
_CLOSE = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/close"}
_MOST_ODD_ACTIONS = 60


def check(subject: Subject) -> Check:
    """Play each task with canaries in it, provoke errors, ask every route, and search all that was answered."""
    result = Check(NAME)
    planted: set[str] = set()
    channels: set[str] = set()
    tasks = 0
    if not subject.hidden_names:
        return result
    for task in subject.progress("canaries"):
        subject.wire.heard.clear()
        subject.written.clear()
        with subject.written.printing():
            words = _play(subject, task)
            malformed_words = _play_malformed(subject, task)
        tasks += bool(words)
        planted.update(words)
        heard = [*subject.wire.heard, *subject.written.heard()]
        channels.update(each.channel for each in heard)
        for each in heard:
            for name, form in sorted({*_found(each.text, words), *_found(each.text, malformed_words)}):
                if not subject.shows(each.channel, name):
                    result.found(each.channel, f"hidden {name!r} is in it{form}", task)
    if tasks:
        result.tested = f"{tasks} tasks with canaries in {', '.join(sorted(planted))}; {len(channels)} channels"
    untested = [name for name in subject.hidden_names if name not in planted]
    if untested:
        names = ", ".join(untested)
        result.note(f"no canary could be planted in {names}: it is of a type with few values, or none was taken")
    return result


def _play(subject: Subject, task: Task) -> Mapping[str, Sequence[str]]:
    """Play the task on every channel; gives the canaries by argument that were in it."""
    own = subject.hidden_of(task)
    with subject.wire.connect() as session:
        hidden = subject.acceptable(
            session, task, {name: canary(value, f"{task.id}.{name}") for name, value in own.items()}
        )
        words = {name: list(needles(value)) for name, value in hidden.items()}
        words = {name: found for name, found in words.items() if found}
        if words:
            with subject.taskset.planted(task, hidden):
                _on_the_websocket(subject, session, task)
    if words:
        # When the session is closed: there may be room for one only.
        with subject.taskset.planted(task, hidden):
            _over_http(subject, task)
            _to_hf(subject, task)
    return words


def _play_malformed(subject: Subject, task: Task) -> Mapping[str, Sequence[str]]:
    """Reset to the task with one value of a wrong type at a time: the refusal must not show it."""
    values = {name: malformed(value, f"malformed {task.id}.{name}") for name, value in subject.hidden_of(task).items()}
    with subject.wire.connect() as session:
        for name, value in values.items():
            with subject.taskset.planted(task, {name: value}):
                subject.reset(session, task)
    return {name: list(needles(value)) for name, value in values.items()}


def _on_the_websocket(subject: Subject, session: Connection, task: Task) -> None:
    where = {"split": task.split, "index": task.index}
    actions = list(odd_ones(subject.schema))[:_MOST_ODD_ACTIONS]
    for _ in subject.play(session, task):
        pass
    for action in ({"no": "action"}, *actions):
        subject.step(session, action)
    for action in actions:
        subject.reset(session, task)
        if not subject.step(session, action).done:
            session.ask("state")
    mine = dict.fromkeys(task.arguments(), "mine")
    for request in (
        {**where, "index": -1},
        {**where, "index": "x"},
        {**where, "task_id": "no such task"},
        {"split": "no such split"},
        {"spilt": task.split},
        {**where, **mine},
        {**where, "seed": -1},
    ):
        session.ask("reset", request)
    subject.reset(session, task)
    session.ask("state")
    for rpc in (_TOOLS, {**_TOOLS, "method": "tools/call", "params": {"name": "no such tool"}}, {}):
        session.ask("mcp", rpc)
    for frame in ("", "[]", "{", '{"type": "no such type"}', '{"type": "step"}'):
        session.send(frame, "a malformed frame")


def _over_http(subject: Subject, task: Task) -> None:
    wire, where = subject.wire, {"split": task.split, "index": task.index}
    opened = wire.post("/reset", {**where, "episode_id": "audit"}).json
    if isinstance(opened, dict) and "session_id" in opened:
        # A server that keeps sessions over HTTP keeps this one until it is told otherwise.
        wire.post("/mcp", {**_CLOSE, "params": {"session_id": opened["session_id"]}})
    wire.post("/reset", {**where, "index": 10**9})
    for action in list(odd_ones(subject.schema))[:5]:
        wire.post("/step", {"action": action})
    wire.get("/state")
    for route in _ROUTES:
        wire.get(route)
    for rpc in (_TOOLS, {**_TOOLS, "method": "tools/call", "params": {"name": "no such tool"}}):
        wire.post("/mcp", rpc)
    tasks = f"/{subject.host.id}"
    wire.get(f"{tasks}/splits")
    for route, body in (
        ("tasks", {"split": task.split}),
        ("num_tasks", {"split": task.split}),
        ("task", where),
        ("task", {**where, "index": -1}),
        ("task_range", {"split": task.split, "start": task.index, "stop": task.index + 1}),
    ):
        wire.post(f"{tasks}/{route}", body)


def _to_hf(subject: Subject, task: Task) -> None:
    """What the library hands on as a table for trainers, where it can."""
    alone = subject.taskset.with_view(subject.taskset[task.split].select([task.index]))
    to_hf = getattr(alone, "to_hf", None)
    if to_hf is None:
        return
    try:
        text = str(list(to_hf(task.split)))
    except TasksetError as exc:
        text = exc.message
    subject.wire.heard.append(Heard("to_hf", text))


def _found(text: str, words: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Which arguments' canaries are in a text, and in which form."""
    folded = text.casefold()
    for name, canaries in words.items():
        for word in canaries:
            for form, needle in _forms(word):
                if needle.casefold() in folded:
                    yield name, form
                    break


def _forms(word: str) -> Iterator[tuple[str, str]]:
    yield "", word
    yield "", json.dumps(word)[1:-1]
    yield ", reversed", word[::-1]
    yield ", in hexadecimal", word.encode().hex()
    # The last characters depend on what follows.
    yield ", in base64", base64.b64encode(word.encode()).decode()[: len(word) * 4 // 3 - 3]
