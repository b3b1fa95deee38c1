"""The linear state space in diagonal form: complex modes that are independent of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ostinato.cell import Cell, Param, State
from ostinato.checks import count, number
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.initializers.initializer import Floats
from ostinato.namespace import Names
from ostinato.ops import Value, concat, cos, exp, reshape, sin, split, sqrt, tanh

# Keeps |lambda|^2 away from 0 and 1, where the logarithms below are not finite.
_EDGE = 1e-12


@dataclass(frozen=True)
class _Ring:
    """log(-log |lambda|), lambda uniform in a ring. Source: Orvieto et al. 2023, lemma 3.2."""

    r_min: float
    r_max: float

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        square = rng.uniform(self.r_min**2, self.r_max**2, shape)
        return np.log(-0.5 * np.log(np.clip(square, _EDGE, 1 - _EDGE)))


@dataclass(frozen=True)
class _Phase:
    """The logarithm of angles uniform in (0, max_phase). Source: Orvieto et al. 2023, lemma 3.2."""

    max_phase: float

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        return np.log(self.max_phase * rng.uniform(_EDGE, 1, shape))


def _complex_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Real or imaginary parts of complex numbers of variance 1 / n; n is the size of the last axis."""
    return rng.normal(0.0, np.sqrt(0.5 / shape[-1]), shape)


class DiagonalSSM(Cell):
    """Diagonal linear state space, or linear recurrent unit: complex modes, in real arithmetic on pairs.

        lambda = exp(-exp(nu_log) + i exp(theta_log)),  gamma = sqrt(1 - |lambda|^2)
        h' = lambda * h + gamma * (B x),  y = Re(C h') + D x

    |lambda| is below 1 for all values of the parameters. gamma gives every mode the variance of its input; it
    is always computed from lambda; the paper learns it from this initial value (here, B can learn any scale).
    `modes` complex modes, by default (hidden + 1) // 2: as many real numbers as a dense state of `hidden`
    has, its eigenvalues being conjugate pairs (S5 drops the conjugates likewise). `r_min`, `r_max` and
    `max_phase` bound the ring in which lambda starts: for long memory, try r_min=0.9, r_max=0.999 and a small
    phase. x (input,), states re and im (modes,), output (hidden,). Source: Orvieto et al. 2023, "Resurrecting
    recurrent neural networks for long sequences", eq. 5-7; the parametrization that keeps the modes stable
    goes back to S4D (Gu et al. 2022b), the conjugate pairs to S5 (Smith et al. 2023).
    """

    name = "diagonal_ssm"

    examples = ({}, {"modes": 5})

    def __init__(
        self, *, modes: int = 0, r_min: float = 0.0, r_max: float = 1.0, max_phase: float = 2 * np.pi
    ) -> None:
        """Choose the number of modes (0: half of hidden) and the ring of lambda: 0 <= r_min < r_max <= 1."""
        owner = "cell 'diagonal_ssm'"
        self.modes = count(owner, "modes", modes, at_least=0)
        self.r_min = number(owner, "r_min", r_min, at_least=0, below=1)
        self.r_max = number(owner, "r_max", r_max, above=self.r_min)
        self.max_phase = number(owner, "max_phase", max_phase, above=0)
        if self.r_max > 1:
            raise ConfigError(f"{owner}: r_max is {shown(r_max)}; expected at most 1, for stable modes")

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return the number of complex modes."""
        return {"modes": self.modes or (int(size.hidden) + 1) // 2}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return nu_log and theta_log (M,), and B, C and D as real matrices.

        weight_ih (2M, I) has the real parts of B above the imaginary ones; C is weight_re - i weight_im, both
        (H, M); D is weight_io (H, I).
        """
        return {
            "nu_log": Param((size.modes,), init=_Ring(self.r_min, self.r_max)),
            "theta_log": Param((size.modes,), init=_Phase(self.max_phase)),
            "weight_ih": Param((2 * size.modes, size.input), init=_complex_normal),
            "weight_re": Param((size.hidden, size.modes), init="scaled_normal"),
            "weight_im": Param((size.hidden, size.modes), init="scaled_normal"),
            "weight_io": Param((size.hidden, size.input), init="xavier_uniform"),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return the real and imaginary parts of the modes, re and im (M,)."""
        return {"re": State(size.modes), "im": State(size.modes)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return y as output, the modes as states."""
        rate, angle = exp(p.nu_log), exp(p.theta_log)
        radius = exp(-rate)
        a, b = radius * cos(angle), radius * sin(angle)
        # 1 - exp(-2 r) = tanh(r) (1 + exp(-2 r)) without the difference of nearly equal numbers
        gamma = sqrt(tanh(rate) * (1 + exp(-2 * rate)))
        scale = reshape(concat(gamma, gamma), (-1, 1))
        u_re, u_im = split((scale * p.weight_ih) @ x, 2)
        re = a * state.re - b * state.im + u_re
        im = b * state.re + a * state.im + u_im
        return p.weight_io @ x + p.weight_re @ re + p.weight_im @ im, {"re": re, "im": im}
