"""What `value_and_grad` minimises: a loss of one step, summed or averaged over the valid steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ostinato import _core, checks
from ostinato.errors import ConfigError
from ostinato.losses import Loss
from ostinato.network.batch import Array, Batch, read_steps
from ostinato.plugins.blame import blamed
from ostinato.plugins.registry import registry
from ostinato.trace import trace_loss

REDUCTIONS: Final = ("mean", "sum")

Extent: TypeAlias = tuple[Array | None, Array | None, int]


@dataclass(frozen=True)
class Objective:
    """A traced loss for outputs of `width` features."""

    program: _core.Program
    takes_ids: bool
    reduction: str
    width: int
    dtype: str

    @classmethod
    def of(cls, loss: Any, reduction: Any, width: int, dtype: str) -> Objective:
        """Traces a loss: a name, a Loss class or an instance.

        Raises ConfigError, DTypeError; ShapeError if it does not fit.
        """
        checks.choice("value_and_grad", "reduction", reduction, REDUCTIONS)
        loss = registry.make("loss", loss, Loss)
        if loss.target not in ("index", "output"):
            raise ConfigError(f"loss {loss.name!r}: target is {loss.target!r}; expected 'index' or 'output'")
        with blamed(loss):
            program = trace_loss(loss, width)
        return cls(program, loss.target == "index", reduction, width, dtype)

    def arguments(
        self, batch: Batch, targets: Any, slots: Sequence[Array | None], weights: Any
    ) -> tuple[Array, _core.Program, Extent, Sequence[Array | None], str, Array | None]:
        """The core's arguments after the arena and x.

        Raises ShapeError, DTypeError or ConfigError by name.
        """
        if self.takes_ids:
            # A class is one of the outputs, so an id below the width is what every loss on ids takes.
            read = read_steps("targets", targets, batch, (), None, self.width)
        else:
            read = read_steps("targets", targets, batch, (self.width,), self.dtype)
        scale = None if weights is None else read_steps("weights", weights, batch, (), self.dtype)
        if self.reduction == "mean" and scale is not None and (scale < 0).any():
            raise ConfigError(
                "weights holds a negative number, and a mean is divided by their sum; expected numbers from "
                '0, or reduction="sum"'
            )
        return read, self.program, batch.extent, slots, self.reduction, scale
