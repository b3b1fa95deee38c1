"""What is measured: cells and shapes, and one layer of each with the same numbers on both sides."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

import ostinato as ost

# T, N, H
SHAPES = [
    (100, 32, 64),
    (100, 32, 128),
    (100, 32, 256),
    (50, 64, 512),
    (784, 32, 128),
    (100, 128, 128),
    (50, 16, 1024),
]
QUICK_SHAPES = SHAPES[:3]
# So few rows that threads divide what one of them does, or that one thread does all.
FEW_ROWS = [(100, 1, 256), (50, 1, 512), (100, 4, 128), (100, 7, 256), (100, 8, 32), (20, 1, 64)]
# The same for stacks of two layers, which may run one behind the other.
STACK_SHAPES = [(200, 1, 64), (100, 1, 128), (100, 1, 256), (100, 4, 128), (100, 8, 256)]
# Those at which groups of rows of several sizes are compared.
GROUP_SHAPES = [(784, 32, 128), (100, 128, 128), (50, 64, 512), (100, 32, 64), (100, 32, 256)]
# The shape at which user's cells are compared.
USER_SHAPE = SHAPES[1]
# Matrices of (H, I) and (H, H) that a step multiplies with.
GATES = {
    "rnn": 1,
    "lstm": 4,
    "gru": 3,
    "ligru": 2,
    "layer_norm_lstm": 4,
    "layer_norm_gru": 3,
    "peephole_lstm": 4,
    "mgu": 2,
    "coupled_lstm": 3,
    "slstm": 4,
    "multiplicative_lstm": 5,
}
FUSED_THERE = ("rnn", "lstm", "gru")
WRITTEN_BY_USERS = ("ligru", "layer_norm_lstm")
PLUGIN_CELLS = (*(name for name in GATES if name not in (*FUSED_THERE, *WRITTEN_BY_USERS)), "sru")

# float32 over 100 steps: relative to the largest number of each tensor; cells that multiply states are worse.
TOLERANCE = 1e-3


@dataclass
class Case:
    """One layer, or some alike, and their data. I = H."""

    kind: str
    shape: tuple[int, int, int]
    network: ost.Recurrent
    params: dict[str, np.ndarray]
    x: np.ndarray
    target: np.ndarray

    @classmethod
    def make(cls, kind: str, shape: tuple[int, int, int], layers: int = 1) -> Case:
        """Layers with uniform random parameters, as PyTorch starts with."""
        steps, rows, hidden = shape
        rng = np.random.default_rng(hidden)
        x = rng.standard_normal((rows, steps, hidden)).astype(np.float32)
        target = rng.standard_normal((rows, steps, hidden)).astype(np.float32)
        network = ost.Recurrent(kind, hidden, hidden, layers)
        for view in network.parameters().values():
            view[...] = rng.uniform(-1, 1, view.shape) / np.sqrt(hidden)
        return cls(kind, shape, network, network.state_dict(), x, target)

    @property
    def layers(self) -> int:
        """How many there are."""
        return self.network.num_layers

    @property
    def program(self) -> str:
        """The equations."""
        return self.network._units[0][0].program.to_json()

    @property
    def states(self) -> dict[str, int]:
        """Width of each state."""
        return {name: shape[0] for name, shape in self.network._units[0][0].states.items()}

    @property
    def ours(self) -> dict[str, np.ndarray]:
        """Outputs and parameter gradients."""
        _, gradients = self.network.value_and_grad(self.x, self.target, loss="mse")
        return {"outputs": self.network.run(self.x).outputs} | dict(gradients.params)

    def flops(self, training: bool) -> int | None:
        """Multiply-adds times two of the matrix products; None where a cell is not measured so.

        The backward pass: the gradients of h and of both matrices, but not of x.
        """
        if self.kind not in GATES:
            return None
        steps, rows, hidden = self.shape
        products = 5 if training else 2
        between = self.layers - 1 if training else 0  # the gradient of what a layer reads of another
        return 2 * steps * rows * GATES[self.kind] * hidden * hidden * (products * self.layers + between)

    def check(self, side: str, results: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> None:
        """Exits when a side disagrees with float64: what is wrong is not timed."""
        for name, value in results.items():
            worst = np.abs(value - exact[name]).max() / np.abs(exact[name]).max()
            if not worst <= TOLERANCE:
                sys.exit(f"{side} {self.kind} {self.shape}: {name} is off by {worst:.2g}; nothing is timed")
