"""For ``tests/conftest.py``: ``from loopback_hub.fixtures import hub``."""

from collections.abc import Iterator

import pytest

from loopback_hub.hub import LoopbackHub


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A Hub of the test's own, empty but for the user ``alice``, who may write in the organization ``acme``."""
    with LoopbackHub() as running:
        yield running
