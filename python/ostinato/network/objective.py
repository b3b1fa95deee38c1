"""What `value_and_grad` minimizes: a loss of one step or row, summed or averaged over all valid ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ostinato import _core, checks
from ostinato.errors import ConfigError, shown
from ostinato.losses import Loss
from ostinato.network.graph import Node
from ostinato.plugins.blame import blamed
from ostinato.plugins.registry import registry
from ostinato.sequences.arrays import Array
from ostinato.sequences.axis import ROW, TIME, Axis
from ostinato.sequences.batch import Batch, read_rows, read_steps
from ostinato.trace import trace_loss

REDUCTIONS: Final = ("mean", "sum")


@dataclass(frozen=True)
class Weighted:
    """A loss that is multiplied by `scale` in the sum of the losses of several outputs."""

    loss: Any
    scale: float


def weighted(loss: Any, scale: float) -> Weighted:
    """A loss multiplied with `scale`: for networks of several outputs.

    The loss is a name, a Loss class or an instance.
    Raises ConfigError for a scale that is no finite number.
    """
    return Weighted(loss, checks.number("weighted", "scale", scale))


@dataclass(frozen=True)
class Objective:
    """A traced loss for outputs of `width` features along an axis."""

    program: _core.Program
    takes_ids: bool
    reduction: str
    width: int
    dtype: str
    axis: Axis = TIME
    scale: float = 1.0

    @classmethod
    def of(cls, loss: Any, reduction: Any, output: Node, dtype: str) -> Objective:
        """Traces a loss for an output: a name, a Loss class or an instance, or one of these weighted.

        Raises ConfigError, DTypeError; ShapeError if it does not fit.
        """
        checks.choice("value_and_grad", "reduction", reduction, REDUCTIONS)
        scale = 1.0
        if isinstance(loss, Weighted):
            loss, scale = loss.loss, loss.scale
        loss = registry.make("loss", loss, Loss)
        if loss.target not in ("index", "output"):
            raise ConfigError(
                f"loss {shown(loss.name)}: target is {shown(loss.target)}; expected 'index' or 'output'"
            )
        with blamed(loss):
            program = trace_loss(loss, output.width)
        return cls(program, loss.target == "index", reduction, output.width, dtype, output.axis, scale)

    def argument(
        self, batch: Batch, targets: Any, weights: Any, output: int = 0, name: str | None = None
    ) -> _core.OutputLoss:
        """The core's form of the loss of an output, by its number; `name` is that of one among several.

        Raises ShapeError, DTypeError or ConfigError by name.
        """
        of = "" if name is None else f"[{name!r}]"
        trailing: tuple[int, ...] = () if self.takes_ids else (self.width,)
        dtype = None if self.takes_ids else self.dtype
        # A class is one of the outputs, so an id below the width is what every loss on ids takes.
        limit = self.width if self.takes_ids else None
        scale = None if weights is None else self._read(f"weights{of}", weights, batch, (), self.dtype)
        used = None if scale is None else scale != 0
        read = self._read(f"targets{of}", targets, batch, trailing, dtype, limit, used)
        if self.reduction == "mean" and scale is not None and self._negative(scale, batch):
            raise ConfigError(
                f"weights{of} holds a negative number, and a mean is divided by their sum; expected numbers "
                'from 0, or reduction="sum"'
            )
        return _core.OutputLoss(output, self.program, read, scale, self.scale)

    def _negative(self, weights: Array, batch: Batch) -> bool:
        """Whether the weight of a valid step, or of a row, is below 0."""
        below, valid = weights < 0, None if self.axis == ROW else batch.of(self.axis).valid
        return bool((below if valid is None else below & valid).any())

    def _read(
        self,
        name: str,
        value: Any,
        batch: Batch,
        trailing: tuple[int, ...],
        dtype: str | None,
        limit: int | None = None,
        used: Array | None = None,
    ) -> Array:
        if self.axis == ROW:
            return read_rows(name, value, batch.rows, trailing, dtype, limit, used)
        return read_steps(name, value, batch.of(self.axis), trailing, dtype, limit, used)
