"""A core without a network, for testing strategies: it records its calls and returns the scripted results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.decoding import Decoded
from ostinato.strategy import Batch
from ostinato.testing.runner import Failed

Array = NDArray[Any]


@dataclass(eq=False)
class ScriptedSlopes:
    """Gradients of one call: all numbers of the n-th call are n, so that tests can identify sums."""

    arena: Array
    params: Mapping[str, Array]
    penalty: float = 0.0
    final_state: Mapping[str, Array] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=dict)


class ScriptedCore:
    """Returns the n-th of `losses` from the n-th call, and the n-th of `decoded` from the n-th `decode`.

    shapes: parameter name -> shape; the gradients are laid out one after the other. final_state: the final
    state of each call. `calls` holds the calls of `value_and_grad` and `sum_and_grad`: pairs of a batch and a
    BPTT mode; `decodings` those of `decode`: pairs of a batch and its options. Raises Failed for more
    calls than results.
    """

    def __init__(
        self,
        *losses: float,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        final_state: Mapping[str, Array] | None = None,
        decoded: Sequence[Decoded] = (),
    ) -> None:
        self.losses = losses
        self.shapes = {"weight": (3,)} if shapes is None else dict(shapes)
        self.final_state = dict(final_state or {})
        self.decoded = list(decoded)
        self.calls: list[tuple[Batch, Any]] = []
        self.decodings: list[tuple[Batch, dict[str, Any]]] = []

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, ScriptedSlopes]:
        """Return the next loss, and gradients whose numbers all equal the number of the call, from 1."""
        if len(self.calls) == len(self.losses):
            raise Failed(
                f"call {len(self.calls) + 1} of the core, but the script has {len(self.losses)} losses"
            )
        self.calls.append((batch, through_time))
        number = len(self.calls)
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        arena = np.full(sum(sizes), float(number))
        ends = np.cumsum(sizes)
        params = {
            name: arena[end - size : end].reshape(shape)
            for (name, shape), size, end in zip(self.shapes.items(), sizes, ends, strict=True)
        }
        return self.losses[number - 1], ScriptedSlopes(arena, params, final_state=self.final_state)

    @property
    def net(self) -> Any:
        """A script has no network. Raises Failed."""
        raise Failed("a scripted core has no network; test with the core of a Trainer")

    def run(self, batch: Batch, training: bool = True) -> Any:
        """A script has no outputs. Raises Failed."""
        raise Failed("a scripted core has no outputs; test with the core of a Trainer")

    def stream(self, rows: int | None = None, **options: Any) -> Any:
        """A script has no steps. Raises Failed."""
        raise Failed("a scripted core has no stream; test with the core of a Trainer")

    def sum_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, ScriptedSlopes]:
        """The same as `value_and_grad`: the script says what the sum is."""
        return self.value_and_grad(batch, through_time)

    def fed(self, batch: Batch) -> Batch:
        """The batch as it is, without its truth: a script has no predictions."""
        return batch.replace(truth=None, sample=None)

    def decode(self, batch: Batch, **options: Any) -> Decoded:
        """Return the next of `decoded`."""
        if len(self.decodings) == len(self.decoded):
            raise Failed(
                f"call {len(self.decodings) + 1} of decode, but the script has {len(self.decoded)} results"
            )
        self.decodings.append((batch, options))
        return self.decoded[len(self.decodings) - 1]
