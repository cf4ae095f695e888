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

from openenv_tasksets.server.failure import outcome_of
from openenv_tasksets.server.pooled_environment import PooledCall, PooledEnvironment
from openenv_tasksets.server.turnstile import WAKING

PATIENCE_SECONDS = 0.0015
LOOK_SECONDS = 0.001
"""How often it is looked for one that does."""
CAUTION = 8
"""An environment whose call kept others makes so many more without standing in the line."""
IDLE_SECONDS = 10.0
"""A thread that has nothing to do for so long ends."""
MOST_AT_ONCE = 64
"""So many answers are given before the loop looks again what has come from outside."""


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

    Args:
        patience_seconds: For how long a call may keep those behind it in the line, > 0.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._line: deque[PooledCall] = deque()
        self._apart: deque[PooledCall] = deque()
        self._done: deque[PooledCall] = deque()
        self._idle: list[_Worker] = []
        self._lead = _Lead()
        self._burst = 1
        self._calling = False
        self._looking: asyncio.TimerHandle | None = None
        self._told = False

    # On the loop

    def add(self, call: PooledCall) -> None:
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

    def _add_apart(self, call: PooledCall) -> None:
        self._apart.append(call)
        WAKING.enter(self._wake_for_call, quick=False)

    def _call_leader(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that a thread takes what stands in the line, and look again as long as one may be kept by a call.

        A thread that goes on to its next call leaves it to the loop to notice what the one before came to.
        """
        self._calling = False
        if self._done and not self._told:
            self._settle(loop)
        lead, began = self._lead, self._lead.began
        kept = began is not None and time.perf_counter() - began > self._patience_seconds
        if self._line:
            if kept:
                lead = self._take_over(lead)
            try:
                lead.free.pop()
            except IndexError:
                pass  # one does, or is about to
            else:
                WAKING.enter(lambda: self._wake(lead))
        elif kept or began is None:
            return
        if self._looking is None:
            self._looking = loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = None
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
        """Tell what calls came to, and have those made that waited for them."""
        self._told = False
        try:
            for _ in range(MOST_AT_ONCE):
                try:
                    call = self._done.popleft()
                except IndexError:
                    break
                environment = call.environment
                if environment.behind:
                    self.add(environment.behind.popleft())
                else:
                    environment.busy = False
                call.answer()
        finally:
            if self._done:
                if not self._told:
                    self._told = True
                    loop.call_soon(self._settle, loop)
            elif self._looking is not None and not self._line:
                # What is still being made tells of itself.
                self._looking.cancel()
                self._looking = None

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
                self._done.append(call)
                self._tell(call.environment.loop)
            if worker.lead is not None:
                worker.lead.free.append(None)
            return False
        return True

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._told:
            self._told = True
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
            told_at = began = time.perf_counter()
            while lead is self._lead:
                try:
                    call = self._line.popleft()
                except IndexError:
                    break
                lead.began = began
                began = self._make(call, began)
                lead.calls += 1
                if lead is not self._lead:
                    call.environment.caution = CAUTION
                elif self._line and began - told_at < LOOK_SECONDS:
                    continue
                told_at = began
                self._tell(call.environment.loop)
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
            began = time.perf_counter()
            lasted = self._make(call, began) - began > self._patience_seconds
            environment = call.environment
            environment.caution = CAUTION if lasted else max(0, environment.caution - 1)
            self._tell(environment.loop)

    def _make(self, call: PooledCall, began: float) -> float:
        """Make a call; when it was over."""
        if call.then is not None:
            call.result, call.error = outcome_of(call.function, call.argument)
            began = time.perf_counter()
        self._done.append(call)
        return began


_of_loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]" = weakref.WeakKeyDictionary()


def pooled_environment() -> PooledEnvironment:
    """One whose calls run on the threads of the running loop."""
    loop = asyncio.get_running_loop()
    pool = _of_loops.get(loop)
    if pool is None:
        pool = _of_loops[loop] = Pool()
    return PooledEnvironment(pool)
