"""Exchanges of messages between ranks, which notice that ranks do different things."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, RankError, described, shown
from ostinato.parallel.communicator import Communicator
from ostinato.parallel.message import Message


class Exchange:
    """The messages of one communicator."""

    def __init__(self, communicator: Communicator) -> None:
        self._communicator = communicator
        # Errors that every rank raises, so that none waits for another.
        self._agreed: list[BaseException] = []

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self._communicator.rank

    @property
    def size(self) -> int:
        """The number of processes."""
        return self._communicator.size

    def gather(
        self,
        topic: str,
        facts: Mapping[str, Any] | None = None,
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> list[Message]:
        """The messages of all ranks, in their order. Raises RankError if a rank does something else."""
        sent = Message(topic, facts or {}, arrays or {}).packed()
        found = [Message.of(np.asarray(one)) for one in self._communicator.allgather(sent)]
        topics = [one.topic for one in found]
        if len(set(topics)) > 1:
            calls = ", ".join(f"rank {rank} {what}" for rank, what in enumerate(topics))
            self._raise(
                RankError(
                    f"the ranks do different things: {calls}; every rank makes the same calls of fit, save, "
                    "run.save and run.stop, at the same update; only what prints may depend on run.chief"
                )
            )
        return found

    def broadcast(self, topic: str, content: bytes | Exception | None) -> bytes:
        """The content that rank 0 has, on every rank; the others give None.

        Raises RankError if a rank does something else. If `content` is an error, rank 0 raises it and the
        others RankError.
        """
        self.gather(topic)
        data = None
        if isinstance(content, Exception):
            data = b"0" + described(content).encode()
        elif content is not None:
            data = b"1" + content
        found = self._communicator.broadcast(None if data is None else np.frombuffer(data, np.uint8))
        whole = np.asarray(found).tobytes()
        if isinstance(content, Exception):
            self._raise(content)
        if whole[:1] == b"0":
            self._raise(RankError(f"rank 0 {topic} and fails: {whole[1:].decode()}"))
        return whole[1:]

    def agree(self, topic: str, facts: Mapping[str, Any], hint: str, kind: type[Exception]) -> None:
        """Raises `kind` on every rank if facts of ranks differ, naming them; `hint` says what to do."""
        # As a message holds them: a tuple and a list are equal.
        found = [one.facts for one in self.gather(topic, json.loads(json.dumps(facts, default=str)))]
        self.compare(found, hint, kind)

    def compare(self, found: Sequence[Mapping[str, Any]], hint: str, kind: type[Exception]) -> None:
        """`agree` of facts that were gathered."""
        differ = list(_differences(found))
        if differ:
            self._raise(kind(f"the ranks differ in {'; '.join(differ[:4])}. {hint}"))

    def restart(self) -> None:
        """Forget the last errors."""
        self._agreed = []

    def is_agreed(self, error: BaseException) -> bool:
        """Whether every rank raises this error, or one of its own at the same exchange."""
        return any(one is error for one in self._agreed)

    def abort(self, error: BaseException) -> None:
        """End the other ranks, unless there are none or they all raise this error."""
        if self.size == 1 or self.is_agreed(error):
            return
        traceback.print_exception(type(error), error, error.__traceback__)
        self._communicator.abort(f"rank {self.rank} of {self.size} failed: {described(error)}")

    def _raise(self, error: Exception) -> NoReturn:
        self._agreed.append(error)
        raise error

    def check_size(self, shards: int) -> None:
        """Raises ConfigError for more ranks than shards."""
        if self.size > shards:
            self._raise(
                ConfigError(
                    f"there are {self.size} ranks, but shards is {shards}, so some would have no rows; start "
                    f"fewer, or write shards={self.size}"
                )
            )


def _differences(found: Sequence[Mapping[str, Any]], inside: str = "") -> Any:
    """Each fact that differs from that of rank 0, with both values, in words."""
    first = found[0]
    for name in dict.fromkeys(key for one in found for key in one):
        place = f"{name} ({inside})" if inside else name
        other = next((n for n, one in enumerate(found) if one.get(name) != first.get(name)), None)
        if other is None:
            continue
        values = first.get(name), found[other].get(name)
        if all(isinstance(one, Mapping) for one in values):
            yield from _differences([first[name], found[other][name]], name)
        else:
            yield f"{place}: {shown(values[0])} on rank 0, {shown(values[1])} on rank {other}"
