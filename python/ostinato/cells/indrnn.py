"""The independently recurrent cell: no unit depends on the past of another unit."""

from __future__ import annotations

import numpy as np

from ostinato.cell import Cell, Param, State
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value, relu


def _unit_interval(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw from [0, 1): memories of all lengths. Source: Li et al. 2018, section 4.1."""
    return rng.uniform(0.0, 1.0, shape)


class IndRNN(Cell):
    """Independently recurrent cell: h' = relu(W x + u * h + b).

    Nothing is multiplied by a matrix inside the loop, so units may be many and layers deep. x (input,), h and
    output (hidden,); |u| below 1 forgets, above 1 explodes. Source: Li et al. 2018, "Independently recurrent
    neural network", eq. 4.
    """

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (H, I), recurrent weights weight_hh (H,) and bias (H,)."""
        return {
            "weight_ih": Param((size.hidden, size.input), init="xavier_uniform"),
            "weight_hh": Param((size.hidden,), init=_unit_interval),
            "bias": Param((size.hidden,), init="zeros"),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output and state."""
        h = relu(p.weight_ih @ x + p.bias + p.weight_hh * state.h)
        return h, {"h": h}
