"""From a position in a split's endless stream to an index: a keyed permutation for every epoch.

``epoch, place = divmod(position, size)``, ``index = Permutation(size, epoch_key(identity, epoch))(place)``.
Nothing is stored but the key: any position of any epoch, in any process and any version, is arithmetic.

For more than 32 places the permutation is the generalized Feistel cipher of J. Black and P. Rogaway, "Ciphers
with Arbitrary Finite Domains" (CT-RSA 2002): a place is a pair in Z_width x Z_height, twelve rounds add a
keyed function of one half to the other in turn, and a result past ``size`` is enciphered again ("cycle
walking"). Width is an even number at or just above the square root, because rounds on odd sides would only
ever make even permutations; width * height exceeds ``size`` by less than width. The round function is the
SplitMix64 finalizer (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
2014; constants by D. Stafford) without its first shift, which for halves this small would only change the
key, and its last, which reaches few of the bits used. Its top 40 bits are scaled by a multiplication. Round
keys come from SHAKE-256.

Feistel networks mix tiny sets slowly (5 places need about 20 rounds), so up to 32 places the permutation is
the sorting order of ``size`` words from SHAKE-256: all orders equally likely, but for ties of 64-bit words.

How well it mixes: over 4 million random keys a size, sizes 33 to 1000, the joint distribution of two images
is plainly not uniform after 6 rounds up to size 130 (chi-square per degree of freedom 29 at size 40), nor
after 8 up to size 48 (2.0 at size 40); after 10 no departure is seen (1.01). Twelve rounds leave two to
spare. Four-point sums, parity, number of cycles and fixed points show no departure from 8 rounds on.

What it is not: a secret. The round function is not a cryptographic one, so whoever sees enough of an order
may work out the rest.
"""

import hashlib
import math
import struct
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.whole_number import whole, whole_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SIZE = 2**40
MAX_POSITION = 2**63 - 1
KINDS = ("shuffled", "sequential")
SIZES = range(1, MAX_SIZE + 1)
"""The sizes that a split may have."""
POSITIONS = range(MAX_POSITION + 1)
"""The positions of an endless stream."""

_EXACT_SIZE = 32
_ROUNDS = 12
_BLOCK = 256
_MOST_BLOCKS = 1024
_NEAR = 64
_MASK = 2**64 - 1
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9
_MULTIPLIER_2 = 0x94D049BB133111EB


