"""An endless stream of a split: each epoch is shuffled anew, and shards share its positions."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.order import (
    Order,
    Permutation,
    derive_seed,
    epoch_key,
    positions,
)

GOLDEN_STREAM = [
    (10, "shuffled", [(0, 6), (0, 1), (0, 9), (1, 4), (922337203685477580, 8)]),
    (1000, "shuffled", [(0, 623), (0, 794), (0, 612), (1, 829), (9223372036854775, 140)]),
    (7, "sequential", [(0, 0), (0, 1), (0, 6), (1, 0), (1317624576693539401, 0)]),
]
GOLDEN_SEEDS = {
    ("train-0", 0): 2650186419,
    ("train-0", 1): 3115264670,
    ("train-1", 0): 27610000,
    ("", 2**63 - 1): 1032273438,
    ("\ud800é", 5): 3524944667,
}
names = st.text(max_size=20)
small_sizes = st.integers(1, 200)
any_sizes = st.one_of(st.integers(1, 100), st.integers(1, 2**40), st.sampled_from([2**20, 2**40 - 1, 2**40]))
any_positions = st.integers(0, 2**63 - 1)
kinds = st.sampled_from(["shuffled", "sequential"])


@pytest.mark.parametrize(("size", "kind", "located"), GOLDEN_STREAM)
def test_a_stream_is_the_same_in_every_release(size, kind, located):
    order = Order(size, kind, "an identity")
    at = [0, 1, size - 1, size, 2**63 - 1]
    assert [order.locate(position) for position in at] == located
    assert order.batch(at).tolist() == [index for _, index in located]


def test_seeds_and_keys_are_the_same_in_every_release():
    assert {given: derive_seed(*given) for given in GOLDEN_SEEDS} == GOLDEN_SEEDS
    assert epoch_key("an identity", 0).hex() == ("930808c70bb06576a14683567e218aa7ec79ffdff1ebf61c2c1402b2acddb425")
    assert epoch_key("", 2**63 - 1).hex() == ("3e3194a43a93ca182050f4f1499b39e83aa5c6859066e997ffde89adac74e62a")


@settings(deadline=None)
@given(small_sizes, kinds, names, st.integers(0, 2**40))
def test_each_epoch_meets_every_index_once(size, kind, identity, epoch):
    order = Order(size, kind, identity)
    located = [order.locate(position) for position in range(epoch * size, (epoch + 1) * size)]
    assert {at for at, _ in located} == {epoch}
    assert sorted(index for _, index in located) == list(range(size))


@settings(deadline=None)
@given(st.lists(any_positions, max_size=30), any_sizes, kinds, names)
def test_a_batch_of_positions_gives_what_locate_gives(at, size, kind, identity):
    order = Order(size, kind, identity)
    expected = [order.locate(position)[1] for position in at]
    assert order.batch(at).tolist() == expected
    assert [order.index(position) for position in at] == expected


@settings(deadline=None)
@given(st.integers(1, 70), kinds, st.integers(0, 2**62), st.integers(1, 7))
def test_a_batch_runs_on_over_the_ends_of_epochs(size, kind, start, step):
    order = Order(size, kind, "an identity")
    at = range(start, start + 300, step)
    assert order.batch(at).tolist() == [order.locate(position)[1] for position in at]


@pytest.mark.parametrize("size", [1, 2, 32, 33, 1000, 2**40])
def test_a_stream_goes_on_to_the_last_position(size):
    order = Order(size, "shuffled", "")
    last = [order.index(position) for position in range(2**63 - 5, 2**63)]
    assert order.batch(range(2**63 - 5, 2**63)).tolist() == last
    assert order.batch(positions(2**63 - 5)).tolist() == last


def test_a_sequential_stream_keeps_the_order():
    assert Order(4, "sequential", "").batch(range(10)).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def first_indices(size, identity, epoch):
    return tuple(Order(size, "shuffled", identity).batch(range(epoch * size, epoch * size + 20)).tolist())


@pytest.mark.parametrize("size", [20, 1000, 2**40])
def test_each_epoch_is_shuffled_anew(size):
    assert len({first_indices(size, "an identity", epoch) for epoch in range(200)}) == 200


@pytest.mark.parametrize("size", [20, 1000, 2**40])
def test_each_identity_is_shuffled_by_itself(size):
    identities = ["", "0", "00", "a", "A", "a\0", "\0a", *(f"seed {number}" for number in range(100))]
    assert len({first_indices(size, identity, 0) for identity in identities}) == len(identities)


@given(st.tuples(names, st.integers(0, 2**63 - 1)), st.tuples(names, st.integers(0, 2**63 - 1)))
def test_keys_are_alike_only_for_the_same_identity_and_epoch(one, other):
    assert (epoch_key(*one) == epoch_key(*other)) == (one == other)
    assert len(epoch_key(*one)) == 32


@given(names, st.integers(0, 2**63 - 1))
def test_a_derived_seed_fits_what_environments_take(task_id, epoch):
    assert 0 <= derive_seed(task_id, epoch) < 2**32


def test_derived_seeds_spread():
    """10,000 of 2**32 values: 0.012 collisions are expected, and the mean is within five deviations."""
    seeds = [derive_seed(f"train-{task}", epoch) for task in range(100) for epoch in range(100)]
    assert len(set(seeds)) == len(seeds)
    mean = Fraction(sum(seeds), len(seeds) * 2**32)
    assert abs(mean - Fraction(1, 2)) < 5 * (1 / 12 / len(seeds)) ** 0.5


def test_threads_share_one_order():
    """Eight threads in other epochs at the same time never see each other's epoch."""
    order = Order(40, "shuffled", "an identity")
    each = [Permutation(40, epoch_key("an identity", epoch)) for epoch in range(8)]
    at = [[thread * 40 + place for place in range(40)] * 5 for thread in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda own: [order.index(position) for position in own], at))
    assert found == [[permutation(place) for place in range(40)] * 5 for permutation in each]


