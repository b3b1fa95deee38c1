"""The base class of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ostinato.cell import Param, State
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.options import Configured


class Loss(Configured):
    """A loss as an equation: one number from the output y (F,) and the target of one time step.

    Derive from this class and write `step`. Networks average or sum it over the valid time steps (argument
    `reduction`). `target` is the kind of targets: "output" for numbers, "index" for ids, "labels" for up to
    `labels` ids of each row. There are as many numbers as outputs, unless `target_size` says otherwise.

    A loss with `state` remembers earlier steps: its step is `step(y, target, state) -> loss, {state: new}`.
    It needs all steps of a row together, so it goes with FullBPTT. With `per = "row"` only its value at the
    last valid step of each row counts, and targets and weights have one value for each row: (N, labels), or
    (N, F), or (N,) ids; weights (N,). Each step gets the target of its row.

    A loss with `parameters` gets them as the last argument: `step(y, target, p)`, or `step(y, target, state,
    p)`. The layer `Criterion` holds them, as the last layer of a network.

    A step with an argument `noise`, after the others, draws random numbers in training, as a cell does.
    """

    kind: ClassVar[str] = "loss"
    target: ClassVar[str] = "output"
    per: ClassVar[str] = "step"
    ignore: int | None
    """For `target = "index"`: the id that stands for no target. Such a step has the weight 0."""
    labels: int
    """For `target = "labels"`: the most labels of a row; fewer are filled up with -1."""

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return the states by name, zero before the first step; none by default.

        `size.output` is F, `size.labels` the number of labels.
        """
        return {}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return the parameters by name; none by default. `size` is that of `state`."""
        return {}

    def classes(self, width: int) -> int:
        """Return how many ids there are for outputs of `width` features; by default as many."""
        return width

    def target_range(self) -> tuple[float, float] | None:
        """Return the least and the largest number of a target; None, the default, for any number.

        For `target = "output"`.
        """
        return None

    def target_size(self, width: int) -> int:
        """Return how many numbers a target has for outputs of `width` features; by default as many.

        For `target = "output"`. Raise ConfigError for a width that does not fit.
        """
        return width

    if TYPE_CHECKING:
        # A loss with states takes and returns them; one with parameters takes them.
        step: Callable[..., Any]
    else:

        def step(self, y: Value, target: Value) -> Value:
            """Return the loss of one step, one number; with states also their next values."""
            raise ConfigError(
                f"loss {shown(self.name)} has no step; write step(self, y, target) -> one number"
            )
