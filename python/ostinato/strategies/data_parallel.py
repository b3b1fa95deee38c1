"""The gradient of a batch from several processes, each with a part of the rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, RankError, shown
from ostinato.parallel.communicator import Communicator, OneProcess
from ostinato.parallel.exchange import Exchange
from ostinato.parallel.message import Message
from ostinato.parallel.shards import Node, added, nodes_of, root, rows_of, shards_of
from ostinato.strategy import Batch, Core, Execution, Slopes
from ostinato.strategy.axes import by_name

_SAME_SETTINGS = "Run the same program on all ranks, with the same data, settings and versions"
_SAME_STATE = (
    "The ranks need equal parameters, data and positions in the training; make the networks with the same "
    "seed, and change parameters on all ranks alike"
)


class DataParallel(Execution):
    """Each process computes the gradients of some rows of every batch, and all make the same update.

    communicator: the processes, each of which runs the same program with the same data; None is this one
    alone. A batch is divided into `shards` parts of neighboring rows, whose gradients are added in a fixed
    order. So results are bit-identical for any number of ranks up to `shards`; a multiple of the number of
    ranks gives each the same work. check_every: after how many gradients the ranks compare checksums of
    their parameters, and of the batch.

    Raises ConfigError and DTypeError for wrong options, and ConfigError for more ranks than shards, and when
    a `fit` starts if the program, the data, the settings or the versions of ranks differ. Raises RankError in
    a `fit` for parameters or data that differ, and for ranks that do different things. If another error ends
    the `fit` of one rank, it ends all ranks.
    """

    name = "data_parallel"

    examples = ({}, {"shards": 3})
    # No result depends on the communicator, nor on the package that brings it.
    _unrecorded = ("communicator",)
    _provider_matters = False

    def __init__(
        self, communicator: Communicator | None = None, *, shards: int = 4, check_every: int = 100
    ) -> None:
        """Choose the processes and the number of shards."""
        owner = f"execution {self.name!r}"
        checks.whole(owner, "shards", shards, at_least=1)
        self.check_every = checks.whole(owner, "check_every", check_every, at_least=1)
        communicator = OneProcess() if communicator is None else communicator
        if not isinstance(communicator, Communicator):
            raise DTypeError(
                f"{owner}: communicator is {shown(communicator)}; expected an instance of ost.Communicator"
            )
        self.shards = shards
        self.exchange = Exchange(communicator)
        self.exchange.check_size(shards)
        self.exchanges = 0
        """How many gradients the ranks have exchanged in this `fit`."""

    @property
    def processes(self) -> int:
        """The number of ranks."""
        return self.exchange.size

    @property
    def chief(self) -> bool:
        """Whether this is rank 0."""
        return self.exchange.rank == 0

    def core(self, local: Core) -> Core:
        """Return a core that shares its work."""
        return DataParallelCore(local, self)

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Compare what is trained and how. Raises ConfigError on every rank, naming what differs."""
        self.exchange.restart()
        self.exchanges = 0
        shards = {"shards": self.shards, "check_every": self.check_every}
        self.exchange.agree("starts fit", {**facts, **shards}, _SAME_SETTINGS, ConfigError)

    def started(self, facts: Mapping[str, Any]) -> None:
        """Compare where the training starts. Raises ConfigError on every rank."""
        self.exchange.agree("starts to train", facts, _SAME_STATE, ConfigError)

    def file(self, content: bytes | Exception | None) -> bytes:
        """The content of a file that the chief has read, on every rank. Raises the chief's error."""
        if self.exchange.size == 1:
            return super().file(content)
        return self.exchange.broadcast("reads a checkpoint", content)

    def whole(self, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The state of all rows, of which this rank has those of its own; every rank calls it."""
        if self.exchange.size == 1:
            return state
        found = self.exchange.gather("writes a checkpoint", _sizes(state or {}), state)
        self.exchange.compare([one.facts for one in found], _SAME_STATE, RankError)
        return state if state is None else self._assembled(state, found)

    def whole_after(
        self, error: BaseException, facts: Mapping[str, Any], state: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The state of all rows after an error of all ranks, if all are at the same place; None otherwise."""
        if self.exchange.size == 1:
            return state
        if not self.exchange.is_agreed(error):
            return None
        try:
            found = self.exchange.gather("ends fit with an error", {**facts, **_sizes(state)}, state)
        except RankError:
            return None
        if any(one.facts != found[0].facts for one in found):
            return None
        return self._assembled(state, found)

    def _assembled(self, state: Mapping[str, Any], found: Sequence[Message]) -> Mapping[str, Any]:
        """The state of all rows, from the states that the ranks have sent."""
        if not state:
            return state
        rows = next(iter(state.values())).shape[1]
        whole = {name: np.array(one) for name, one in state.items()}
        for rank, message in enumerate(found):
            for shard in shards_of(rank, self.exchange.size, self.shards):
                at = rows_of(shard, self.shards, rows)
                for name, one in whole.items():
                    one[:, at] = message.arrays[name][:, at]
        return whole

    def finished(self, facts: Mapping[str, Any]) -> None:
        """Compare what was trained, when all ranks have finished. Raises RankError on every rank."""
        self.exchange.agree("ends fit", facts, _SAME_STATE, RankError)

    def failed(self, error: BaseException) -> None:
        """End the other ranks, unless they all raise this error."""
        self.exchange.abort(error)


@dataclass(eq=False)
class SummedGradients:
    """The gradients of all rows; `final_state` has the rows of this rank, and zeros elsewhere."""

    arena: NDArray[Any]
    params: Mapping[str, NDArray[Any]]
    penalty: float = 0.0
    final_state: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)