class Permutation(msgspec.Struct, frozen=True, dict=True):
    """A keyed permutation of ``0..size-1``, computed one place or one batch at a time. Thread-safe.

    Attributes:
        size: In [1, 2**40].
        key: Any bytes; another key is an unrelated permutation.

    Raises:
        TypeError: ``size`` is not an integer.
        ValueError: ``size`` is out of range.
    """

    size: int
    key: bytes

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "size", whole("size", self.size, SIZES))

    def __repr__(self) -> str:
        return f"Permutation(size={self.size})"

    def __call__(self, place: int) -> int:
        """The index in [0, size) that stands at ``place``.

        Raises:
            IndexError: ``place`` is not in [0, size).
            TypeError: ``place`` is not an integer.
        """
        place = whole("place", place, range(self.size), IndexError)
        if self.size <= _EXACT_SIZE:
            return self._material[place]
        return _encipher(self.size, self._material, place)

    def batch(self, places: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The indices at many places, in their order: what a call would give for each, sooner.

        Raises:
            IndexError: A place is not in [0, size).
            TypeError: A place is not an integer.
            ValueError: ``places`` is not one-dimensional.
        """
        import numpy as np

        checked = whole_array("place", places, range(self.size), IndexError)
        return _encipher_many(self.size, [self._material], np.zeros(len(checked), dtype=np.intp), checked)

    @cached_property
    def _material(self) -> tuple[int, ...]:
        return _material(self.size, self.key)


class Ordering(Protocol):
    """From the positions of a stream to indices, by arithmetic alone. Thread-safe."""

    @property
    def size(self) -> int:
        """Positions in one pass, from position 0 on."""
        ...

    @property
    def stop(self) -> int:
        """The first position that there is not; 2**63 where the stream is endless."""
        ...

    @property
    def identity(self) -> str:
        """What the order depends on, as text: streams with the same one are the same."""
        ...

    def locate(self, position: int) -> tuple[int, int]:
        """Epoch and index of a position in [0, stop)."""
        ...

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The indices at many positions, in their order."""
        ...

    def window_end(self, position: int) -> int | None:
        """Where the positions end whose rows are best read at once; None where any part will do."""
        ...


class Order:
    """The endless stream of a split: epoch after epoch, each index once an epoch. Thread-safe.

    Args:
        size: Number of tasks in the split, in [1, 2**40].
        kind: ``shuffled`` (anew in each epoch) or ``sequential``.
        identity: What the shuffle depends on, as text; streams with other identities are unrelated.

    Raises:
        TypeError: ``size`` is not an integer.
        ValueError: ``size`` is out of range, or there is no such kind.
    """

    def __init__(self, size: int, kind: str, identity: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"order is {kind!r}; expected one of {', '.join(KINDS)}")
        self.size = whole("size", size, SIZES)
        self.kind = kind
        self.identity = identity
        self._in_order = kind == "sequential" or self.size == 1
        # Each is replaced as a whole: threads see an old pair or a new one, never half of each.
        self._recent: tuple[int, Permutation] | None = None
        # Indices around positions where somebody walks, by position // _BLOCK; those used before the last _MOST_BLOCKS
        # new ones are forgotten. Two threads may work one out twice.
        self._blocks: dict[int, array[int]] = {}
        self._older_blocks: dict[int, array[int]] = {}
        self._alone: dict[int, int] = {}

    @property
    def stop(self) -> int:
        """2**63: it is endless."""
        return MAX_POSITION + 1

    def locate(self, position: int) -> tuple[int, int]:
        """Epoch and index of a position in [0, 2**63).

        Raises:
            TypeError: ``position`` is not an integer.
            ValueError: ``position`` is out of range.
        """
        if type(position) is not int or not 0 <= position <= MAX_POSITION:
            position = whole("position", position, POSITIONS)
        epoch, place = divmod(position, self.size)
        if self._in_order:
            return epoch, place
        block = self._blocks.get(position // _BLOCK) or self._walked(position)
        return epoch, self._permutation(epoch)(place) if block is None else block[position % _BLOCK]

    def _walked(self, position: int) -> "array[int] | None":
        """The indices of the block around a position, if somebody walks there; None for a position by itself."""
        number = position // _BLOCK
        block = self._older_blocks.get(number)
        if block is None:
            before = self._alone.pop(number, position)
            if not (0 < position - before <= _NEAR or number - 1 in self._blocks):
                if len(self._alone) >= _MOST_BLOCKS:
                    self._alone = {}
                self._alone[number] = position
                return None
            # Whoever walks on will do so again: a batch costs little more than a few.
            start = number * _BLOCK
            block = array("q", self.batch(range(start, start + _BLOCK)).tobytes())
        if len(self._blocks) >= _MOST_BLOCKS:
            self._older_blocks, self._blocks = self._blocks, {}
        self._blocks[number] = block
        return block

    def index(self, position: int) -> int:
        """The index at a position in [0, 2**63); raises as ``locate`` does."""
        return self.locate(position)[1]

    def batch(self, positions: "Sequence[int] | NDArray[np.int64]") -> "NDArray[np.int64]":
        """The indices at many positions, of one epoch or several, in any order.

        Raises:
            TypeError: A position is not an integer.
            ValueError: A position is not in [0, 2**63), or ``positions`` is not one-dimensional.
        """
        import numpy as np

        epochs, places = np.divmod(whole_array("position", positions, POSITIONS), self.size)
        if self._in_order or not len(places):
            return places
        distinct, which = np.unique(epochs, return_inverse=True)
        materials = [self._permutation(epoch)._material for epoch in distinct.tolist()]
        return _encipher_many(self.size, materials, which, places)

    def window_end(self, position: int) -> None:  # noqa: ARG002 - the protocol's
        """None: any part of it may be read at once."""
        return

    def _permutation(self, epoch: int) -> Permutation:
        recent = self._recent
        if recent is None or recent[0] != epoch:
            recent = (epoch, Permutation(self.size, epoch_key(self.identity, epoch)))
            self._recent = recent
        return recent[1]


def epoch_key(identity: str, epoch: int) -> bytes:
    """The key (32 bytes) under which a stream's ``epoch``, in [0, 2**63), is shuffled.

    Raises:
        TypeError: ``epoch`` is not an integer.
        ValueError: ``epoch`` is out of range.
    """
    return _digest(b"taskset epoch", identity, epoch, 32)


def derive_seed(task_id: str, epoch: int) -> int:
    """The environment's own seed, in [0, 2**32), where nobody gave one: another for each task and epoch.

    Raises:
        TypeError: ``epoch`` is not an integer.
        ValueError: ``epoch`` is not in [0, 2**63).
    """
    return int.from_bytes(_digest(b"taskset seed", task_id, epoch, 4), "little")


def positions(start: int = 0, *, shard_index: int = 0, shard_count: int = 1, stop: int | None = None) -> range:
    """The positions from ``start`` on that belong to a shard: those p with p % shard_count == shard_index.

    Another ``shard_count`` may take over at any ``start`` up to which every shard has come. The range costs
    nothing, however long; slice it (``positions()[:1000]``) for a batch.

    Args:
        start: The first position to consider, in [0, 2**63).
        shard_index: Which shard, in [0, shard_count).
        shard_count: Of how many, in [1, 2**63).
        stop: The position to end before, in [start, 2**63]; None is endless, which is 2**63.

    Raises:
        TypeError: An argument is not an integer.
        ValueError: An argument is out of range.
    """
    start = whole("start", start, POSITIONS)
    shard_count = whole("shard_count", shard_count, POSITIONS[1:])
    shard_index = whole("shard_index", shard_index, range(shard_count))
    stop = MAX_POSITION + 1 if stop is None else whole("stop", stop, range(start, MAX_POSITION + 2))
    return range(start + (shard_index - start) % shard_count, stop, shard_count)


def _digest(purpose: bytes, text: str, epoch: int, size: int) -> bytes:
    number = whole("epoch", epoch, POSITIONS).to_bytes(8, "little")
    # Ids may come from JSON, which can spell lone surrogates.
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(number + encoded, digest_size=size, person=purpose).digest()


def _material(size: int, key: bytes) -> tuple[int, ...]:
    """All that a permutation needs: its whole table up to ``_EXACT_SIZE``, beyond it the round keys."""
    exact = size <= _EXACT_SIZE
    count = size if exact else _ROUNDS
    stream = hashlib.shake_256(size.to_bytes(8, "little") + key).digest(8 * count)
    words = struct.unpack(f"<{count}Q", stream)
    return tuple(sorted(range(size), key=words.__getitem__)) if exact else words


def _sides(size: int) -> tuple[int, int]:
    """Width (even) and height of the grid that holds the places of a network."""
    width = math.isqrt(size - 1) + 1
    width += width % 2
    return width, -(-size // width)


def _encipher(size: int, round_keys: tuple[int, ...], place: int) -> int:
    width, height = _sides(size)
    rounds = tuple(zip(round_keys[::2], round_keys[1::2], strict=True))
    while True:
        row, column = divmod(place, width)
        for column_key, row_key in rounds:
            mixed = (row ^ column_key) * _MULTIPLIER_1 & _MASK
            mixed = (mixed ^ mixed >> 27) * _MULTIPLIER_2 & _MASK
            column = (column + ((mixed >> 24) * width >> 40)) % width
            mixed = (column ^ row_key) * _MULTIPLIER_1 & _MASK
            mixed = (mixed ^ mixed >> 27) * _MULTIPLIER_2 & _MASK
            row = (row + ((mixed >> 24) * height >> 40)) % height
        place = row * width + column
        if place < size:
            return place


def _encipher_many(
    size: int, materials: Sequence[tuple[int, ...]], which: "NDArray[np.intp]", places: "NDArray[np.int64]"
) -> "NDArray[np.int64]":
    """``places[i]`` under the permutation made of ``materials[which[i]]``, for each i."""
    import numpy as np

    material = np.array(materials, dtype=np.uint64)
    if size <= _EXACT_SIZE:
        return material[which, places].astype(np.int64)
    round_keys = material.T
    values = places.astype(np.uint64)
    outside = np.arange(len(values))
    while len(outside):
        values[outside] = _encipher_once(size, round_keys, which[outside], values[outside])
        outside = outside[values[outside] >= size]
    return values.astype(np.int64)


def _encipher_once(
    size: int, round_keys: "NDArray[np.uint64]", which: "NDArray[np.intp]", values: "NDArray[np.uint64]"
) -> "NDArray[np.uint64]":
    width, height = _sides(size)
    row, column = values // width, values % width
    for number in range(0, _ROUNDS, 2):
        column = _add_mixed(column, row, round_keys[number][which], width)
        row = _add_mixed(row, column, round_keys[number + 1][which], height)
    return row * width + column


def _add_mixed(
    half: "NDArray[np.uint64]", other: "NDArray[np.uint64]", key: "NDArray[np.uint64]", modulus: int
) -> "NDArray[np.uint64]":
    """One round: ``half`` plus a keyed function of ``other``, modulo ``modulus``."""
    import numpy as np

    mixed: NDArray[np.uint64] = (other ^ key) * _MULTIPLIER_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_MULTIPLIER_2)
    total = half + ((mixed >> 24) * modulus >> 40)
    # Unsigned: a total below the modulus wraps to something greater, so the lesser is the remainder.
    remainder: NDArray[np.uint64] = np.minimum(total, total - modulus)
    return remainder