@settings(deadline=None)
@given(st.integers(0, 2**62), st.integers(0, 300), st.integers(1, 400))
def test_shards_take_each_position_once_for_every_count(start, length, count):
    """Also where there are more shards than positions."""
    shards = [positions(start, shard_index=shard, shard_count=count, stop=start + length) for shard in range(count)]
    assert sorted(itertools.chain(*shards)) == list(range(start, start + length))
    assert all(position % count == shard for shard, own in enumerate(shards) for position in own)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 80), kinds, st.integers(0, 1000))
def test_shards_of_an_epoch_take_each_index_once(size, count, kind, epoch):
    order = Order(size, kind, "an identity")
    taken = [
        order.batch(positions(epoch * size, shard_index=shard, shard_count=count, stop=(epoch + 1) * size))
        for shard in range(count)
    ]
    assert sorted(np.concatenate(taken).tolist()) == list(range(size))
    assert max(map(len, taken)) - min(map(len, taken)) <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 60)), min_size=1, max_size=6))
def test_the_shard_count_may_change_in_mid_stream(stages):
    """Each stage runs some positions with its own count; none is lost or taken twice."""
    taken, start = [], 0
    for count, length in stages:
        for shard in range(count):
            taken += positions(start, shard_index=shard, shard_count=count, stop=start + length)
        start += length
    assert sorted(taken) == list(range(start))


def test_without_a_stop_positions_do_not_end():
    assert positions() == range(2**63)
    own = positions(10**18, shard_index=2, shard_count=5)
    assert list(itertools.islice(own, 3)) == [10**18 + 2, 10**18 + 7, 10**18 + 12]
    assert own[:3] == range(10**18 + 2, 10**18 + 17, 5)
    assert own[-1] == 2**63 - 1


def test_a_stream_stopped_where_it_starts_is_empty():
    assert list(positions(5, stop=5)) == []
    assert list(positions(2**63 - 1, stop=2**63)) == [2**63 - 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": -1}, "start is -1; expected 0 to 9223372036854775807"),
        ({"start": 2**63}, "start is 9223372036854775808; expected 0 to 9223372036854775807"),
        ({"shard_count": 0}, "shard_count is 0; expected 1 to 9223372036854775807"),
        ({"shard_count": -2}, "shard_count is -2; expected 1 to 9223372036854775807"),
        ({"shard_index": 1}, "shard_index is 1; expected 0 to 0"),
        ({"shard_index": 3, "shard_count": 3}, "shard_index is 3; expected 0 to 2"),
        ({"shard_index": -1, "shard_count": 3}, "shard_index is -1; expected 0 to 2"),
        ({"start": 5, "stop": 4}, "stop is 4; expected 5 to 9223372036854775808"),
        ({"stop": 2**63 + 1}, "stop is 9223372036854775809; expected 0 to 9223372036854775808"),
    ],
)
def test_shards_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        positions(**arguments)


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
@pytest.mark.parametrize("start", [0, 13, 2**63 - 300])
def test_walking_on_gives_what_looking_up_gives(size, start):
    walked = Order(size, "shuffled", "id")
    places = [start + step for step in range(299)]
    # One order looks each position up alone: none follows on the one before.
    alone = [Order(size, "shuffled", "id").locate(position) for position in places]
    assert [walked.locate(position) for position in places] == alone
    assert [walked.locate(position) for position in reversed(places)] == alone[::-1]


@pytest.mark.parametrize(("walkers", "apart"), [(5, 977), (300, 10_007), (3000, 256)])
def test_many_that_walk_one_order_disturb_nobody(walkers, apart):
    order, permutation = Order(1_000_003, "shuffled", "id"), Permutation(1_000_003, epoch_key("id", 0))
    for step in range(4):
        for walker in range(walkers):
            position = (walker * apart + 250 + step * 3) % 1_000_003
            assert order.locate(position) == (0, permutation(position))


def test_threads_that_walk_one_order_disturb_nobody():
    order = Order(1000, "shuffled", "id")
    alone = {position: Order(1000, "shuffled", "id").locate(position) for position in range(0, 4000, 7)}

    def walk(start):
        return all(
            order.locate(position) == alone[position]
            for position in range(0, 4000, 7)
            if order.locate(position + start)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(walk, range(8)))
