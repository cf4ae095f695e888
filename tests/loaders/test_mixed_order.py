"""The order of a mixture: each part's own order, met in exact proportions, until one is exhausted or for ever."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openenv_tasksets.loaders.block_order import BlockOrder
from openenv_tasksets.loaders.mixed_order import MixedOrder
from openenv_tasksets.loaders.mixing import Mixing
from openenv_tasksets.loaders.order import Order


@st.composite
def mixtures(draw, repeats=None):
    """A mixed order, with the sizes and counts of its parts."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    counts = draw(st.lists(st.integers(1, 7), min_size=len(sizes), max_size=len(sizes)))
    kinds = [draw(st.sampled_from(["shuffled", "sequential", "blocks"])) for _ in sizes]
    orders = [
        BlockOrder(size, range(0, size, 5), str(n), 2) if kind == "blocks" else Order(size, kind, str(n))
        for n, (size, kind) in enumerate(zip(sizes, kinds, strict=True))
    ]
    goes_on = draw(st.booleans()) if repeats is None else repeats
    mixing = Mixing(counts, "an identity")
    return MixedOrder(orders, sizes, mixing, repeats=goes_on, identity="an identity"), orders, sizes, mixing


@settings(deadline=None)
@given(mixtures(repeats=True))
def test_a_part_that_repeats_meets_each_of_its_indices_once_in_each_of_its_epochs(made):
    order, _, sizes, mixing = made
    assert order.stop == 2**63
    starts = np.concatenate([[0], np.cumsum(sizes)])
    met = Counter(order.locate(position) for position in range(order.size))
    assert set(met.values()) == {1}
    for part, size in enumerate(sizes):
        own = {index for epoch, index in met if epoch == 0 and starts[part] <= index < starts[part + 1]}
        assert len(own) == size
    assert order.size % mixing.block == 0


@settings(deadline=None)
@given(mixtures(repeats=False))
def test_a_mixture_that_stops_repeats_nothing_and_ends_where_it_would(made):
    order, _, sizes, mixing = made
    assert order.size == order.stop >= min(sizes)
    met = [order.locate(position) for position in range(order.stop)]
    assert {epoch for epoch, _ in met} <= {0}
    assert len({index for _, index in met}) == len(met)
    part, own = mixing.locate(order.stop)
    assert own == sizes[part]
    start = sum(sizes[:part])
    assert {index for _, index in met} >= set(range(start, start + sizes[part]))
    for call in (order.locate, lambda at: order.batch([at])):
        with pytest.raises(ValueError, match=f"position is {order.stop}; expected 0 to {order.stop - 1}"):
            call(order.stop)


@settings(deadline=None)
@given(mixtures(), st.data())
def test_a_batch_gives_what_single_calls_give(made, data):
    order, _, _, _ = made
    at = data.draw(st.lists(st.integers(0, min(order.stop, 2**40) - 1), max_size=20)) if order.stop else []
    assert order.batch(at).tolist() == [order.locate(position)[1] for position in at]


def test_a_mixture_in_a_mixture_ends_it_where_it_ends():
    inner = MixedOrder(
        [Order(5, "sequential", ""), Order(50, "sequential", "")],
        [5, 50],
        Mixing([1, 1], ""),
        repeats=False,
        identity="",
    )
    outer = MixedOrder([inner, Order(3, "sequential", "")], [55, 3], Mixing([1, 1], ""), repeats=True, identity="")
    inside = [outer.locate(position)[1] for position in range(outer.stop)]
    assert sum(index < 55 for index in inside) in (inner.stop, inner.stop - 1)
    assert outer.stop < 2 * inner.stop + 2
