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

from openenv_tasksets.loaders.errors import TasksetError
from openenv_tasksets.loaders.parquet import ParquetRows
from openenv_tasksets.loaders.parquet_group import Piece
from openenv_tasksets.loaders.store import Head, RowStore
from openenv_tasksets.loaders.store_writer import Lock, StoreBusy, StoreWriter, lock_file
from openenv_tasksets.loaders.stores import Stores

logger = logging.getLogger(__name__)

_NICENESS = 10
_TRY_AGAIN_S = 2.0
_END_S = 2.0
_ROOM_BYTES = 64 << 20
_running: "weakref.WeakSet[StoreBuilder]" = weakref.WeakSet()


class StoreBuilder:
    """Brings the files of a split to this machine, and puts their rows into a store, on a thread of its own.

    Args:
        rows: The rows, with the columns that are to be stored.
        store: Where they go; None only brings the files.
        stores: What the store shares its space with.
        lock: As in ``StoreWriter``.
    """

    def __init__(self, rows: ParquetRows, store: RowStore | None, stores: Stores, *, lock: Lock = lock_file) -> None:
        self._rows = rows
        self._store = store
        self._stores = stores
        self._lock = lock
        self._wanted: deque[int] = deque(maxlen=64)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="openenv-tasksets-store", daemon=True)

    def start(self) -> None:
        """Begin."""
        _running.add(self)
        self._thread.start()

    def want(self, group: int) -> None:
        """Take this row group next: somebody has just read from it."""
        self._wanted.append(group)

    def stop(self, timeout_s: float | None = None) -> None:
        """End after the piece that is being written; what is not whole does not count."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform == "linux":
            # Of this thread alone: on Linux each has its own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        try:
            if self._store is None:
                for file in self._rows.files:
                    if self._stopping.is_set():
                        return
                    file.bring()
            else:
                self._build(self._store)
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
                    self._write_all(store, writer)
                return
            except StoreBusy:
                self._stopping.wait(_TRY_AGAIN_S)
                store.refresh()

    def _write_all(self, store: RowStore, writer: StoreWriter) -> None:
        store.keep_head(Head(self._rows.columns, self._rows.form.types, self._names(), len(self._rows)))
        room = 0
        for number in self._order(store):
            group = self._rows.groups[number]
            if group.size > room:
                room = self._stores.make_room(max(group.size, _ROOM_BYTES), store.folder)
                if group.size > room:
                    logger.warning(
                        "the row store in %s has no more room; the other rows are read from Parquet", store.folder
                    )
                    return
            group.file.bring()
            before = writer.size
            writer.write(number, self._packed(number))
            room -= writer.size - before

    def _names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self._rows.files)

    def _order(self, store: RowStore) -> Iterator[int]:
        """The row groups that are missing: those wanted last first, else one after another."""
        following = 0
        while following < len(self._rows.groups):
            if self._wanted:
                number = self._wanted.pop()
            else:
                number = following
                following += 1
            if number not in store:
                yield number

    def _packed(self, number: int) -> Iterator[Piece]:
        for piece in self._rows.groups[number].pieces(self._rows.form):
            if self._stopping.is_set():
                raise _Stopped
            yield piece.pack()
            # Whoever waits for the interpreter goes first.
            time.sleep(0)


class _Stopped(Exception):
    """The process ends."""


@atexit.register
def _stop_all() -> None:
    for builder in list(_running):
        builder.stop(_END_S)
