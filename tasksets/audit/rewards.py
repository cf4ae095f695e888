"""Check: the gold action earns the top reward, and what knows nothing of the task does not."""

from collections.abc import Iterator, Mapping
from typing import Any

from openenv_tasksets.audit.actions import filled, listed_tools, tool_calls, with_texts
from openenv_tasksets.audit.findings import Check
from openenv_tasksets.audit.subject import LIST_TOOLS, Subject
from openenv_tasksets.audit.texts import texts_in
from openenv_tasksets.audit.wire import Connection
from openenv_tasksets.server.wire import decode_json, encode_json
from openenv_tasksets.task import Task

NAME = "rewards"

_CONSTANTS = ("A constant reply that answers nothing.", "0", "true", "A")
_EMPTY = "an empty action"
_ECHO = "an action that repeats the prompt"


def check(subject: Subject) -> Check:
    """Play each task with its gold action, an empty one, constant ones, and the prompt itself."""
    result = Check(NAME)
    without_gold: dict[str, list[bool]] = {}
    gold_tasks = ignorant = 0
    with subject.wire.connect() as session:
        for task in subject.progress("rewards"):
            gold = _plain(task.gold.reveal())
            gold_tasks += bool(gold)
            if gold:
                _play_gold(result, subject, session, task, gold)
            for name, action in _ignorant(subject, session, task):
                if gold and _same(action, gold):
                    continue
                ignorant += 1
                reward = subject.total_reward(session, task, action)
                tops = reward is not None and reward >= subject.top_reward
                if not gold:
                    without_gold.setdefault(name, []).append(tops)
                elif tops:
                    result.found("step", f"{name} earns the top reward {subject.top_reward:g}", task)
    for name, each in without_gold.items():
        # Without gold actions nobody knows whether a constant is the right answer here; in every task it cannot be.
        if len(each) > 1 and all(each):
            result.found("step", f"{name} earns the top reward {subject.top_reward:g} in every task")
    if subject.tasks:
        result.tested = f"{gold_tasks} gold actions; {ignorant} actions that know nothing of the task"
    if gold_tasks < len(subject.tasks):
        result.note(f"{len(subject.tasks) - gold_tasks} tasks declare no gold action (task.gold), so none was played")
    return result


def _play_gold(result: Check, subject: Subject, session: Connection, task: Task, gold: Mapping[str, Any]) -> None:
    reward = subject.total_reward(session, task, gold)
    if reward is None:
        result.found("step", "the gold action is refused", task)
    elif reward < subject.top_reward:
        result.found("step", f"the gold action earns {reward:g}, not the top reward {subject.top_reward:g}", task)


def _ignorant(subject: Subject, session: Connection, task: Task) -> Iterator[tuple[str, dict[str, Any]]]:
    if subject.has_tools:
        subject.reset(session, task)
        tools = listed_tools(subject.step(session, LIST_TOOLS).output)
        for text in ("", *_CONSTANTS):
            for call in tool_calls(tools, text):
                yield f"a call of {call['tool_name']} with {text!r} for each text", call
        return
    yield _EMPTY, filled(subject.schema, "")
    for text in _CONSTANTS:
        yield f"the constant action {text!r}", filled(subject.schema, text)
    observation = subject.reset(session, task)
    prompt = max(texts_in([_plain(task.visible), observation.output]), key=len, default="")
    echo = with_texts(subject.schema, prompt) if prompt else None
    if echo is not None:
        yield _ECHO, echo


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they go over the wire."""
    return dict(decode_json(encode_json(dict(values))))


def _same(action: Mapping[str, Any], gold: Mapping[str, Any]) -> bool:
    """Whether an action says what the gold one does, but for its spelling."""
    return all(_spelled(action.get(name)) == _spelled(value) for name, value in gold.items())


def _spelled(value: Any) -> Any:
    if isinstance(value, str | int | float):
        text = str(value).strip().casefold()
        try:
            return float(text)
        except ValueError:
            return text
    return value
