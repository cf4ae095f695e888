"""For the environments of others: a real server, OpenEnv's own client, and a summary of what was played."""

import pytest
from served import openenv, serve

__all__ = ["openenv", "serve"]

TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request):
    """``tell(line)``: a line of the summary."""
    return request.config.stash.setdefault(TOLD, []).append


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("played")
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)
