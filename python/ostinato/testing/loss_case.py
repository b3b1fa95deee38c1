"""Cases of losses: outputs, targets and lengths, and a network that returns its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ostinato.cell import Cell
from ostinato.dims import named
from ostinato.errors import ConfigError, described
from ostinato.layers.criterion import Criterion
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.sequential import Sequential
from ostinato.losses import Loss
from ostinato.network.network import Network
from ostinato.options import Configured
from ostinato.specs import Spec
from ostinato.testing import subject
from ostinato.testing.arrays import Array, Arrays
from ostinato.testing.runner import Failed, Level
from ostinato.trace import trace_loss
from ostinato.trace.programs import loss_parameters, loss_states

WIDTHS = (1, 2, 3, 6, 8, 12, 17)

# The widest output that is tried for a loss.
FURTHEST = 64


class Passage(Cell):
    """Returns its input as output, so that the gradient of the input is the gradient of the loss."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        """Return x."""
        return x, {}


@dataclass(frozen=True, eq=False)
class Case:
    """Outputs y (N, T, F), targets and lengths for a loss, which messages call `noun`."""

    network: Network
    loss: Loss
    y: Array
    targets: Array
    lengths: Array | None = None
    noun: str = "loss"

    @property
    def of_rows(self) -> bool:
        """Whether targets and weights are of rows, and the loss is that of the last step."""
        return getattr(self.loss, "per", "step") == "row"

    @property
    def has_states(self) -> bool:
        """Whether the loss of a step depends on earlier steps."""
        return bool(loss_states(self.loss, self.noun, named({"output": self.y.shape[-1], "labels": 1})))

    def weights(self, values: Array) -> Array:
        """`values` (N, T) as weights: of rows, those of the first step."""
        return values[:, 0] if self.of_rows else values

    def results(self, **more: Any) -> Arrays:
        """The loss or metric, by default summed and without noise, and its gradient with respect to y."""
        arguments: dict[str, Any] = {"loss": self.loss, "lengths": self.lengths, "reduction": "sum"}
        arguments |= {"regularize": False, **more}
        value, grads = self.network.value_and_grad(self.y, self.targets, **arguments)
        assert grads.inputs is not None
        found = {self.noun: np.asarray(value), "gradient": grads.inputs}
        return {**found, **{gradient_of(name): grads.params[name] for name in self.parameters}}

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters of the loss, as the network names them."""
        if not loss_parameters(self.loss, self.y.shape[-1]):
            return {}
        last = str(len(self.network._children()) - 1)
        return {name: one for name, one in self.network.parameters().items() if name.startswith(f"{last}.")}

    def drawn(self, seed: int = 3) -> Arrays:
        """The results with the noise of a seed."""
        return self.results(regularize=True, seed=seed)

    def value(self, **more: Any) -> float:
        """The loss without its gradient."""
        arguments: dict[str, Any] = {"loss": self.loss, "lengths": self.lengths, "reduction": "sum", **more}
        return self.network.loss_value(self.y, self.targets, **arguments)[0]

    def rows(self, chosen: list[int]) -> Case:
        """Some rows of the batch."""
        lengths = None if self.lengths is None else self.lengths[chosen]
        return replace(self, y=self.y[chosen], targets=self.targets[chosen], lengths=lengths)


class LossSubject(subject.Made):
    """A loss; every case makes a new one."""

    base: type[Configured] = Loss
    noun = "loss"

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.case(2, 2)

    def meaning(self, made: Loss) -> str:
        """Its program."""
        return trace_loss(made, self.width(4)).to_json()

    def loss(self) -> Loss:
        """A new loss."""
        made: Loss = self.make()
        return made

    def width(self, near_to: int) -> int:
        """The supported width near `near_to`: of those the class declares, or by search, wider ones first.

        A loss may require an even number of outputs, or three. Raises Failed, with the error of this width.
        """
        if self.declared:
            return self._nearest(near_to)
        widths: list[int] = [*range(near_to, near_to + 8)]
        widths += sorted(range(1, FURTHEST + 1), key=lambda width: abs(width - near_to))
        for width in widths:
            if self.takes(width):
                return width
        raise Failed(
            f"no output of up to {FURTHEST} features is taken; of {near_to}: {self.refusal(near_to)}. If it "
            "takes other widths, declare them: check_sizes = [width, ...]"
        )

    @property
    def widths(self) -> list[int]:
        """The widths to check the shapes with: those the class declares, or of `WIDTHS` those it takes."""
        if self.declared:
            if not all(isinstance(width, int) for width in self.declared):
                message = f"check_sizes is {self.declared!r}; expected widths of outputs"
                raise Failed(f"{self.noun} {self.spec.name!r}: {message}")
            return list(self.declared)
        return [width for width in WIDTHS if self.takes(width)] or [self.width(4)]

    def _nearest(self, near_to: int) -> int:
        return sorted(self.widths, key=lambda width: abs(width - near_to))[0]

    def takes(self, width: int) -> bool:
        """Whether outputs of this width are supported; other widths are a ConfigError."""
        return self.refusal(width) is None

    def refusal(self, width: int) -> str | None:
        """Why outputs of this width are not supported; None if they are."""
        known: dict[int, str | None] = self.__dict__.setdefault("_refused", {})
        if width not in known:
            try:
                self._trace(width)
                known[width] = None
            except ConfigError as error:
                known[width] = described(error)
        return known[width]

    def _trace(self, width: int) -> None:
        trace_loss(self.loss(), width)

    def case(
        self,
        rows: int,
        steps: int,
        near_to: int = 4,
        dtype: str = "float64",
        *,
        ragged: bool = False,
        draw: int = 0,
    ) -> Case:
        """Random outputs and targets."""
        rng = np.random.default_rng([5, draw])
        loss, width = self.loss(), self.width(near_to)
        y = rng.standard_normal((rows, steps, width)).astype(dtype)
        of = (rows,) if getattr(loss, "per", "step") == "row" else (rows, steps)
        classes = loss.classes(width) if isinstance(loss, Loss) else width
        if loss.target == "labels":
            targets = rng.integers(0, classes, (rows, loss.labels))
            # so few that most rows can hold them
            counts = rng.integers(0, min(loss.labels, max(1, steps // 2)) + 1, rows)
            targets[np.arange(loss.labels) >= counts[:, None]] = -1
        elif loss.target == "index":
            targets = rng.integers(0, classes, of)
        else:
            drawn = rng.standard_normal((*of, loss.target_size(width)))
            span = loss.target_range()
            if span is not None:
                drawn = span[0] + (span[1] - span[0]) / (1 + np.exp(-drawn))
            targets = drawn.astype(dtype)
        lengths = None
        if ragged:
            lengths = rng.integers(0, steps + 1, rows)
            lengths[0], lengths[-1] = 0, steps
        network = with_parameters(loss, Recurrent(Passage(), width, 1, dtype=dtype))
        return Case(network, loss, y, targets, lengths, self.noun)


def with_parameters(loss: Loss, *layers: Network) -> Network:
    """The layers, and one that holds the parameters of the loss; they are not at their initial values."""
    width, dtype = layers[0].output_size, layers[0].dtype
    if loss_parameters(loss, width):
        layers = (*layers, Criterion(loss, width, dtype=dtype))
        values = layers[-1].arena
        values += 0.3 * np.random.default_rng(8).standard_normal(values.shape).astype(dtype)
    return Sequential(*layers) if len(layers) > 1 else layers[0]


def gradient_of(parameter: str) -> str:
    """The name of a result, without the number of the layer."""
    return f"gradient of {parameter.rpartition('.')[2]}"
