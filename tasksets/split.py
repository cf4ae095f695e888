"""A split as it is served: rows, the binding, and which rows a declared filter leaves."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from openenv_tasksets.binding import Binds, RowPlace
from openenv_tasksets.index_sequence import block_starts, compose
from openenv_tasksets.loaders.cached_property import cached_property
from openenv_tasksets.loaders.errors import RowError, SelectionError, SplitEndless, TaskNotFound
from openenv_tasksets.loaders.order import MAX_SIZE, Order, Ordering
from openenv_tasksets.loaders.packed_rows import BulkRows, PackedRows
from openenv_tasksets.loaders.rows import ListRows, Row, Rows
from openenv_tasksets.task import Task
from openenv_tasksets.task_declaration import OrderKind, SplitType
from openenv_tasksets.where import Where

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openenv_tasksets.loaders.json_rows import JsonRows

Value = TypeVar("Value")
# Fewer are filtered again sooner than their file is read.
_INDEXED_ROWS = 10_000


class Split:
    """One named part of a taskset. Thread-safe; rows are read one at a time, when asked for.

    Args:
        name: Its name.
        type: Which of the three types it is.
        rows: The files' rows.
        binding: How one becomes a task.
        order_kind: The declared order of its stream.
        identity: What else the order depends on: environment, config and shuffle seed.
        served: The row of each index; None serves every row.
        filter_identity: Canonical text of how ``served`` came about; empty without a filter.
    """

    def __init__(
        self,
        *,
        name: str,
        type: SplitType,  # noqa: A002 - the Task API's word
        rows: Rows,
        binding: Binds,
        order_kind: OrderKind,
        identity: tuple[str, ...],
        served: Sequence[int] | None = None,
        filter_identity: str = "",
    ) -> None:
        self.name = name
        self.type = type
        self.columns = rows.columns
        self.rows = rows.project(binding.columns)
        self.binding = binding
        self.order_kind = order_kind
        self.filter_identity = filter_identity
        self._identity = identity
        self._served = range(len(rows)) if served is None else served
        self._is_whole = self._served == range(len(rows))
        self._lock = threading.Lock()
        self._index_of_id: dict[str, int] | None = None

    @property
    def indices(self) -> range:
        """All indices, however many."""
        return range(len(self._served))

    def narrowed(self, served: Sequence[int], filter_identity: str) -> "Split":
        """The same split serving only some rows, numbered anew; ``served`` holds indices of this one."""
        return Split(
            name=self.name,
            type=self.type,
            rows=self.rows,
            binding=self.binding,
            order_kind=self.order_kind,
            identity=self._identity,
            served=compose(self._served, served),
            filter_identity=self.filter_identity + filter_identity,
        )

    def __len__(self) -> int:
        size = self.size
        if size is None:
            raise SplitEndless(f"split {self.name!r} has no end, so no number of tasks; take some of them: take(1000)")
        return size

    @property
    def size(self) -> int | None:
        """How many tasks there are; None where there is no end to them."""
        size = len(self._served)
        return size if size <= MAX_SIZE else None

    @property
    def is_empty(self) -> bool:
        """Whether there is no task at all."""
        return not self._served

    def _check_end(self, refusal: str) -> None:
        """Refuse what would read every row, of rows that have no end."""
        if len(self.rows) > MAX_SIZE:
            raise SplitEndless(f"the rows of split {self.name!r} have no end, so they {refusal}")

    def task(self, index: int) -> Task:
        """The task at ``index`` in [0, len(self)).

        Raises:
            TaskNotFound: The index is out of range.
            RowError: The row cannot become a task.
        """
        served, rows = self._served, self.rows
        row_index = served[index] if type(index) is int and 0 <= index < len(served) else self.row_of(index)
        return self.binding.bind(rows[row_index], index, RowPlace(self.name, row_index, rows.location))

    def read_many(self, indices: Sequence[int]) -> list[Row]:
        """The rows that some indices serve, in the order given; for ``bind``."""
        served = self._served
        return self.rows.read_many(indices if self._is_whole else [served[index] for index in indices])

    def is_ready(self) -> bool:
        """Whether every row is at hand, as far as its source can tell."""
        return isinstance(self.rows, BulkRows) and self.rows.is_ready()

    def row_bytes(self) -> int | None:
        """About how many bytes a packed row takes, >= 1; None where the source gathers none."""
        return self.rows.row_bytes() if isinstance(self.rows, BulkRows) else None

    def prepare(self) -> Iterator[None]:
        """Make rows ready, as many as can be here, a short step at a time."""
        return self.rows.prepare() if isinstance(self.rows, BulkRows) else iter(())

    def gather(self, indices: "NDArray[np.int64]", *, fetch: bool) -> PackedRows | None:
        """The rows that some indices serve, packed, in the order given; None where the source cannot do that.

        Args:
            indices: Which tasks.
            fetch: Whether to ask for what is not on this machine.

        Raises:
            TasksetError: As the source does.
        """
        if not isinstance(self.rows, BulkRows):
            return None
        if not self._is_whole:
            import numpy as np

            indices = np.array([self._served[index] for index in indices.tolist()], np.int64)
        return self.rows.gather(indices, fetch=fetch)

    def is_hot(self, index: int) -> bool:
        """Whether ``task(index)`` reads nothing but memory, or fails at once."""
        return not 0 <= index < len(self._served) or self.rows.is_hot(self._served[index])

    def bind(self, index: int, row: Row) -> Task:
        """The task at an index, from its row.

        Raises:
            RowError: The row cannot become a task.
        """
        return self.binding.bind(row, index, self._place(self._served[index]))

    @property
    def json(self) -> "JsonRows":
        """The bound columns of each task's row as JSON text, in the order of the split: those that are hidden too."""
        from openenv_tasksets.loaders.json_rows import JsonRows

        return JsonRows(self.rows, self._served)

    def row_of(self, index: int) -> int:
        """The row in the files that ``index`` serves."""
        if type(index) is int and 0 <= index < len(self._served):
            return self._served[index]
        if isinstance(index, bool) or not isinstance(index, int):
            raise SelectionError(f"index is a whole number, not {index!r}")
        if not 0 <= index < len(self._served):
            allowed = "none: the split is empty" if self.is_empty else f"[0, {len(self._served)})"
            raise TaskNotFound(f"no task {index} in split {self.name!r}; allowed: {allowed}")
        return self._served[index]

    @property
    def ids_are_read(self) -> bool:
        """Whether ``index_of`` reads no rows, or none any more."""
        return self._index_of_id is not None or (self.binding.id_column is None and isinstance(self._served, range))

    def index_of(self, task_id: str) -> int:
        """The index of the task with this id. The first call reads the id column once.

        Raises:
            TaskNotFound: No task has this id.
            RowError: A row's id is missing, malformed, or the id of another row.
        """
        if self.binding.id_column is None and isinstance(self._served, range):
            prefix, _, number = task_id.rpartition("-")
            plain = prefix == self.name and len(number) < 20 and number.isascii() and number.isdecimal()
            if not plain or str(int(number)) != number or int(number) not in self._served:
                raise self._no_id(task_id)
            return self._served.index(int(number))
        self._check_end("cannot be searched for an id; give an index, or leave task.id out of the declaration")
        with self._lock:
            if self._index_of_id is None:
                self._index_of_id = self._read_ids()
        if task_id not in self._index_of_id:
            raise self._no_id(task_id)
        return self._index_of_id[task_id]

    def passing(self, where: Where) -> "NDArray[np.bool_]":
        """Whether the task at each index passes. Reads the columns of the filter once, and keeps the result on disk.

        Args:
            where: Conditions on names in ``binding.public``.

        Raises:
            SelectionError: A value and its operand cannot be compared.
            RowError: A value cannot be read.
        """
        self._check_end("cannot be filtered")
        # numpy and pyarrow are not imported before something is filtered.
        from openenv_tasksets.where_index import index_folder, index_name, kept_rows
        from openenv_tasksets.where_rows import passing_rows

        def find() -> "NDArray[np.bool_]":
            return passing_rows(self.rows, self.binding, where, self._place, f"{self.name}: filter")

        few = len(self.rows) < _INDEXED_ROWS or isinstance(self.rows, ListRows)
        folder = None if few else index_folder()
        if folder is None:
            flags = find()
        else:
            reads = [[name, self.binding.public[name].how] for name in where.columns]
            name = index_name([self.rows.fingerprint, where.identity, reads])
            flags = kept_rows(folder, name, len(self.rows), find)
        return flags if self._is_whole else flags[list(self._served)]

    def _no_id(self, task_id: str) -> TaskNotFound:
        example = "" if self.is_empty else f", such as {self.task(0).id!r}"
        count = "endless" if self.size is None else self.size
        return TaskNotFound(f"no task with id {task_id!r} in split {self.name!r}; it has {count} tasks{example}")

    def _read_ids(self) -> dict[str, int]:
        bound = self.binding.id_column
        column = None if bound is None else bound.column
        values = (None for _ in range(len(self.rows))) if column is None else self.rows.column(column)
        index_of_row = {row_index: index for index, row_index in enumerate(self._served)}
        ids: dict[str, int] = {}
        for row_index, value in enumerate(self._with_progress(values, "ids")):
            index = index_of_row.get(row_index)
            if index is None:
                continue
            place = self._place(row_index)
            task_id = self.binding.task_id({} if column is None else {column: value}, place)
            if task_id in ids:
                raise RowError(
                    f"id {task_id!r} is also the id of row {self._served[ids[task_id]]}; ids must be unique",
                    split=self.name,
                    row=row_index,
                    column=column,
                    location=self.rows.location(row_index),
                )
            ids[task_id] = index
        return ids

    def _place(self, row_index: int) -> RowPlace:
        return RowPlace(self.name, row_index, self.rows.location)

    def _with_progress(self, values: Iterable[Value], what: str) -> Iterator[Value]:
        from tqdm import tqdm

        # Only on a terminal, and only once it has taken a second.
        yield from tqdm(values, total=len(self.rows), desc=f"{self.name}: {what}", unit=" rows", delay=1, disable=None)

    @property
    def served(self) -> Sequence[int]:
        """The row in the files of each index."""
        return self._served

    @cached_property
    def identity(self) -> str:
        """What the order is keyed by: content, environment, config, split, filter, order and shuffle seed."""
        parts: list[Any] = [
            self.rows.fingerprint,
            *self._identity,
            self.name,
            self.filter_identity,
            self.order_kind,
        ]
        if self.order_kind == "blocks":
            from openenv_tasksets.loaders.block_order import WINDOW_BLOCKS

            starts = b"".join(start.to_bytes(8, "little") for start in self._block_starts)
            parts += [WINDOW_BLOCKS, hashlib.blake2b(starts, digest_size=16).hexdigest()]
        return msgspec.json.encode(parts).decode()

    @cached_property
    def order(self) -> Ordering:
        """The endless stream over this split.

        Raises:
            TaskNotFound: The split is empty.
        """
        if self.size is None:
            from openenv_tasksets.loaders.endless_order import EndlessOrder

            return EndlessOrder(self.identity)
        if self.is_empty:
            raise TaskNotFound(f"split {self.name!r} has no tasks, so it has no positions")
        if self.order_kind == "blocks":
            # It imports numpy, which a shuffled or sequential split need not wait for.
            from openenv_tasksets.loaders.block_order import BlockOrder

            return BlockOrder(len(self), self._block_starts, self.identity)
        return Order(len(self), self.order_kind, self.identity)

    @cached_property
    def _block_starts(self) -> Sequence[int]:
        starts = [int(start) for start in self.rows.block_starts]
        return starts if self._is_whole else block_starts(self._served, starts)
