"""A far file as a file object that asks for what is read of it, and for little else."""

import io
from collections.abc import Iterable, Mapping, Sequence

from openenv_tasksets.loaders.files import ByteSource

_ALL_BYTES = 2 << 20
_HEAD_BYTES = 128 << 10
_MOST_STEP_BYTES = 4 << 20
_GAP_BYTES = 64 << 10
_THREADS = 8

Span = tuple[int, int]


class Ranges(io.RawIOBase):
    """Some spans of a file, each read from its start on, several at a time. For one thread.

    Spans that are small together are asked for at once, side by side; of larger ones the heads are, and then more,
    in steps that double. What is near enough to each other is one request.

    Args:
        file: The file.
        spans: Where it is going to be read; other places can be, too.
        heads: How many bytes from the start of a span are needed in any case; what follows is asked for in steps.
    """

    def __init__(self, file: ByteSource, spans: Iterable[Span], heads: Mapping[int, int] | None = None) -> None:
        super().__init__()
        self._file = file
        self._spans = sorted(spans)
        self._blocks: dict[int, bytes] = {}
        self._place = 0
        self._steps = {start: _HEAD_BYTES for start, _ in self._spans}
        heads = heads or {}
        total = sum(end - start for start, end in self._spans)
        if total <= _ALL_BYTES:
            self._fetch(self._spans)
        else:
            self._fetch([(start, min(end, start + heads.get(start, 0) + _HEAD_BYTES)) for start, end in self._spans])

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read starts."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Choose where the next read starts."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, fewer at the end of the file only.

        Raises:
            HubError: They cannot be had.
            SourceChanged: The file is no longer the one that was opened.
        """
        left = self._file.size - self._place
        left = left if size is None or size < 0 else min(size, left)
        pieces = []
        while left > 0:
            piece = self._have(self._place, left)
            pieces.append(piece)
            self._place += len(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _have(self, place: int, most: int) -> bytes:
        """Some bytes from ``place`` on, at least one."""
        for start, block in self._blocks.items():
            if start <= place < start + len(block):
                return block[place - start : place - start + most]
        self._fetch([(place, self._until(place, most))])
        return self._blocks[place][:most]

    def _until(self, place: int, most: int) -> int:
        """How far to ask for, so that what is read next need not be asked for again."""
        end = place + most
        for start, span_end in self._spans:
            if start <= place < span_end:
                step = self._steps[start] = min(2 * self._steps[start], _MOST_STEP_BYTES)
                end = max(end, min(place + step, span_end))
        nexts = [start for start in self._blocks if start > place]
        return min([end, self._file.size, *nexts])

    def _fetch(self, spans: Sequence[Span]) -> None:
        spans = _coalesced(spans)
        if len(spans) == 1:
            blocks = [self._file.read(*spans[0])]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_THREADS) as pool:
                blocks = list(pool.map(lambda span: self._file.read(*span), spans))
        self._blocks |= {start: block for (start, _), block in zip(spans, blocks, strict=True)}


def _coalesced(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= _GAP_BYTES:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return found
