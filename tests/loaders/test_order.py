"""The order is a law: the values pinned here hold in every release, process and version."""

import inspect
import os
import pickle
import subprocess
import sys

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

GOLDEN = [
    (1, b"", [0]),
    (1, b"a key", [0]),
    (2, b"", [0, 1]),
    (2, b"a key", [1, 0]),
    (3, b"", [2, 1, 0]),
    (3, b"a key", [2, 0, 1]),
    (10, b"", [9, 0, 2, 6, 7, 8, 4, 3, 1, 5]),
    (10, b"a key", [9, 0, 6, 7, 1, 4, 5, 3, 8, 2]),
    (32, b"", [14, 11, 9, 16, 18, 13, 26, 6, 15, 22]),
    (32, b"a key", [20, 9, 18, 22, 19, 28, 23, 4, 21, 15]),
    (33, b"", [7, 1, 3, 21, 29, 27, 31, 8, 11, 10]),
    (33, b"a key", [20, 12, 29, 5, 13, 27, 14, 8, 30, 25]),
    (1000, b"", [666, 566, 81, 77, 202, 358, 427, 129, 518, 687]),
    (1000, b"a key", [584, 611, 445, 196, 343, 772, 426, 892, 67, 454]),
    (2**20 + 7, b"", [1018528, 102254, 964931, 14635, 863167, 566497, 809819, 652067]),
    (2**20 + 7, b"a key", [493144, 632204, 662005, 415719, 954775, 269132, 128796, 956188]),
    (2**40, b"", [168111462642, 1002973335223, 911715653067, 890182231933, 948413012360]),
    (2**40, b"a key", [604216605954, 794400024372, 710949753244, 100613379125, 283353015166]),
]
keys = st.binary(max_size=40)
any_sizes = st.one_of(st.integers(1, 100), st.integers(1, 2**40), st.sampled_from([2**20, 2**40 - 1, 2**40]))


@pytest.mark.parametrize(("size", "key", "indices"), GOLDEN)
def test_a_permutation_is_the_same_in_every_release(size, key, indices):
    permutation = Permutation(size, key)
    assert [permutation(place) for place in range(len(indices))] == indices
    assert permutation.batch(range(len(indices))).tolist() == indices


OTHER_PROCESS = """
from openenv_tasksets.loaders.order import Order, Permutation, derive_seed
print([Permutation(size, b"a key")(size // 2) for size in (1, 2, 3, 10, 1000, 2**20 + 7, 2**40)])
print([Order(size, "shuffled", "an identity").locate(10**6) for size in (1, 7, 1000, 2**40)])
print(derive_seed("train-0", 3))
"""


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_another_process_computes_the_same(hash_seed):
    run = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    here = (
        [Permutation(size, b"a key")(size // 2) for size in (1, 2, 3, 10, 1000, 2**20 + 7, 2**40)],
        [Order(size, "shuffled", "an identity").locate(10**6) for size in (1, 7, 1000, 2**40)],
        derive_seed("train-0", 3),
    )
    assert run.stdout.splitlines() == [str(value) for value in here]


def test_this_module_imports_numpy_for_batches_only():
    """Run from its file, so that it is judged without what the package around it imports."""
    code = (
        "import runpy, sys\n"
        "order = runpy.run_path(sys.argv[1])['Order'](1000, 'shuffled', '')\n"
        "order.index(5)\n"
        "print('numpy' in sys.modules)\n"
        "order.batch([5])\n"
        "print('numpy' in sys.modules)\n"
    )
    file = inspect.getfile(Order)
    run = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


def test_a_pickled_permutation_is_the_same_one():
    permutation = Permutation(1000, b"a key")
    copy = pickle.loads(pickle.dumps(permutation))
    assert copy == permutation
    assert copy(17) == permutation(17)


def test_the_repr_does_not_show_the_key():
    assert repr(Permutation(10, b"a key")) == "Permutation(size=10)"


@pytest.mark.parametrize("size", [*range(1, 150), 1023, 1024, 1025, 4999])
def test_every_place_of_these_sizes_has_an_index_of_its_own(size):
    assert sorted(Permutation(size, b"").batch(range(size)).tolist()) == list(range(size))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), keys)
def test_a_permutation_meets_every_index_once(size, key):
    assert np.array_equal(np.sort(Permutation(size, key).batch(range(size))), np.arange(size))


@settings(deadline=None)
@given(st.data(), any_sizes, keys)
def test_different_places_have_different_indices_within_the_size(data, size, key):
    places = data.draw(st.lists(st.integers(0, size - 1), unique=True, min_size=1, max_size=50))
    indices = Permutation(size, key).batch(places).tolist()
    assert len(set(indices)) == len(places)
    assert all(0 <= index < size for index in indices)


@pytest.mark.parametrize("size", [2**20 + 7, 2**40 - 1, 2**40])
def test_large_permutations_do_not_collide(size):
    places = np.concatenate([np.arange(30_000), np.arange(size - 30_000, size)])
    assert len(np.unique(Permutation(size, b"").batch(places))) == len(places)


@settings(deadline=None)
@given(st.data(), any_sizes, keys)
def test_a_batch_gives_what_single_calls_give(data, size, key):
    places = data.draw(st.lists(st.integers(0, size - 1), max_size=30))
    permutation = Permutation(size, key)
    indices = permutation.batch(places)
    assert indices.dtype == np.int64
    assert indices.tolist() == [permutation(place) for place in places]


