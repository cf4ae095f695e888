"""Turns of an event loop: when a thousand sessions have something to do at once, others have their turn in between."""

import asyncio
import weakref

from openenv_tasksets.server.waiting_line import WaitingLine

MOST_AT_ONCE = 16


class Turns:
    """Lets so many pieces of work go on before the loop looks again what has come from outside; the rest wait in line.

    Belongs to one event loop.

    Args:
        most: How many, >= 1.
    """

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._given = 0
        self._line: WaitingLine[asyncio.Future[None]] = WaitingLine()

    async def mine(self, *, quick: bool = True) -> None:
        """Go on at once where few do; else in turn.

        Args:
            quick: As in ``WaitingLine``.
        """
        loop = asyncio.get_running_loop()
        if self._given == 0:
            loop.call_soon(self._look_again)
        if self._given < self._most:
            self._given += 1
            return
        turn = loop.create_future()
        self._line.append(turn, quick=quick)
        await turn

    def _look_again(self) -> None:
        """The loop has looked: so many more may go on."""
        self._given = 0
        while self._line and self._given < self._most:
            turn = self._line.pop()
            if not turn.done():  # by somebody who gave it up
                turn.set_result(None)
                self._given += 1
        if self._given:
            asyncio.get_running_loop().call_soon(self._look_again)


_of_loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]" = weakref.WeakKeyDictionary()


async def my_turn(*, quick: bool = True) -> None:
    """Wait for a turn of the running event loop; see ``Turns.mine``."""
    loop = asyncio.get_running_loop()
    turns = _of_loops.get(loop)
    if turns is None:
        turns = _of_loops[loop] = Turns()
    await turns.mine(quick=quick)
