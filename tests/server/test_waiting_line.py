"""A line with a fast lane: each lane in order, and neither is kept for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.server.waiting_line import SLOW_SHARE, WaitingLine


@given(st.lists(st.sampled_from(["quick", "slow", "pop"]), max_size=60))
def test_each_lane_is_in_order_and_nobody_is_lost(events):
    line, waiting, count = WaitingLine(), {"quick": [], "slow": []}, 0
    for event in events:
        if event != "pop":
            line.append((event, count), quick=event == "quick")
            waiting[event].append(count)
            count += 1
        elif any(waiting.values()):
            lane, number = line.pop()
            assert number == waiting[lane].pop(0)
        else:
            with pytest.raises(IndexError):
                line.pop()
        assert len(line) == len(waiting["quick"]) + len(waiting["slow"])


def test_the_quick_go_first_and_the_slow_have_their_share():
    line = WaitingLine()
    for number in range(100):
        line.append(("slow", number), quick=False)
        line.append(("quick", number), quick=True)
    first = [line.pop()[0] for _ in range(100)]
    assert first[0] == "quick"
    assert first.count("slow") == 100 // SLOW_SHARE