class DataParallelCore:
    """A core that computes the gradients of the shards of this rank, and adds those of all.

    What has no gradient, such as `decode` and `run`, is computed by every rank for all rows: it is the same
    everywhere, and takes as long as in one process.
    """

    def __init__(self, local: Core, execution: DataParallel) -> None:
        self._local, self._execution = local, execution

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Slopes]:
        """The loss over a batch and its gradients. Raises RankError."""
        return self._shared(batch, lambda rows: self._local.part_and_grad(batch, rows, through_time))

    def sum_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Slopes]:
        """The same as a sum, without regularizers. Raises RankError."""
        placed = batch if batch.places is not None else replace(batch, places=np.arange(batch.rows))
        return self._shared(batch, lambda rows: self._local.sum_and_grad(placed.take(rows), through_time))

    def _shared(self, batch: Batch, compute: Any) -> tuple[float, Slopes]:
        execution = self._execution
        exchange, shards = execution.exchange, execution.shards
        own = shards_of(exchange.rank, exchange.size, shards)
        checked = execution.exchanges % execution.check_every == 0
        facts: dict[str, Any] = {"rows of the batch": batch.rows, "steps of the batch": batch.steps}
        if checked and exchange.size > 1:
            facts["the batch"] = _checksum_of(batch)
            facts["the parameters"] = checksum(self._local.net.arena)
        mine: dict[Node, _Part | None] = {}
        final: dict[str, NDArray[Any]] = {}
        slopes: Any = None
        for shard in own:
            rows = rows_of(shard, shards, batch.rows)
            # The first one counts even of a batch without rows, which has penalties on parameters.
            counts = rows.start < rows.stop or shard == 0
            if not counts and not (slopes is None and shard == own[-1]):
                mine[0, shard] = None
                continue
            loss, slopes = compute(rows)
            found = _Part(slopes.arena, loss, slopes.penalty, dict(getattr(slopes, "losses", {})))
            mine[0, shard] = found if counts else None
            for name, one in slopes.final_state.items():
                if name not in final:
                    final[name] = np.zeros((one.shape[0], batch.rows, *one.shape[2:]), one.dtype)
                final[name][:, rows] = one
        nodes = nodes_of(own, shards)
        sums = [added(node, mine, shards, _Part.plus) for node in nodes]
        if exchange.size == 1:
            known = dict(zip(nodes, sums, strict=True))
        else:
            known = self._exchanged(facts, nodes, sums)
        execution.exchanges += 1
        total = added(root(shards), known, shards, _Part.plus)
        assert total is not None, "the first shard has a part"
        if total.arena is not slopes.arena:
            slopes.arena[...] = total.arena
        return total.loss, SummedGradients(slopes.arena, slopes.params, total.penalty, final, total.losses)

    def _exchanged(
        self, facts: dict[str, Any], nodes: list[Node], sums: list[_Part | None]
    ) -> dict[Node, _Part | None]:
        """The sums of all ranks."""
        exchange = self._execution.exchange
        there = [one for one in sums if one is not None]
        facts = {"same": facts, "sums": [None if one is None else one.numbers for one in sums]}
        arrays = {str(number): np.asarray(one.arena) for number, one in enumerate(there)}
        topic = f"is at gradient {self._execution.exchanges} of fit"
        found = exchange.gather(topic, facts, arrays)
        exchange.compare([one.facts["same"] for one in found], _SAME_STATE, RankError)
        known: dict[Node, _Part | None] = {}
        for rank, message in enumerate(found):
            own = shards_of(rank, exchange.size, self._execution.shards)
            arenas = iter(message.arrays.values())
            for node, numbers in zip(
                nodes_of(own, self._execution.shards), message.facts["sums"], strict=True
            ):
                known[node] = None if numbers is None else _Part(next(arenas), *numbers)
        return known


@dataclass(eq=False)
class _Part:
    """A part of the sum: gradients, the loss, the penalty in it, and the losses of outputs."""

    arena: NDArray[Any]
    loss: float
    penalty: float
    losses: dict[str, float]

    @property
    def numbers(self) -> tuple[float, float, dict[str, float]]:
        return float(self.loss), float(self.penalty), {name: float(one) for name, one in self.losses.items()}

    def plus(self, other: _Part) -> _Part:
        """The sum, in the arena of this one."""
        self.arena[...] += other.arena
        losses = {name: one + other.losses[name] for name, one in self.losses.items()}
        return _Part(self.arena, self.loss + other.loss, self.penalty + other.penalty, losses)


def _sizes(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"the state that is carried over": {name: list(one.shape) for name, one in state.items()}}


def checksum(array: Any, start: int = 0) -> int:
    """Of the bytes of an array."""
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, start)


def _checksum_of(batch: Batch) -> int:
    """Of the valid steps of a batch."""
    total, axes = 0, batch.axes
    parts = [
        *((axes.inputs[name], one) for name, one in by_name(batch.x, axes.inputs).items()),
        *((axes.outputs[name], one) for name, one in by_name(batch.targets, axes.outputs).items()),
    ]
    for axis, value in parts:
        for one in [np.asarray(value)] if axis == "row" else batch.listed(value, axis):
            total = checksum(one, total)
    return total
