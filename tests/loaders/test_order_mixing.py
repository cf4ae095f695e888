"""How well the order mixes. Level, keys and sizes were fixed before the first run and never changed. One
measure was: ``cells_of_a_key`` first summed over keys, which affine permutations passed at sizes 100 and 10**6.

Each measure takes a permutation factory and a size and returns the probability that a uniformly random
permutation departs as far. An affine permutation (``multiplier * place + offset``) goes through the same
measures and fails those in AFFINE_FAILS. The others see each place by itself, summed over keys (which an affine
map with a random offset spreads evenly), or only the parity.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pytest
from scipy import stats

from openenv_tasksets.loaders.order import Order, Permutation

# What an order is does not change, which tests/loaders/test_order.py holds; how well it mixes follows from that.
pytestmark = pytest.mark.slow

ALPHA = 1e-6
LAGS = (1, 2, 10, 32)
CONSECUTIVE = 2000


class Shuffle(Protocol):
    def __call__(self, place: int) -> int: ...
    def batch(self, places: range) -> np.ndarray: ...


Factory = Callable[[int, bytes], Shuffle]


class Affine:
    """What must not pass: a bijection, keyed, and still an arithmetic sequence."""

    def __init__(self, size: int, key: bytes) -> None:
        words = hashlib.shake_256(key).digest(32)
        self.size = size
        self.multiplier = int.from_bytes(words[:16], "little") % size
        while math.gcd(self.multiplier, size) != 1:
            self.multiplier = (self.multiplier + 1) % size
        self.offset = int.from_bytes(words[16:], "little") % size

    def __call__(self, place: int) -> int:
        return (self.multiplier * place + self.offset) % self.size

    def batch(self, places: range) -> np.ndarray:
        return np.array([self(place) for place in places], dtype=np.int64)


def shuffles(make: Factory, size: int, count: int):
    """The permutations under ``count`` keys."""
    return (make(size, b"mixing %d" % number) for number in range(count))


def uniform(counts) -> float:
    """Chi-square against equal cells."""
    return float(stats.chisquare(counts).pvalue)


def whole_permutations(make: Factory, size: int) -> float:
    """All ``size!`` permutations equally often."""
    places = range(size)
    seen = Counter(tuple(map(shuffle, places)) for shuffle in shuffles(make, size, 30_000))
    counts = np.zeros(math.factorial(size))
    counts[: len(seen)] = list(seen.values())
    return uniform(counts)


def first_image(make: Factory, size: int) -> float:
    """The index at place 0, over keys."""
    cells = min(size, 100)
    images = [shuffle(0) * cells // size for shuffle in shuffles(make, size, 20_000)]
    return uniform(np.bincount(images, minlength=cells))


def first_pair(make: Factory, size: int) -> float:
    """The indices at places 0 and 1 together, over keys."""
    pairs = Counter((shuffle(0), shuffle(1)) for shuffle in shuffles(make, size, 20_000))
    return uniform([pairs[one, two] for one in range(size) for two in range(size) if one != two])


def block_counts(make: Factory, size: int, keys: int):
    """For each key, how many places of each tenth of the range go to each tenth; and the places a tenth."""
    length = min(size // 10, 200)
    tables = np.zeros((keys, 10, 10))
    for table, shuffle in zip(tables, shuffles(make, size, keys), strict=True):
        for block in range(10):
            start = size * block // 10
            tenths = shuffle.batch(range(start, start + length)) // (size / 10)
            table[block] = np.bincount(tenths.astype(int), minlength=10)
    return tables, length


def cells(make: Factory, size: int) -> float:
    """Place block by index block, all keys together."""
    tables, length = block_counts(make, size, 300)
    return 1 - float(chi_square_rank(tables.sum(axis=0), length * len(tables) / 10, size, length))


def cells_of_a_key(make: Factory, size: int) -> float:
    """Place block by index block, each key by itself: too even is as far from random as too uneven."""
    tables, length = block_counts(make, size, 100)
    ranks = [chi_square_rank(table, length / 10, size, length) for table in tables]
    return float(stats.kstest(ranks, "uniform").pvalue)


def chi_square_rank(table, expected: float, size: int, length: int) -> float:
    """Where a table of blocks stands among random ones, in [0, 1]."""
    statistic = ((table - expected) ** 2 / expected).sum()
    if length * 10 == size:  # The blocks are the whole range, so both margins are fixed.
        return stats.chi2.cdf(statistic * (size - 1) / size, 81)
    return stats.chi2.cdf(statistic, 90)


def serial_correlation(make: Factory, size: int) -> float:
    """Indices a few places apart: the correlation of each key and lag, squared and summed."""
    keys, total = 100, 0.0
    deviation = math.sqrt((size * size - 1) / 12)
    for shuffle in shuffles(make, size, keys):
        scaled = (shuffle.batch(range(min(size, CONSECUTIVE))) - (size - 1) / 2) / deviation
        for lag in LAGS:
            products = scaled[:-lag] * scaled[lag:]
            total += (products.mean() + 1 / (size - 1)) ** 2 * len(products)
    rank = float(stats.chi2.cdf(total, keys * len(LAGS)))
    return 2 * min(rank, 1 - rank)


def adjacent_differences(make: Factory, size: int) -> float:
    """Steps from one index to the next, modulo the size, over all keys."""
    counts = np.zeros(9)
    for shuffle in shuffles(make, size, 100):
        steps = np.diff(shuffle.batch(range(min(size, CONSECUTIVE)))) % size
        counts += np.bincount((steps - 1) * 9 // (size - 1), minlength=9)
    return uniform(counts)


def fixed_points(make: Factory, size: int) -> float:
    """How many places are their own index: Poisson with mean 1."""
    keys, most = 2000, 5
    places = np.arange(size)
    found = [int((s.batch(range(size)) == places).sum()) for s in shuffles(make, size, keys)]
    expected = stats.poisson(1).pmf(np.arange(most + 1))
    expected[most] = stats.poisson(1).sf(most - 1)
    counts = np.bincount(np.minimum(found, most), minlength=most + 1)
    return float(stats.chisquare(counts, expected * keys).pvalue)


def parity(make: Factory, size: int) -> float:
    """Odd permutations as often as even ones."""
    keys = 2000
    odd = sum(is_odd(s.batch(range(size)).tolist()) for s in shuffles(make, size, keys))
    return float(stats.binomtest(odd, keys).pvalue)


def is_odd(permutation: list[int]) -> bool:
    cycles, seen = 0, [False] * len(permutation)
    for place in range(len(permutation)):
        cycles += not seen[place]
        while not seen[place]:
            seen[place] = True
            place = permutation[place]
    return (len(permutation) - cycles) % 2 == 1


LARGE = (10**6, 2**40)
MEASURES = {
    whole_permutations: range(2, 9),
    first_image: (10, 32, 33, 40, 100, 1000, *LARGE),
    first_pair: (10, 32, 33, 40),
    cells: (10, 100, 1000, *LARGE),
    cells_of_a_key: (100, 1000, *LARGE),
    serial_correlation: (100, 1000, *LARGE),
    adjacent_differences: (100, 1000, *LARGE),
    fixed_points: (10, 33, 100, 1000),
    parity: (10, 33, 100, 121, 1000),
}
CASES = [pytest.param(measure, size) for measure, sizes in MEASURES.items() for size in sizes]
AFFINE_FAILS = {
    whole_permutations: range(4, 9),
    first_pair: (10, 32, 33, 40),
    cells_of_a_key: (100, 1000, *LARGE),
    serial_correlation: (100, 1000, *LARGE),
    adjacent_differences: (100, 1000, *LARGE),
    fixed_points: (10, 33, 100, 1000),
}
AFFINE_CASES = [pytest.param(measure, size) for measure, sizes in AFFINE_FAILS.items() for size in sizes]


@pytest.mark.parametrize(("measure", "size"), CASES)
def test_the_order_cannot_be_told_from_a_random_one(measure, size):
    assert measure(Permutation, size) > ALPHA


@pytest.mark.parametrize(("measure", "size"), AFFINE_CASES)
def test_an_affine_permutation_fails_the_same_measure(measure, size):
    assert measure(Affine, size) < ALPHA


@pytest.mark.parametrize("size", [33, 40, 48, 64])
def test_two_places_of_an_epoch_are_independent_over_400_000_epochs(size):
    """The sizes at which too few rounds show first, and the pair (one row of the grid) that shows it."""
    order = Order(size, "shuffled", "mixing")
    counts = np.zeros(size * size)
    for first in range(0, 400_000, 20_000):
        starts = np.arange(first, first + 20_000) * size
        counts += np.bincount(order.batch(starts) * size + order.batch(starts + 1), minlength=size * size)
    off_diagonal = ~np.eye(size, dtype=bool)
    assert counts.reshape(size, size)[~off_diagonal].sum() == 0
    assert uniform(counts.reshape(size, size)[off_diagonal]) > ALPHA
