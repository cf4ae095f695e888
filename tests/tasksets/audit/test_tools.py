"""The audit of environments whose actions are calls of MCP tools."""

import pytest
from tool_environment import Guess

ROWS = {
    "train": [
        {"key": str(n), "question": f"Which number is number {n}?", "number": 7 + 5 * n, "call": {"number": 7 + 5 * n}}
        for n in range(3)
    ]
}
TASK = {
    "id": "key",
    "reset": {"question": "question", "answer": "number"},
    "visible": ["question"],
    "gold": {
        "type": {"value": "call_tool"},
        "tool_name": {"value": "guess"},
        "arguments": "call",
    },
}


class Sound(Guess):
    """Without the tool that fails: an error of the environment's would end what is compared."""

    def __init__(self):
        super().__init__()
        self.mcp_server.local_provider.remove_tool("fail")


class TellsByATool(Sound):
    def __init__(self):
        super().__init__()

        @self.mcp_server.tool
        def peek() -> str:
            """Look."""
            return f"it is {self._answer}"


class TellsInTheListOfTools(Sound):
    def reset(self, seed=None, episode_id=None, *, question, answer):
        self.mcp_server.local_provider.remove_tool("add")

        @self.mcp_server.tool(name="add", description=f"Add, but not to {answer}.")
        def add(a: int, b: int) -> int:
            return a + b

        return super().reset(seed, episode_id, question=question, answer=answer)


def found(report):
    return [(check.name, each.channel, each.message) for check in report.checks for each in check.findings]


def test_one_in_order_passes(audit_of):
    report = audit_of(Sound, rows=ROWS, task=TASK, limit=1)
    assert found(report) == []
    assert report.verdict == "passed"


@pytest.mark.parametrize("environment", [TellsByATool, TellsInTheListOfTools])
def test_what_tools_tell_is_caught(audit_of, environment):
    report = audit_of(environment, rows=ROWS, task=TASK, limit=1)
    assert report.verdict == "failed"
    channels = {(name, channel) for name, channel, _ in found(report)}
    assert {("non-interference", "step"), ("canaries", "step")} <= channels, found(report)
