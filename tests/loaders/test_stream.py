"""Streams: every position once, in order, with its own errors, and resumed exactly."""

import gc
import json
import os
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.errors import SourceError, StateRefused
from openenv_tasksets.loaders.order import Order, positions
from openenv_tasksets.loaders.rows import ListRows
from openenv_tasksets.loaders.stream import RowStream, Stream
from openenv_tasksets.loaders.stream_state import reshard

SIZE = 200
ROWS = ListRows([{"id": number} for number in range(SIZE)])


class ColdRows(ListRows):
    """Rows that are not at hand, so that they are read ahead."""

    def is_hot(self, index):
        return False


SOURCES = {"hot": ROWS, "cold": ColdRows([{"id": number} for number in range(SIZE)])}
sources = st.sampled_from(sorted(SOURCES))
ORDERS = {
    "shuffled": Order(SIZE, "shuffled", "an identity"),
    "sequential": Order(SIZE, "sequential", "an identity"),
    "blocks": BlockOrder(SIZE, range(0, SIZE, 7), "an identity", 4),
}
orders = st.sampled_from(sorted(ORDERS))


def expected(order, at):
    return [(position, {"id": ORDERS[order].locate(position)[1]}) for position in at]


def take(stream, count):
    return [next(stream) for _ in range(count)]


@pytest.mark.parametrize("source", SOURCES)
def test_a_stream_hands_out_each_position_with_its_row_over_the_ends_of_epochs(source, reading_threads):
    for kind, order in ORDERS.items():
        with RowStream(SOURCES[source], order, stop=3 * SIZE + 5) as stream:
            assert list(stream) == expected(kind, range(3 * SIZE + 5))
        assert not reading_threads()


def test_an_endless_stream_goes_on_from_any_start_up_to_the_last_position():
    for kind, order in ORDERS.items():
        with RowStream(ROWS, order, start=10**15) as stream:
            assert take(stream, 1500) == expected(kind, range(10**15, 10**15 + 1500))
        with RowStream(ROWS, order, start=2**63 - 30) as stream:
            assert list(stream) == expected(kind, range(2**63 - 30, 2**63))
            assert stream.state_dict()["next"] == 2**63
            stream.load_state_dict(stream.state_dict())
            assert list(stream) == []


@settings(deadline=None, max_examples=30)
@given(orders, st.integers(0, 500), st.integers(0, 300), st.integers(1, 9))
def test_shards_share_the_positions_out(kind, start, length, count):
    found = []
    for shard in range(count):
        own = {"start": start, "stop": start + length, "shard_index": shard, "shard_count": count}
        with RowStream(ROWS, ORDERS[kind], **own) as stream:
            rows = list(stream)
        assert [position for position, _ in rows] == list(positions(**own))
        found += rows
    assert sorted(found, key=lambda each: each[0]) == expected(kind, range(start, start + length))


@settings(deadline=None, max_examples=30)
@given(sources, orders, st.lists(st.integers(0, 150), max_size=6), st.integers(1, 4))
def test_a_stream_resumed_again_and_again_loses_and_repeats_nothing(source, kind, runs, count):
    """The state goes through JSON into a new stream each time."""
    shard = {"shard_index": count - 1, "shard_count": count}
    state, found = None, []
    for length in runs:
        with RowStream(SOURCES[source], ORDERS[kind], **shard) as stream:
            if state is not None:
                stream.load_state_dict(json.loads(state))
            found += take(stream, length)
            state = json.dumps(stream.state_dict())
    assert found == expected(kind, positions(**shard)[: sum(runs)])


def test_the_state_of_a_consumer_in_order_is_one_number():
    with RowStream(ROWS, ORDERS["shuffled"], shard_index=1, shard_count=3) as stream:
        take(stream, 500)
        assert stream.state_dict() == {
            "version": 1,
            "identity": "an identity",
            "shard_index": 1,
            "shard_count": 3,
            "next": 3 * 499 + 1 + 1,
            "outstanding": [],
        }


def test_episodes_in_flight_are_handed_out_again():
    with RowStream(ROWS, ORDERS["shuffled"], acknowledge=True) as stream:
        take(stream, 10)
        stream.finish(0, 1, 2, 5)
        stream.finish(9)
        state = stream.state_dict()
        assert (state["next"], state["outstanding"]) == (10, [3, 4, 6, 7, 8])
    with RowStream(ROWS, ORDERS["shuffled"], acknowledge=True) as stream:
        stream.load_state_dict(state)
        assert stream.state_dict() == state
        assert take(stream, 7) == expected("shuffled", [3, 4, 6, 7, 8, 10, 11])
        stream.finish(4, 10)
        state = stream.state_dict()
        assert (state["next"], state["outstanding"]) == (12, [3, 6, 7, 8, 11])


