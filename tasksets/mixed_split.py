"""One split of a mixture: the parts' tasks one part behind the other, and a stream that mixes them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from openenv_tasksets.binding import BoundColumn, RowPlace
from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import TaskNotFound
from openenv_tasksets.loaders.mixed_order import MixedOrder
from openenv_tasksets.loaders.mixing import Mixing
from openenv_tasksets.loaders.rows import Row
from openenv_tasksets.split import Split
from openenv_tasksets.task import Task
from openenv_tasksets.where import Where

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEPARATOR = "/"


class MixedSplit(Split):
    """The splits of one name of all parts, as one split.

    Index i of the first part is index i here, and those of the next part follow. An id is the part's name, a
    slash, and the id that the task has in the part; ``row`` is the row in the part's own files.

    Args:
        name: The split's name.
        parts: The parts' splits by the parts' names.
        counts: How many places each part has in a block.
        repeats: Whether parts are met again, or the stream ends with the first of them.
        shuffle_seed: Another number mixes in another order.
    """

    def __init__(
        self, name: str, parts: Mapping[str, Split], counts: Sequence[int], *, repeats: bool, shuffle_seed: int
    ) -> None:
        self._parts = _Parts(parts)
        self._counts = tuple(counts)
        self._repeats = repeats
        self._shuffle_seed = shuffle_seed
        first = next(iter(parts.values()))
        super().__init__(
            name=name,
            type=first.type,
            rows=_MixedRows(self._parts),
            binding=_MixedBinding(self._parts),
            order_kind="shuffled",
            identity=(),
        )

    def index_of(self, task_id: str) -> int:
        """The index of the task with this id, as ``{part}/{id in the part}``.

        Raises:
            TaskNotFound: No task has this id.
            RowError: A row's id is missing, malformed, or the id of another row.
        """
        name, _, own = task_id.partition(SEPARATOR)
        if name not in self._parts.names:
            raise self._no_id(task_id)
        part = self._parts.names.index(name)
        try:
            return self._parts.starts[part] + self._parts.splits[part].index_of(own)
        except TaskNotFound as exc:
            raise self._no_id(task_id) from exc

    @property
    def ids_are_read(self) -> bool:
        """Whether every part's are."""
        return all(split.ids_are_read for split in self._parts.splits)

    def passing(self, where: Where) -> "NDArray[np.bool_]":
        """Whether the task at each index passes: what each part says of its own."""
        import numpy as np

        return np.concatenate([split.passing(where) for split in self._parts.splits])

    @cached_property
    def identity(self) -> str:
        """What the stream depends on: the parts' streams, their weights, and how they are mixed."""
        named = zip(self._parts.names, self._counts, self._parts.splits, strict=True)
        parts = [[name, count, split.identity] for name, count, split in named]
        return msgspec.json.encode(["mixture", self.name, self._repeats, self._shuffle_seed, parts]).decode()

    @cached_property
    def order(self) -> MixedOrder:
        """The stream that mixes the parts'.

        Raises:
            TaskNotFound: A part has no tasks.
        """
        for name, split in zip(self._parts.names, self._parts.splits, strict=True):
            if not len(split):
                raise TaskNotFound(
                    f"split {self.name!r} of part {name!r} has no tasks, so the mixture has no positions"
                )
        orders = [split.order for split in self._parts.splits]
        sizes = [len(split) for split in self._parts.splits]
        mixing = Mixing(self._counts, self.identity)
        return MixedOrder(orders, sizes, mixing, repeats=self._repeats, identity=self.identity)


class _Parts:
    """Splits one behind the other."""

    def __init__(self, parts: Mapping[str, Split]) -> None:
        self.names = tuple(parts)
        self.splits = tuple(parts.values())
        starts = [0]
        for split in self.splits:
            starts.append(starts[-1] + len(split))
        self.starts = tuple(starts)

    def find(self, index: int) -> tuple[int, int]:
        """The part of an index, and its index in there."""
        if not 0 <= index < self.starts[-1]:
            raise IndexError(f"row {index} is not in [0, {self.starts[-1]})")
        # A handful of parts: a search by halves would not be faster.
        part = next(part for part, start in enumerate(self.starts[1:]) if index < start)
        return part, index - self.starts[part]


class _MixedRows:
    """The rows that the parts serve; each has the columns of its part."""

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return self._parts.starts[-1]

    def __getitem__(self, index: int, /) -> Row:
        return self.read_many([index])[0]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for split in self._parts.splits for name in split.columns))

    @property
    def fingerprint(self) -> str:
        identities = msgspec.json.encode([split.identity for split in self._parts.splits])
        return hashlib.blake2b(identities, digest_size=16).hexdigest()

    @property
    def block_starts(self) -> Sequence[int]:
        return self._parts.starts[:-1]

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        found = [self._parts.find(index) for index in indices]
        rows: list[Row] = [{}] * len(found)
        for part, split in enumerate(self._parts.splits):
            places = [place for place, each in enumerate(found) if each[0] == part]
            own = split.read_many([found[place][1] for place in places])
            for place, row in zip(places, own, strict=True):
                rows[place] = row
        return rows

    def is_hot(self, index: int) -> bool:
        part, own = self._parts.find(index)
        split = self._parts.splits[part]
        return split.rows.is_hot(split.row_of(own))

    def project(self, columns: Sequence[str]) -> "_MixedRows":  # noqa: ARG002 - each part reads its own
        return self

    def column(self, name: str) -> Iterator[Any]:
        return (self[index].get(name) for index in range(len(self)))

    def location(self, index: int) -> str:
        part, own = self._parts.find(index)
        split = self._parts.splits[part]
        return f"part {self._parts.names[part]!r}, {split.rows.location(split.row_of(own))}"


@dataclass(frozen=True, slots=True)
class _MixedBinding:
    """Each part's own binding, for the part's own rows."""

    parts: _Parts

    @property
    def columns(self) -> tuple[str, ...]:
        every = (name for split in self.parts.splits for name in split.binding.columns)
        return tuple(dict.fromkeys(every))

    @property
    def public(self) -> Mapping[str, BoundColumn]:
        """What is public in every part."""
        first, *others = (split.binding.public for split in self.parts.splits)
        return {name: bound for name, bound in first.items() if all(name in other for other in others)}

    @property
    def id_column(self) -> BoundColumn | None:
        return next((split.binding.id_column for split in self.parts.splits if split.binding.id_column), None)

    def bind(self, row: Row, index: int, place: RowPlace) -> Task:
        part, own = self.parts.find(place.row)
        task = self.parts.splits[part].bind(own, row)
        return msgspec.structs.replace(task, id=self._id(part, task.id), split=place.split, index=index)

    def task_id(self, row: Row, place: RowPlace) -> str:
        part, own = self.parts.find(place.row)
        split = self.parts.splits[part]
        return self._id(part, split.binding.task_id(row, RowPlace(split.name, split.row_of(own), split.rows.location)))

    def public_values(self, row: Row, names: Sequence[str], place: RowPlace) -> dict[str, Any]:
        part, own = self.parts.find(place.row)
        split = self.parts.splits[part]
        where = RowPlace(split.name, split.row_of(own), split.rows.location)
        return split.binding.public_values(row, names, where)

    def _id(self, part: int, own: str) -> str:
        return f"{self.parts.names[part]}{SEPARATOR}{own}"
