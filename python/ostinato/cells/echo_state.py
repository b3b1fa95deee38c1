"""The echo state network: a recurrent layer whose weights are drawn once and never learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ostinato.cell import Cell, Param, State
from ostinato.checks import number
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.ops import Value, tanh


@dataclass(frozen=True)
class Uniform:
    """Numbers from -scale to scale."""

    scale: float

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw an array."""
        return rng.uniform(-self.scale, self.scale, shape)


@dataclass(frozen=True)
class SpectralRadius:
    """A matrix of normal numbers, scaled so that its largest absolute eigenvalue is `radius`."""

    radius: float

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw a square matrix."""
        matrix = rng.normal(size=shape)
        largest = float(np.abs(np.linalg.eigvals(matrix)).max())
        return matrix * (self.radius / largest)


class EchoState(Cell):
    """Leaky echo state network: h' = (1 - leak) h + leak tanh(W x + U h + b), with W, U and b fixed.

    The weights are no learned parameters: only what reads the output is trained, such as a `Dense` layer with
    `ostinato.fit_readout`, or with an optimizer. x (input,), h and output (hidden,).

    leak: above 0, at most 1; small is slow. spectral_radius: at least 0, the largest absolute eigenvalue of
    U; below 1 the state usually forgets its start. input_scale: above 0; W and b are uniform within it.
    Raises ConfigError. Source: Jaeger 2001, "The echo state approach"; Lukosevicius 2012, "A practical guide
    to applying echo state networks", eq. 2 and 3.
    """

    name = "echo_state"
    examples = ({}, {"leak": 0.3, "spectral_radius": 1.2, "input_scale": 0.5})

    def __init__(self, *, leak: float = 1.0, spectral_radius: float = 0.9, input_scale: float = 1.0) -> None:
        """Choose the leak and the sizes of the fixed weights."""
        owner = "cell 'echo_state'"
        self.leak = number(owner, "leak", leak, above=0.0)
        if self.leak > 1.0:
            raise ConfigError(f"{owner}: leak is {shown(leak)}; expected at most 1")
        self.spectral_radius = number(owner, "spectral_radius", spectral_radius, at_least=0.0)
        self.input_scale = number(owner, "input_scale", input_scale, above=0.0)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (H, I), weight_hh (H, H) and bias (H,), none of them learned."""
        uniform = Uniform(self.input_scale)
        return {
            "weight_ih": Param((size.hidden, size.input), uniform, learned=False),
            "weight_hh": Param(
                (size.hidden, size.hidden), SpectralRadius(self.spectral_radius), learned=False
            ),
            "bias": Param((size.hidden,), uniform, learned=False),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output and state."""
        new = tanh(p.weight_ih @ x + p.bias + p.weight_hh @ state.h)
        h = state.h + self.leak * (new - state.h) if self.leak < 1.0 else new
        return h, {"h": h}
