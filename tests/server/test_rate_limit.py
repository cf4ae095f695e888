"""A steady rate, with a second's worth at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_episode import Clock

from openenv_tasksets.server.rate_limit import RateExceeded, RateLimit


def taken(limit):
    try:
        limit.take()
    except RateExceeded:
        return False
    return True


def test_a_seconds_worth_may_come_at_once_and_then_one_at_a_time():
    clock = Clock()
    limit = RateLimit(4, clock)
    assert [taken(limit) for _ in range(6)] == [True] * 4 + [False] * 2
    clock.now += 0.25
    assert [taken(limit), taken(limit)] == [True, False]
    clock.now += 100
    assert [taken(limit) for _ in range(5)] == [True] * 4 + [False]


def test_one_that_is_too_many_is_told_how_long_to_wait():
    clock = Clock()
    limit = RateLimit(0.5, clock)
    limit.take()
    with pytest.raises(RateExceeded, match=r"may make 0.5 requests a second; wait 2 s and ask again") as caught:
        limit.take()
    clock.now += caught.value.wait_seconds
    limit.take()


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 2), min_size=1, max_size=100))
def test_in_no_time_is_more_taken_than_the_rate_and_a_seconds_worth_allow(per_second, pauses):
    clock = Clock()
    limit = RateLimit(per_second, clock)
    count = 0
    for pause in pauses:
        clock.now += pause
        count += taken(limit)
    assert 1 <= count <= per_second * sum(pauses) + max(1.0, per_second) + 1e-6
