"""About how much rows hold."""

import tracemalloc

import pytest

from openenv_tasksets.loaders.row_bytes import rows_bytes


def test_no_rows_hold_nothing():
    assert rows_bytes([]) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda number: {"text": "x" * 1000 + str(number)},
        lambda number: {"bytes": bytes(5000), "number": number},
        lambda number: {"messages": [{"role": f"role {number}", "content": str(number) * 40} for _ in range(5)]},
    ],
)
def test_the_estimate_is_near_what_is_allocated(make):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        rows = [make(number) for number in range(1000)]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * held < rows_bytes(rows) < 2 * held
