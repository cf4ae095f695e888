"""Building a row store behind the first reads: a thread that gives way, and stops when the process does."""

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.parquet_group import Piece
from openenv_tasksets.loaders.store import Head, RowStore
from openenv_tasksets.loaders.store_writer import Lock, StoreBusy, StoreWriter, lock_file
from openenv_tasksets.loaders.stores import Stores

logger = logging.getLogger(__name__)

SHARE_BYTES = 64 << 20
"""What one thread writes alone."""

_NICENESS = 10
_TRY_AGAIN_S = 2.0
_END_S = 5.0
_ROOM_BYTES = 64 << 20
_QUICK_BYTES = 64 << 20
_PATIENCE_S = 1.0
_MOST_THREADS = 2
_MOMENT_S = 0.05
_GROWTH_S = 5.0
# Packed, rows may take more than Parquet says: as much more, at first, and then as those that were written.
_GROWTH = 1.5
_running: "weakref.WeakSet[StoreBuilder]" = weakref.WeakSet()


class StoreBuilder:
    """Brings the files of a split to this machine, and puts their rows into a store, on a thread of its own.

    Args:
        rows: The rows, with the columns that are to be stored.
        store: Where they go; None only brings the files.
        stores: What the store shares its space with.
        lock: As in ``StoreWriter``.
        share_bytes: A second thread helps where there is more than this to write.
    """

    def __init__(
        self,
        rows: ParquetRows,
        store: RowStore | None,
        stores: Stores,
        *,
        lock: Lock = lock_file,
        share_bytes: int = SHARE_BYTES,
    ) -> None:
        self._rows = rows
        self._store = store
        self._stores = stores
        self._lock = lock
        self._share_bytes = share_bytes
        self._wanted: deque[int] = deque(maxlen=64)
        self._stopping = threading.Event()
        self._writing = False
        self._written = threading.Condition()
        self._taken: set[int] = set()
        self._following = 0
        self._room_bytes = self._reserved_bytes = 0
        self._growth = _GROWTH
        self._choosing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="openenv-tasksets-store", daemon=True)

    def start(self) -> None:
        """Begin."""
        _running.add(self)
        self._thread.start()

    def write_next(self, group: int) -> bool:
        """Take this row group next, and wait for it, where that is no longer than to decode it.

        Whoever reads at random would decode most row groups many times over, and be in the way of this.

        Returns:
            Whether the store has it.
        """
        store, asked = self._store, self._rows.groups[group]
        self._wanted.append(group)
        if store is None or not self._writing or asked.size > _QUICK_BYTES or asked.file.at_hand() is None:
            return False
        if not self._thread.is_alive():  # in a forked process, whose lock may be held for ever
            return False
        with self._written:
            self._written.wait_for(lambda: group in store or not self._writing, _PATIENCE_S)
        return group in store

    def stop(self, timeout_s: float | None = None) -> None:
        """End after the piece that is being written; what is not whole does not count."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def help(self) -> Iterator[None]:
        """Write along on the caller's thread, a row group a step, and wait for what others write.

        For whoever cannot go on without most of the rows: the threads of the builder give way to everybody. Ends
        where the store is whole, where files must be fetched first, and where it does not grow any more.
        """
        store = self._store
        if store is None or any(group.file.at_hand() is None for group in self._rows.groups):
            return
        known, grown_at, has_helped = len(store), time.monotonic(), False
        while self._thread.is_alive() and not store.is_complete and time.monotonic() < grown_at + _GROWTH_S:
            if self._writing and not has_helped:
                has_helped = True
                yield from self._write_along(store)
            with self._written:
                self._written.wait(_MOMENT_S)
            store.refresh()
            if len(store) > known:
                known, grown_at = len(store), time.monotonic()
            yield

    def _write_along(self, store: RowStore) -> Iterator[None]:
        with self._logged(), StoreWriter(store, lock=None) as writer:
            while self._write_one(store, writer):
                yield

    def _run(self) -> None:
        _give_way()
        with self._logged():
            if self._store is not None:
                self._build(self._store)
                return
            for file in self._rows.files:
                if self._stopping.is_set():
                    return
                file.bring()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """What stops the building is told, and stops nothing else."""
        try:
            yield
        except OSError as exc:
            logger.warning("the row store in %s cannot be written: %s; rows are read from Parquet", self._where(), exc)
        except TasksetError as exc:
            # Whoever reads the row meets it too, and is told then.
            logger.info("the row store in %s is not built to its end: %s", self._where(), exc.message)
        except _Stopped:
            pass

    def _where(self) -> str:
        return str(self._stores.folder if self._store is None else self._store.folder)

    def _build(self, store: RowStore) -> None:
        while not store.is_complete and not self._stopping.is_set():
            try:
                with StoreWriter(store, lock=self._lock) as writer:
                    store.keep_head(Head(self._rows.columns, self._rows.form.types, self._names(), len(self._rows)))
                    self._writing = True
                    self._write_side_by_side(store, writer)
                return
            except StoreBusy:
                self._stopping.wait(_TRY_AGAIN_S)
                store.refresh()
            finally:
                self._writing = False
                self._say_written()

    def _write_side_by_side(self, store: RowStore, writer: StoreWriter) -> None:
        """Write all on this thread and some more, each to files of its own."""
        errors: list[BaseException] = []

        def help_writing() -> None:
            _give_way()
            try:
                with StoreWriter(store, lock=None) as own:
                    self._write_all(store, own)
            except BaseException as exc:  # noqa: BLE001 - raised below
                errors.append(exc)

        left = sum(group.size for number, group in enumerate(self._rows.groups) if number not in store)
        count = min(_MOST_THREADS, os.cpu_count() or 1, 1 + left // self._share_bytes) - 1
        name = f"{self._thread.name}-helper"
        helpers = [threading.Thread(target=help_writing, name=name, daemon=True) for _ in range(count)]
        for helper in helpers:
            helper.start()
        try:
            self._write_all(store, writer)
        finally:
            for helper in helpers:
                helper.join()
        for error in errors:
            raise error

    def _say_written(self) -> None:
        with self._written:
            self._written.notify_all()

    def _write_all(self, store: RowStore, writer: StoreWriter) -> None:
        while self._write_one(store, writer):
            pass

    def _write_one(self, store: RowStore, writer: StoreWriter) -> bool:
        """Write a row group; False where there is none left to write."""
        chosen = None if self._stopping.is_set() else self._choose(store)
        if chosen is None:
            return False
        number, size = chosen
        group = self._rows.groups[number]
        group.file.bring()
        before = writer.size
        writer.write(number, self._packed(number))
        self._say_written()
        taken = writer.size - before
        with self._choosing:
            self._room_bytes += size - taken
            self._reserved_bytes -= size
            self._growth = max(self._growth, taken / max(1, group.size))
        return True

    def _names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self._rows.files)

    def _choose(self, store: RowStore) -> tuple[int, int] | None:
        """A row group that is missing, the one wanted last or else the next, and the room that is kept for it."""
        with self._choosing:
            number = self._missing(store)
            if number is None:
                return None
            size = int(self._rows.groups[number].size * self._growth)
            if size > self._room_bytes:
                wanted = max(size, _ROOM_BYTES) + self._reserved_bytes
                self._room_bytes = self._stores.make_room(wanted, store.folder) - self._reserved_bytes
            if size > self._room_bytes:
                logger.warning(
                    "the row store in %s has no more room; the other rows are read from Parquet", store.folder
                )
                self._following = len(self._rows.groups)
                self._wanted.clear()
                return None
            self._room_bytes -= size
            self._reserved_bytes += size
            self._taken.add(number)
            return number, size

    def _missing(self, store: RowStore) -> int | None:
        while self._wanted or self._following < len(self._rows.groups):
            if self._wanted:
                number = self._wanted.pop()
            else:
                number = self._following
                self._following += 1
            if number not in store and number not in self._taken:
                return number
        return None

    def _packed(self, number: int) -> Iterator[Piece]:
        for piece in self._rows.groups[number].pieces(self._rows.form):
            if self._stopping.is_set():
                raise _Stopped
            yield piece.pack()
            # Whoever waits for the interpreter goes first.
            time.sleep(0)


def _give_way() -> None:
    """Let the process's other threads go first."""
    if sys.platform == "linux":
        # Of this thread alone: on Linux each has its own.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class _Stopped(Exception):
    """The process ends."""


@atexit.register
def _stop_all() -> None:
    for builder in list(_running):
        builder.stop(_END_S)
