"""Variants of backpropagation through time: an argument of `value_and_grad`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

from ostinato import _core, checks
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.network.budget import LARGEST, read_budget
from ostinato.network.checkpoint_plan import CheckpointPlan
from ostinato.network.losses import AnyLoss


class Planner(Protocol):
    """The part of a network that `CheckpointedBPTT.plan` uses."""

    def _checkpoint_plan(self, budget: _core.Budget, rows: Any, steps: Any, loss: Any) -> CheckpointPlan:
        """The plan for a budget. Raises ConfigError."""


class ThroughTime(ABC):
    """How a gradient is propagated through time: the base class of all variants of BPTT.

    Derive from it to choose among the variants by the size of a batch; `mode` then calls the `mode` of the
    variant that fits. Such an object can be passed wherever a `through_time` is accepted.
    """

    @abstractmethod
    def mode(self, rows: int, steps: int) -> _core.ThroughTime:
        """The engine's mode for a batch of `rows` rows with `steps` steps, padding included."""


@dataclass(frozen=True)
class FullBPTT(ThroughTime):
    """Backpropagation through every time step of the batch. The default.

    Source: Werbos 1990, "Backpropagation through time: what it does and how to do it".
    """

    def mode(self, rows: int, steps: int) -> _core.ThroughTime:
        """The engine's mode, the same for every batch."""
        return _core.ThroughTime.full()


@dataclass(frozen=True)
class TruncatedBPTT(ThroughTime):
    """Every k1 steps, backpropagation of the loss of those steps through at most k2 steps.

    Memory grows with k2, not with the number of steps T of x (padding included). k1 and k2 count the valid
    steps of each row: a step that `mask` skips belongs to no window.

    The gradient of the loss of step t reaches the steps from `max(0, (t // k1 + 1) * k1 - k2)` to t. The
    state at the start of this window is a constant, in every layer. If k2 >= T, the result is bit-identical
    to FullBPTT. With k1 = k2 = k, time is divided into windows of k steps (the last may be shorter). Each
    window starts with the final state of the previous one, and its loss has a gradient within the window.

    Gradients of parameters and `inputs` are sums over the windows. `initial_state` has the gradients of the
    windows that start at step 0. The loss, `final_state`, and the divisor of "mean" are those of FullBPTT. If
    k2 > k1, windows overlap: each step runs about k2 / k1 times, forward and backward.

    Values of rows, such as static features, are the same in every window, and their gradient is the sum over
    the windows. A state that starts from a value of rows does so at step 0. What is made of a whole sequence
    (last, mean, a final state) belongs to no window: ConfigError, as for sequences on several axes.

    In a network with memories, the windows are on the axis of the layers that read one, such as a decoder.
    The other axes stay whole: the gradient of a memory is the sum over the windows, and goes back through all
    steps of the encoder. Such a network needs k1 = k2, or k2 >= T; else ConfigError.

    Reversed layers (the backward direction of bidirectional layers) process each window as a separate
    sequence: they start at its end with the initial state and carry no state to another window. So the loss
    is the loss of the windows. The gradient of their `initial_state` is a sum over all windows, and their
    `final_state` is that of the last window.

    k1 is at least 1, and k2 at least k1 (with a smaller k2, some loss terms would have no gradient); else
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

    def mode(self, rows: int, steps: int) -> _core.ThroughTime:
        """The engine's mode, the same for every batch."""
        return _core.ThroughTime.truncated(min(int(self.k1), LARGEST), min(int(self.k2), LARGEST))


@dataclass(frozen=True)
class CheckpointedBPTT(ThroughTime):
    """Backpropagation through every time step within a byte budget, bit-identical to FullBPTT.

    Time is divided into segments. The saved tensors of a segment are kept from its forward pass, or the
    segment runs forward again from a state that was stored before it. Dynamic programming decides which
    segments are kept, so that as little as possible runs again; `plan` returns the decision. Segments start
    between the engine's blocks of time.

    budget: bytes as an int; text such as "64MB" (10**6), "64MiB" (2**20), also kB, GB, KiB, GiB; "5%" of the
    memory of FullBPTT; or "sqrt" for segments of about sqrt(T) steps, none of them kept. The budget covers
    states, saved tensors and gradients between layers of all rows that run at the same time; fewer rows run
    at the same time where this costs less time. The budget does not cover arrays of the size of the caller's
    (inputs, targets, loss terms, gradients of the inputs), parameters, and some MB of scratch per thread that
    do not grow with T.

    Networks with a reversed layer, with values of rows, or with sequences on several axes run layer by layer:
    outputs of layers and gradients of whole sequences are kept, and the saved tensors of a layer are computed
    again in segments.

    Raises ConfigError for an unreadable budget, and, in a call or in `plan`, for a budget that is too small
    (the message names the smallest). Sources: Gruslys et al. 2016, "Memory-efficient backpropagation through
    time"; Griewank & Walther 2000 for more than 64 segments.
    """

    budget: int | str

    def __post_init__(self) -> None:
        read_budget(self.budget)

    def mode(self, rows: int, steps: int) -> _core.ThroughTime:
        """The engine's mode, the same for every batch."""
        return _core.ThroughTime.checkpointed(read_budget(self.budget))

    def plan(self, net: Planner, rows: int, steps: int, loss: AnyLoss | None = None) -> CheckpointPlan:
        """The segments and their memory for `rows` x `steps` with the current number of threads.

        `loss` is as in `value_and_grad`; without it, the memory of the loss is not counted. Raises
        ConfigError.
        """
        if isinstance(net, type) or not hasattr(net, "_checkpoint_plan"):
            raise DTypeError(f"plan: net is {shown(net)}; expected a Network")
        return net._checkpoint_plan(read_budget(self.budget), rows, steps, loss)


def check_through_time(value: Any) -> ThroughTime:
    """None means FullBPTT(). Raises ConfigError for anything that is no variant of BPTT."""
    if value is None:
        return FullBPTT()
    if isinstance(value, ThroughTime):
        return value
    raise ConfigError(
        f"through_time is {shown(value)}; expected FullBPTT(), TruncatedBPTT(k1, k2), "
        "CheckpointedBPTT(budget), "
        "an instance of another subclass of ThroughTime, or None"
    )


def mode_of(value: ThroughTime, rows: int, steps: int) -> _core.ThroughTime:
    """The engine's mode of a variant for a batch. Raises ConfigError if `mode` returns something else."""
    mode = value.mode(rows, steps)
    if isinstance(mode, _core.ThroughTime):
        return mode
    raise ConfigError(
        f"through_time is {shown(value)}, whose mode({rows}, {steps}) returned {shown(mode)}; "
        "expected the mode of a variant, such as ost.FullBPTT().mode(rows, steps)"
    )