@pytest.mark.parametrize("size", [10, 1000])
def test_places_may_come_as_list_range_or_any_integer_array(size):
    permutation = Permutation(size, b"a key")
    expected = [permutation(place) for place in (9, 6, 3, 0)]
    for places in (
        [9, 6, 3, 0],
        (9, 6, 3, 0),
        range(9, -1, -3),
        np.arange(9, -1, -3),
        np.array([9, 6, 3, 0], dtype=np.uint8),
        np.array([9, 6, 3, 0], dtype=np.uint64),
    ):
        assert permutation.batch(places).tolist() == expected
    assert [permutation(np.int64(place)) for place in (9, 6, 3, 0)] == expected
    assert permutation.batch(range(3, 4)).tolist() == [permutation(3)]
    for nothing in ([], range(0), np.array([], dtype=np.int64)):
        assert permutation.batch(nothing).dtype == np.int64
        assert len(permutation.batch(nothing)) == 0


def test_a_batch_leaves_the_given_array_as_it_was():
    places = np.arange(1000)
    indices = Permutation(1000, b"").batch(places)
    assert np.array_equal(places, np.arange(1000))
    assert not np.shares_memory(places, indices)


@pytest.mark.parametrize("size", [30, 1000])
def test_other_keys_and_sizes_give_other_permutations(size):
    seen = {tuple(Permutation(size, key).batch(range(30)).tolist()) for key in (b"", b"a", b"b", b"a\0")}
    seen.add(tuple(Permutation(size + 1, b"").batch(range(30)).tolist()))
    assert len(seen) == 5


@pytest.mark.parametrize("size", [0, -1, 2**40 + 1])
@pytest.mark.parametrize("make", [lambda size: Permutation(size, b""), lambda size: Order(size, "shuffled", "")])
def test_a_size_out_of_range_is_refused_with_both_said(make, size):
    with pytest.raises(ValueError, match=rf"^size is {size}; expected 1 to 1099511627776$"):
        make(size)


NOT_INTEGERS = [True, 1.0, "1", None, np.True_, np.float64(1)]


@pytest.mark.parametrize("value", NOT_INTEGERS, ids=repr)
def test_what_is_no_integer_is_refused(value):
    permutation, order = Permutation(1000, b""), Order(1000, "shuffled", "")
    refused = {
        "size": [lambda: Permutation(value, b""), lambda: Order(value, "shuffled", "")],
        "place": [lambda: permutation(value), lambda: permutation.batch([value])],
        "position": [
            lambda: order.locate(value),
            lambda: order.index(value),
            lambda: order.batch([value]),
            lambda: order.batch(np.array([value])),
        ],
        "epoch": [lambda: epoch_key("", value), lambda: derive_seed("", value)],
        "start": [lambda: positions(value)],
        "shard_index": [lambda: positions(shard_index=value, shard_count=2)],
        "shard_count": [lambda: positions(shard_count=value)],
    }
    for name, calls in refused.items():
        for call in calls:
            with pytest.raises(TypeError, match=rf"^{name} is .*; expected an integer$"):
                call()


@pytest.mark.parametrize("size", [10, 1000])
@pytest.mark.parametrize("place", [-1, "size", 2**70])
def test_a_place_out_of_range_is_an_index_error(size, place):
    place = size if place == "size" else place
    permutation = Permutation(size, b"")
    message = rf"^place is {place}; expected 0 to {size - 1}$"
    with pytest.raises(IndexError, match=message):
        permutation(place)
    for places in ([0, place], [place, 0], range(place, place + 1), np.array([0, place])):
        with pytest.raises(IndexError, match=message):
            permutation.batch(places)


@pytest.mark.parametrize("kind", ["shuffled", "sequential"])
@pytest.mark.parametrize("position", [-1, 2**63, 2**64, -(2**70)])
def test_a_position_out_of_range_is_refused(kind, position):
    order = Order(1000, kind, "")
    message = rf"^position is {position}; expected 0 to 9223372036854775807$"
    calls = [
        lambda: order.locate(position),
        lambda: order.index(position),
        lambda: order.batch([0, position]),
        lambda: order.batch(range(position, position + 1)),
        lambda: order.batch(np.array([position])),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


def test_a_range_is_refused_at_either_end():
    order = Order(1000, "shuffled", "")
    with pytest.raises(ValueError, match="position is -1; expected 0 to"):
        order.batch(range(5, -2, -1))
    with pytest.raises(ValueError, match=f"position is {2**64 - 1}; expected 0 to"):
        order.batch(range(2**64))


def test_positions_in_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"^positions have 2 dimensions; expected 1$"):
        Order(1000, "shuffled", "").batch(np.zeros((2, 3), dtype=np.int64))
    with pytest.raises(ValueError, match=r"^places have 0 dimensions; expected 1$"):
        Permutation(1000, b"").batch(np.array(7))


@pytest.mark.parametrize("kind", ["random", "blocks", "", "Shuffled"])
def test_an_unknown_kind_is_refused_with_those_that_exist(kind):
    with pytest.raises(ValueError, match=rf"^order is '{kind}'; expected one of shuffled, sequential$"):
        Order(10, kind, "")


@pytest.mark.parametrize("epoch", [-1, 2**63])
@pytest.mark.parametrize("function", [epoch_key, derive_seed])
def test_an_epoch_out_of_range_is_refused(function, epoch):
    with pytest.raises(ValueError, match=rf"^epoch is {epoch}; expected 0 to 9223372036854775807$"):
        function("", epoch)


@pytest.mark.parametrize("attribute", ["size", "key"])
def test_a_permutation_does_not_change(attribute):
    with pytest.raises(AttributeError):
        setattr(Permutation(10, b""), attribute, 11)
