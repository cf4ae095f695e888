"""A turnstile: in order, so many at a time, and nobody is left standing."""

import queue
import threading

from hypothesis import given
from hypothesis import strategies as st

from openenv_tasksets.server.turnstile import Turnstile


@given(st.integers(1, 3), st.lists(st.sampled_from(["come", "leave", "pick up"]), max_size=40))
def test_calls_go_through_in_order_as_many_at_a_time_as_are_not_picked_up(most, events):
    turnstile = Turnstile(most)
    came, left, woken, picked_up = 0, set(), [], 0

    def wake(number):
        if number in left:
            return False
        woken.append(number)
        return True

    for event in events:
        if event == "come":
            turnstile.enter(lambda number=came: wake(number))
            came += 1
        elif event == "leave" and came - 1 not in woken:
            left.add(came - 1)
        elif event == "pick up" and picked_up < len(woken):
            picked_up += 1
            turnstile.picked_up()
        wanted = [number for number in range(came) if number not in left]
        assert woken == wanted[: picked_up + most]


def test_nobody_is_left_standing_whoever_comes_and_picks_up_at_the_same_time():
    turnstile, calls, done = Turnstile(2), queue.SimpleQueue(), queue.SimpleQueue()

    def wake():
        calls.put(None)
        return True

    def come():
        for _ in range(5000):
            turnstile.enter(wake)

    def pick_up():
        for _ in range(10_000):
            calls.get()
            turnstile.picked_up()
            done.put(None)

    threads = [threading.Thread(target=each, daemon=True) for each in (come, pick_up) * 2 + (come,) * 2]
    for thread in threads:
        thread.start()
    for _ in range(20_000):
        done.get(timeout=60)
