"""The actor in which the workers of one attempt exchange messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ostinato.parallel import Bytes


@dataclass(eq=False)
class Call:
    """One exchange: what each rank has sent so far."""

    parts: dict[int, Bytes] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class Meeting:
    """Collects the messages of every exchange. Each rank numbers its calls from 0.

    A call that can never be complete aborts the attempt: the caller of `fit` waits for `aborted`, and ends
    all workers.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: dict[int, Call] = {}
        self._left: set[int] = set()
        self._message = ""
        self._aborted = asyncio.Event()

    async def meet(self, number: int, rank: int, data: Bytes, first_only: bool) -> list[Bytes]:
        """The data of all ranks in their order, or that of rank 0 alone, when all have come."""
        call = self._calls.setdefault(number, Call())
        call.parts[rank] = data
        if len(call.parts) == self._size:
            call.complete.set()
            del self._calls[number]
        else:
            self._find_missing()
            await call.complete.wait()
        return [call.parts[one] for one in range(1 if first_only else self._size)]

    async def leave(self, rank: int) -> None:
        """This rank has returned, and makes no more calls."""
        self._left.add(rank)
        self._find_missing()

    async def abort(self, message: str) -> None:
        """Abort the attempt; the first message counts."""
        self._message = self._message or message
        self._aborted.set()

    async def aborted(self) -> str:
        """The message, once the attempt is aborted."""
        await self._aborted.wait()
        return self._message

    def _find_missing(self) -> None:
        for call in self._calls.values():
            missing = self._left - call.parts.keys()
            if missing:
                self._message = self._message or (
                    f"rank {min(call.parts)} waits for rank {min(missing)}, whose function has returned; "
                    "every rank makes the same calls of fit, save and run.save"
                )
                self._aborted.set()
