"""How a gradient goes back through time: an argument of `value_and_grad`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ostinato import checks
from ostinato.errors import ConfigError
from ostinato.losses import Loss
from ostinato.network.budget import LARGEST, read_budget
from ostinato.network.checkpoint_plan import CheckpointPlan


class Planner(Protocol):
    """What `CheckpointedBPTT.plan` asks of a network."""

    def _checkpoint_plan(
        self, budget: tuple[str, int, int], rows: Any, steps: Any, loss: Any
    ) -> CheckpointPlan:
        """The plan for a budget in the core's form. Raises ConfigError."""


@dataclass(frozen=True)
class FullBPTT:
    """Back through every time step of the batch. The default.

    Source: Werbos 1990, "Backpropagation through time: what it does and how to do it".
    """

    @property
    def core(self) -> tuple[str, int, int]:
        """The core's form."""
        return "full", 0, 0


@dataclass(frozen=True)
class TruncatedBPTT:
    """Every k1 steps, the loss terms of those steps go back at most k2 steps. Memory grows with k2, not T.

    The loss term of step t reaches the steps from `max(0, (t // k1 + 1) * k1 - k2)` to t and no others: the
    state at the beginning of that window counts as given, in every layer. Where k2 >= T it reaches all
    steps from 0: that is FullBPTT, bit for bit. With k1 = k2 = k time falls into windows of k steps (the
    last may be shorter), each with the gradient of its own loss and the state that the one before left. T
    counts the steps of x, padding included.

    Parameter gradients and `inputs` are sums over the windows; `initial_state` has what windows that begin
    at step 0 say. The loss, `final_state`, and what "mean" divides by are those of FullBPTT. Where k2 > k1
    windows overlap: each step runs about k2 / k1 times forwards and back.

    Layers that read from the end (the backward direction of bidirectional ones) see each window as a
    sequence of its own: they begin at its end with the initial state, see nothing beyond it, and carry no
    state to another window; so the loss is that of the windows. Their `initial_state` sums over all windows,
    their `final_state` is of the last.

    k1 is at least 1, k2 at least k1 (a smaller one would leave loss terms without a gradient); else
    ConfigError.
    Source: Williams & Peng 1990, BPTT(h; h') with h = k2 and h' = k1.
    """

    k1: int
    k2: int

    def __post_init__(self) -> None:
        checks.whole("TruncatedBPTT", "k1", self.k1, at_least=1)
        checks.whole("TruncatedBPTT", "k2", self.k2, at_least=1)
        if self.k2 < self.k1:
            raise ConfigError(
                f"TruncatedBPTT: k2 is {self.k2}; expected at least k1 = {self.k1}, "
                "or the loss of some steps would have no gradient at all"
            )

    @property
    def core(self) -> tuple[str, int, int]:
        """The core's form."""
        return "truncated", min(int(self.k1), LARGEST), min(int(self.k2), LARGEST)


@dataclass(frozen=True)
class CheckpointedBPTT:
    """Back through every time step within a byte budget: the gradients of FullBPTT, bit for bit.

    Time is cut into chunks. What the way back needs of a chunk is kept from its forward run, or the chunk is
    run again from a state that was stored before it: which, is decided by dynamic programming so that as
    little as possible runs again (`plan` tells). Chunks begin between the engine's blocks of time.

    budget: bytes as an int; text such as "64MB" (10**6), "64MiB" (2**20), also kB, GB, KiB, GiB; "5%" of
    what FullBPTT takes; or "sqrt" for chunks of about sqrt(T) steps, none of them kept. It covers states,
    saved tensors and gradients between layers of all rows that are worked on at once; fewer rows at once are
    where that costs less time. It does not cover what is as long as the caller's arrays (inputs, targets,
    loss terms, gradients of the inputs), parameters, and some MB of scratch per thread that do not grow with
    T.

    Networks with a layer that reads from the end go layer by layer: outputs of layers and gradients of whole
    sequences are kept, and what the steps of a layer save runs again in chunks.

    Raises ConfigError for an unreadable budget, and when it is run or planned for one that is too small (the
    message names the least). Sources: Gruslys et al. 2016, "Memory-efficient backpropagation through time";
    Griewank & Walther 2000 for more than 64 chunks.
    """

    budget: int | str

    def __post_init__(self) -> None:
        read_budget(self.budget)

    @property
    def core(self) -> tuple[str, int, int]:
        """The core's form."""
        return *read_budget(self.budget), 0

    def plan(
        self, net: Planner, rows: int, steps: int, loss: str | type[Loss] | Loss | None = None
    ) -> CheckpointPlan:
        """What this way comes to for `rows` x `steps`, before running it, with the threads of now.

        Without a loss, what the loss keeps of a chunk is not counted. Raises ConfigError.
        """
        return net._checkpoint_plan(self.core, rows, steps, loss)


ThroughTime: TypeAlias = FullBPTT | TruncatedBPTT | CheckpointedBPTT


def check_through_time(value: Any) -> ThroughTime:
    """None means FullBPTT(). Raises ConfigError for anything that is not a way through time."""
    if value is None:
        return FullBPTT()
    if isinstance(value, (FullBPTT, TruncatedBPTT, CheckpointedBPTT)):
        return value
    raise ConfigError(
        f"through_time is {value!r}; "
        "expected FullBPTT(), TruncatedBPTT(k1, k2), CheckpointedBPTT(budget) or None"
    )
