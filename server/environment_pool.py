"""Threads that many environments share which do not care what thread calls them.

A call that has a thread to itself costs two wake-ups, the thread's and the event loop's, and each hands the interpreter
over. Here the calls of a turn of the loop stand in one line, which one thread takes them from, one after the other, and
the loop is woken once for what they came to. A call that lasts keeps nobody: another thread takes over the line.
"""

import asyncio
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from openenv_tasksets.server.environment_thread import outcome_of
from openenv_tasksets.server.failure import too_late
from openenv_tasksets.server.turnstile import WAKING

Result = TypeVar("Result")

PATIENCE_SECONDS = 0.0015
"""For how long a call may keep those behind it in the line."""
LOOK_SECONDS = 0.001
"""How often it is looked for one that does."""
CAUTION = 8
"""An environment whose call kept others makes so many more without standing in the line."""
IDLE_SECONDS = 10.0
"""A thread that has nothing to do for so long ends."""
MOST_AT_ONCE = 16
"""So many answers are given before the loop looks again what has come from outside."""


class PooledEnvironment:
    """Runs one environment's calls in order, from an event loop, on whatever thread of the loop's pool.

    Args:
        pool: The threads; None is those of the running loop.
    """

    __slots__ = ("_behind", "_busy", "_pool", "caution", "loop")

    def __init__(self, pool: "Pool | None" = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.caution = 0
        self._pool = pool or _pool_of(self.loop)
        self._busy = False
        self._behind: deque[_Call] = deque()

    async def call(self, function: Callable[[], Result], timeout_s: float | None = None) -> Result:
        """Run ``function`` on a thread and give or raise what it does; as ``EnvironmentThread.call``.

        Needs no current task, also where there is a time to wait.
        """
        future = self.loop.create_future()
        self._add(_Call(self, function, future))
        if timeout_s is None:
            result, error = await future
        else:
            timer = self.loop.call_later(timeout_s, _expire, future, timeout_s)
            try:
                result, error = await future
            finally:
                timer.cancel()
        if error is None:
            return cast("Result", result)
        try:
            raise error
        finally:
            del error, future  # the traceback refers to this frame

    def stop(self, last: Callable[[], Any] | None = None) -> None:
        """Make a last call, whose result nobody waits for, after those before it."""
        if last is not None:
            self._add(_Call(self, last, None))

    def settle(self, call: "_Call") -> None:
        """A call is made; the next one may be."""
        if self._behind:
            self._pool.add(self._behind.popleft())
        else:
            self._busy = False
        future = call.future
        if future is not None and not future.done():
            future.set_result((call.result, call.error))

    def _add(self, call: "_Call") -> None:
        if self._busy:
            self._behind.append(call)
        else:
            self._busy = True
            self._pool.add(call)


class _Call:
    """A call, and what it came to."""

    __slots__ = ("environment", "error", "function", "future", "result")

    def __init__(
        self, environment: PooledEnvironment, function: Callable[[], Any], future: "asyncio.Future[Any] | None"
    ) -> None:
        self.environment = environment
        self.function = function
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None


class _Lead:
    """The right to take calls from the line, which passes from thread to thread.

    Attributes:
        free: Has an item while no thread leads, nor is called to.
        began: When its thread began the call that it is in; None where it is in none.
        calls: How many it made.
    """

    __slots__ = ("began", "calls", "free")

    def __init__(self) -> None:
        self.free = deque([None])
        self.began: float | None = None
        self.calls = 0


class _Worker:
    """A thread that waits for something to do.

    Attributes:
        woken: Released to wake it.
        lead: The lead that it is woken for; None is for a call that does not stand in the line.
    """

    __slots__ = ("lead", "woken")

    def __init__(self, lead: _Lead | None) -> None:
        self.lead = lead
        self.woken = threading.Lock()
        self.woken.acquire()


class Pool:
    """The threads of one event loop. There are never more than there are environments with a call at once.

    Without a lock: whoever adds something looks afterwards whether the other is there, so that nobody is left waiting.
    """

    def __init__(self) -> None:
        self._line: deque[_Call] = deque()
        self._apart: deque[_Call] = deque()
        self._done: deque[_Call] = deque()
        self._idle: list[_Worker] = []
        self._lead = _Lead()
        self._burst = 1
        self._calling = False
        self._looking = False
        self._told = False

    # On the loop

    def add(self, call: _Call) -> None:
        """Have a call made."""
        environment = call.environment
        if environment.caution:
            self._add_apart(call)
            return
        self._line.append(call)
        if not self._calling:
            # When the others of this turn have come too.
            self._calling = True
            environment.loop.call_soon(self._call_leader, environment.loop)

    def _add_apart(self, call: _Call) -> None:
        self._apart.append(call)
        WAKING.enter(self._wake_for_call, quick=False)

    def _call_leader(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that a thread takes what stands in the line."""
        self._calling = False
        if not self._line:
            return
        lead = self._lead
        if lead.began is not None and time.perf_counter() - lead.began > PATIENCE_SECONDS:
            lead = self._take_over(lead)
        try:
            lead.free.pop()
        except IndexError:
            pass  # one does, or is about to
        else:
            WAKING.enter(lambda: self._wake(lead))
        if not self._looking:
            self._looking = True
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = False
        self._call_leader(loop)

    def _take_over(self, lead: _Lead) -> _Lead:
        """Another lead in the place of one that is in a call that lasts.

        Where one thread after the other is kept by its first call, ever more calls get a thread each.
        """
        self._burst = 1 if lead.calls else self._burst * 2
        self._lead = _Lead()
        for _ in range(min(self._burst - 1, len(self._line))):
            try:
                self._add_apart(self._line.popleft())
            except IndexError:
                break
        return self._lead

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give answers."""
        self._told = False
        for _ in range(MOST_AT_ONCE):
            try:
                call = self._done.popleft()
            except IndexError:
                return
            call.environment.settle(call)
        self._told = True
        loop.call_soon(self._settle, loop)

    # On whatever thread

    def _wake_for_call(self) -> bool:
        return bool(self._apart) and self._wake(None)

    def _wake(self, lead: _Lead | None) -> bool:
        """Wake or start a thread; False where none can be had, of which a caller is told."""
        try:
            worker = self._idle.pop()
        except IndexError:
            return self._start(_Worker(lead))
        worker.lead = lead
        worker.woken.release()
        return True

    def _start(self, worker: _Worker) -> bool:
        try:
            threading.Thread(target=self._run, args=(worker,), name="environments of the pool", daemon=True).start()
        except RuntimeError as exc:
            calls = self._apart if worker.lead is None else self._line
            if calls:
                call = calls.popleft()
                call.error = exc
                self._answer(call)
            if worker.lead is not None:
                worker.lead.free.append(None)
            return False
        return True

    def _answer(self, call: _Call) -> None:
        self._done.append(call)
        if not self._told:
            self._told = True
            loop = call.environment.loop
            loop.call_soon_threadsafe(self._settle, loop)

    # On a thread of the pool

    def _run(self, worker: _Worker) -> None:
        try:
            while True:
                WAKING.picked_up()
                lead, worker.lead = worker.lead, None
                if lead is not None:
                    self._take_line(lead)
                self._take_apart()
                self._idle.append(worker)
                while not worker.woken.acquire(timeout=IDLE_SECONDS):
                    try:
                        self._idle.remove(worker)
                    except ValueError:
                        continue  # it is being woken
                    return
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    def _take_line(self, lead: _Lead) -> None:
        """Make the calls of the line, until there is none or another thread has taken over."""
        while True:
            while lead is self._lead:
                try:
                    call = self._line.popleft()
                except IndexError:
                    break
                lead.began = began = time.perf_counter()
                self._make(call, began)
                lead.calls += 1
            lead.began = None
            lead.free.append(None)
            if lead is not self._lead or not self._line:
                return
            try:
                lead.free.pop()
            except IndexError:
                return  # another one is called

    def _take_apart(self) -> None:
        while True:
            try:
                call = self._apart.popleft()
            except IndexError:
                return
            self._make(call, time.perf_counter())

    def _make(self, call: _Call, began: float) -> None:
        if call.future is None or not call.future.done():
            call.result, call.error = outcome_of(call.function)
            environment = call.environment
            if time.perf_counter() - began > PATIENCE_SECONDS:
                environment.caution = CAUTION
            elif environment.caution:
                environment.caution -= 1
        self._answer(call)


def _expire(future: "asyncio.Future[Any]", seconds: float) -> None:
    if not future.done():
        future.set_exception(too_late(seconds))


_of_loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]" = weakref.WeakKeyDictionary()


def _pool_of(loop: asyncio.AbstractEventLoop) -> Pool:
    pool = _of_loops.get(loop)
    if pool is None:
        pool = _of_loops[loop] = Pool()
    return pool