def test_a_state_saved_while_positions_are_handed_out_again_still_holds_the_rest():
    with RowStream(ROWS, ORDERS["shuffled"]) as stream:
        stream.load_state_dict({**stream.state_dict(), "next": 100, "outstanding": [7, 90]})
        take(stream, 1)
        state = stream.state_dict()
        assert (state["next"], state["outstanding"]) == (100, [90])
        assert take(stream, 2) == expected("shuffled", [90, 100])


@settings(deadline=None, max_examples=40)
@given(sources, orders, st.randoms(use_true_random=False), st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_uneven_shards_with_episodes_in_flight_survive_every_change_of_their_number(source, kind, chance, counts):
    """Each stage runs its shards unevenly far, loses what was in flight, and goes on with another number."""
    done, states = Counter(), [RowStream(ROWS, ORDERS[kind]).state_dict()]
    for count in counts:
        saved = []
        for shard, state in enumerate(reshard(states, count)):
            own = {"shard_index": shard, "shard_count": count}
            with RowStream(SOURCES[source], ORDERS[kind], acknowledge=True, **own) as stream:
                stream.load_state_dict(state)
                out = take(stream, chance.randint(0, 60))
                chance.shuffle(out)
                for position, row in out[: chance.randint(0, len(out))]:
                    stream.finish(position)
                    done[position] += 1
                    assert row["id"] == ORDERS[kind].locate(position)[1]
                saved.append(json.loads(json.dumps(stream.state_dict())))
        chance.shuffle(saved)
        states = saved
    [state] = reshard(states, 1)
    with RowStream(ROWS, ORDERS[kind], stop=max(done, default=0) + 50) as stream:
        stream.load_state_dict(state)
        for position, _ in stream:
            done[position] += 1
    assert set(done) == set(range(max(done) + 1))
    assert set(done.values()) == {1}


def test_a_state_of_another_stream_is_refused_with_both_sides_shown():
    state = RowStream(ROWS, ORDERS["shuffled"]).state_dict()
    other = RowStream(ROWS, Order(SIZE, "shuffled", "another identity"))
    with pytest.raises(StateRefused, match=r"the state's: an identity\n  this stream: another identity"):
        other.load_state_dict(state)
    sharded = RowStream(ROWS, ORDERS["shuffled"], shard_index=1, shard_count=2)
    with pytest.raises(StateRefused, match=r"shard 0 of 1, and this stream is shard 1 of 2; reshard\(\) makes"):
        sharded.load_state_dict(state)


def test_only_what_is_out_can_be_finished():
    with RowStream(ROWS, ORDERS["shuffled"], acknowledge=True) as stream:
        take(stream, 3)
        with pytest.raises(ValueError, match="position 3 is not out: never handed out, or finished before$"):
            stream.finish(1, 3)
        stream.finish(1)
        with pytest.raises(ValueError, match="position 1 is not out"):
            stream.finish(1)
        assert stream.state_dict()["outstanding"] == [0, 2]
    with RowStream(ROWS, ORDERS["shuffled"]) as stream:
        take(stream, 1)
        with pytest.raises(ValueError, match="made without acknowledge=True"):
            stream.finish(0)


class Faulty:
    """Rows of which some cannot be read; ``healed`` ones can the next time."""

    def __init__(self, broken, heals=False, hot=False):
        self.broken = set(broken)
        self.heals = heals
        self.hot = hot

    def is_hot(self, index):
        return self.hot

    def read_many(self, indices):
        for index in indices:
            if index in self.broken:
                if self.heals and len(indices) == 1:
                    self.broken.discard(index)
                raise SourceError(f"row {index} is broken")
        return [{"id": index} for index in indices]


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("kind", sorted(ORDERS))
def test_an_error_is_raised_at_its_own_position_and_the_stream_stays_there(kind, hot):
    order = ORDERS[kind]
    broken = order.locate(123)[1]
    with RowStream(Faulty({broken}, hot=hot), order) as stream:
        assert take(stream, 123) == expected(kind, range(123))
        for _ in range(2):
            with pytest.raises(SourceError, match=f"row {broken} is broken") as caught:
                next(stream)
            assert caught.value.__notes__ == ["at position 123 of the stream"]
            assert stream.state_dict()["next"] == 123
        assert stream.skip() == 123
        assert take(stream, 70) == expected(kind, range(124, 194))


@pytest.mark.parametrize("hot", [False, True])
def test_a_passing_error_is_gone_when_the_stream_is_read_on(hot):
    broken = ORDERS["shuffled"].locate(60)[1]
    with RowStream(Faulty({broken}, heals=True, hot=hot), ORDERS["shuffled"], stop=SIZE) as stream:
        take(stream, 60)
        with pytest.raises(SourceError):
            next(stream)
        assert list(stream) == expected("shuffled", range(60, SIZE))


def test_an_error_in_making_an_item_belongs_to_its_position_too():
    wrong = ORDERS["shuffled"].locate(40)[1]

    def make(index, row):
        if index == wrong:
            raise KeyError("no such thing")
        return index

    with Stream(ROWS, ORDERS["shuffled"], make, acknowledge=True) as stream:
        assert [position for position, _ in take(stream, 40)] == list(range(40))
        for _ in range(2):
            with pytest.raises(KeyError) as caught:
                next(stream)
            assert caught.value.__notes__[0] == "at position 40 of the stream"
        assert stream.skip() == 40
        assert next(stream) == (41, ORDERS["shuffled"].locate(41)[1])
        assert 40 not in stream.state_dict()["outstanding"]


def test_there_is_nothing_to_skip_past_the_end():
    with RowStream(ROWS, ORDERS["shuffled"], stop=0) as stream, pytest.raises(StopIteration):
        stream.skip()


def test_the_thread_ends_with_the_stream_and_starts_with_its_first_row(reading_threads):
    stream = RowStream(ROWS, ORDERS["shuffled"])
    assert not reading_threads()
    next(stream)
    [thread] = reading_threads()
    stream.close()
    assert not thread.is_alive()
    assert next(stream) == expected("shuffled", [1])[0]
    [thread] = reading_threads()
    del stream
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def test_an_interrupted_with_block_ends_the_thread_and_leaves_a_true_state(reading_threads):
    stream = RowStream(ROWS, ORDERS["shuffled"])

    def run():
        with stream:
            for position, _ in stream:
                if position == 30:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert not reading_threads()
    assert stream.state_dict()["next"] == 31


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("source", SOURCES)
def test_a_forked_process_reads_on_with_a_thread_of_its_own(source):
    with RowStream(SOURCES[source], ORDERS["shuffled"]) as stream:
        take(stream, 20)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            status = 1
            try:
                found = json.dumps(take(stream, 100)).encode()
                os.write(writing, found)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = [(position, row) for position, row in json.load(pipe)]
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert told == expected("shuffled", range(20, 120))
        assert take(stream, 100) == told


def test_what_is_read_ahead_is_bounded():
    """Rows of about 100 KB and 1 MiB ahead: far from all of the thousand are read."""

    class Counting:
        def __init__(self):
            self.read = 0

        def is_hot(self, index):
            return False

        def read_many(self, indices):
            self.read += len(indices)
            return [{"text": "x" * 100_000 + str(index)} for index in indices]

    rows = Counting()
    with RowStream(rows, Order(1000, "sequential", ""), ahead_bytes=1 << 20) as stream:
        for taken in range(1, 200):
            next(stream)
            assert rows.read <= taken + 40
        assert rows.read < 300


def test_rows_at_hand_are_read_a_few_at_a_time_and_not_ahead(reading_threads):
    class AtHand:
        def __init__(self):
            self.read = []

        def is_hot(self, index):
            return True

        def read_many(self, indices):
            self.read.append(threading.current_thread())
            return [{"id": index} for index in indices]

    rows = AtHand()
    with RowStream(rows, Order(10**6, "shuffled", "")) as stream:
        for taken in range(1, 1000):
            next(stream)
            assert len(rows.read) <= taken // 16 + 1
        [reader] = reading_threads()
    assert set(rows.read) == {threading.current_thread()} != {reader}


def test_names_of_rows_at_hand_do_not_run_ahead_without_bound():
    order = Order(10**9, "sequential", "")
    counted = []

    class Counting:
        size, stop, identity = order.size, order.stop, order.identity

        def batch(self, at):
            counted.append(len(at))
            return order.batch(at)

        def window_end(self, position):
            return None

    class Endless:
        def is_hot(self, index):
            return True

        def read_many(self, indices):
            return [{} for _ in indices]

    with RowStream(Endless(), Counting(), ahead_bytes=1 << 20) as stream:
        take(stream, 100)
    assert sum(counted) < 5000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": -1}, "start is -1"),
        ({"start": 5, "stop": 4}, "stop is 4"),
        ({"shard_index": 2, "shard_count": 2}, "shard_index is 2; expected 0 to 1"),
        ({"ahead_bytes": 0}, "ahead_bytes is 0; expected 1 to"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RowStream(ROWS, ORDERS["shuffled"], **arguments)
