"""Texts that say almost the same, found without comparing every pair.

A text is the set of its shingles, every run of five words in a row (Broder, "On the resemblance and containment
of documents", 1997). How alike two texts are is the share of shingles that they have in common. A MinHash
signature estimates it: 64 hash functions, of each the smallest value over the set. Signatures are cut into 16 bands
of 4 (Indyk and Motwani, "Approximate nearest neighbors", 1998); texts that agree in a band become a candidate pair,
which is then compared shingle by shingle. A pair of resemblance 0.8 is a candidate with probability
1 - (1 - 0.8**4)**16 = 0.9998, one of 0.3 with 0.12.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS = 5
RESEMBLANCE = 0.8

_HASHES = 64
_BANDS = 16
_WORD = re.compile(r"\w+")
# A band that many texts share (a template's words, say) would give a pair for each two of them.
_MOST_IN_BAND = 20
_PRIME = (1 << 31) - 1


def near_duplicates(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose texts resemble each other by ``RESEMBLANCE`` or more; each pair once, in order.

    Costs one pass over the words of all texts, and a comparison for each candidate pair; of texts that share a
    band, each is only compared with the 20 before it.
    """
    sets = [shingles(text) for text in texts]
    parameters = _parameters()
    buckets: dict[tuple[int, bytes], list[int]] = {}
    for place, members in enumerate(sets):
        if not members:
            continue
        candidates: set[int] = set()
        for band, rows in enumerate(np.split(_signature(members, parameters), _BANDS)):
            bucket = buckets.setdefault((band, rows.tobytes()), [])
            candidates.update(bucket[-_MOST_IN_BAND:])
            bucket.append(place)
        for other in sorted(candidates):
            if resemblance(sets[other], members) >= RESEMBLANCE:
                yield other, place


def shingles(text: str) -> frozenset[int]:
    """The text's shingles, hashed; of a text of fewer than five words, the whole as one."""
    words = _WORD.findall(text.casefold())
    runs = max(1, len(words) - SHINGLE_WORDS + 1) if words else 0
    return frozenset(_hash(" ".join(words[start : start + SHINGLE_WORDS])) for start in range(runs))


def resemblance(one: frozenset[int], two: frozenset[int]) -> float:
    """The share of all their shingles that two sets have in common, in [0, 1]."""
    return len(one & two) / len(one | two) if one or two else 0.0


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big") % _PRIME


def _parameters() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Factors and summands of the hash functions: the same in every process."""
    numbers = np.frombuffer(hashlib.shake_128(b"minhash").digest(_HASHES * 8), ">u4").astype(np.uint64) % _PRIME
    return numbers[:_HASHES, None] | np.uint64(1), numbers[_HASHES:, None]


def _signature(
    members: frozenset[int], parameters: tuple[NDArray[np.uint64], NDArray[np.uint64]]
) -> NDArray[np.uint64]:
    factors, summands = parameters
    values = np.fromiter(members, np.uint64, len(members))
    smallest: NDArray[np.uint64] = ((factors * values + summands) % np.uint64(_PRIME)).min(axis=1)
    return smallest
