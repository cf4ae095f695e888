"""Durations by class."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.server.counts import BOUNDS_S, Counts, Durations


@given(st.lists(st.floats(0, 1000)))
def test_each_duration_is_in_the_first_class_that_holds_it(seconds):
    durations = Durations()
    for each in seconds:
        durations.add(each)
    assert sum(durations.classes) == len(seconds)
    assert durations.seconds == sum(seconds)
    for place, bound in enumerate(BOUNDS_S):
        assert sum(durations.classes[: place + 1]) == sum(each <= bound for each in seconds)


def test_bounds_ascend():
    assert list(BOUNDS_S) == sorted(set(BOUNDS_S))
    assert bisect_left(BOUNDS_S, 0.0001) == 0


def test_errors_are_counted_by_kind():
    counts = Counts("quiz")
    for kind in ("A", "B", "A"):
        counts.error(kind)
    assert counts.errors == {"A": 2, "B": 1}
