"""A network with everything that a forward and a backward pass need, and all their results by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ostinato.network.network import Network
from ostinato.network.run import Gradients, Run
from ostinato.testing.arrays import Array, Arrays

# Steps from states of zeros to the initial states of problems.
WARMING = 3


@dataclass(frozen=True, eq=False)
class Problem:
    """A network, a batch, an initial state, and incoming gradients for the backward pass.

    `seed` is the seed of the training noise; equal seeds give equal masks. `d_penalty` is the derivative with
    respect to the penalty that regularizers add to the loss, if any. `first_step` is the step at which the
    noise of a sequence continues. `mask` (rows, steps) is False at steps to skip.
    """

    network: Network
    x: Array
    lengths: Array | None
    state: Arrays
    d_outputs: Array
    d_final_state: Arrays
    seed: int = 5
    training: bool = True
    d_penalty: float = 1.0
    first_step: int = 0
    mask: Array | None = None

    @classmethod
    def random(
        cls, network: Network, rows: int, steps: int, *, ragged: bool = False, draw: int = 0
    ) -> Problem:
        """Standard normal numbers everywhere; parameters are scaled by 1 / sqrt(width).

        Initial values of parameters (zero biases, ones) would hide mistakes. States are those that the
        network itself reaches after some steps: other states may be invalid, such as a negative sum of
        squares. `ragged` lengths include 0 and `steps`. Each `draw` has other numbers.
        """
        rng = np.random.default_rng([7, draw])
        dtype = network.dtype

        def normal(*shape: int) -> Array:
            return rng.standard_normal(shape).astype(dtype)

        for view in network.parameters().values():
            # Drawn in float64 and rounded, so that both dtypes have the same numbers.
            view[...] = rng.standard_normal(view.shape) / np.sqrt(max(view.shape[-1:], default=1))
        shapes = {name: (layers, rows, *sizes) for name, (layers, *sizes) in network.state_shapes.items()}
        lengths = None
        if ragged:
            lengths = rng.integers(0, steps + 1, size=rows)
            lengths[0], lengths[-1] = 0, steps
        return cls(
            network,
            normal(rows, steps, network.input_size),
            lengths,
            network.run(normal(rows, WARMING, network.input_size)).final_state,
            normal(rows, steps, network.output_size),
            {name: normal(*shape) for name, shape in shapes.items()},
        )

    def run(self) -> Run:
        """The forward pass."""
        seed = self.seed if self.training else None
        more: dict[str, Any] = {"first_step": self.first_step} if self.first_step else {}
        if self.mask is not None:
            more["mask"] = self.mask
        return self.network.run(
            self.x, lengths=self.lengths, state=self.state, seed=seed, training=self.training, **more
        )

    def back(self, run: Run, d_outputs: Any, d_final_state: Any = None, d_penalty: float = 0.0) -> Gradients:
        """The backward pass of a run, of the penalty too where there is one."""
        return run.backward(d_outputs, d_final_state, None if run.penalty is None else d_penalty)

    def results(self) -> Arrays:
        """Outputs and final states, and in training all gradients, by name."""
        run = self.run()
        named = {"outputs": run.outputs}
        named |= {f"final_state.{name}": value for name, value in run.final_state.items()}
        if self.training:
            gradients = self.back(run, self.d_outputs, self.d_final_state, self.d_penalty)
            if gradients.inputs is not None:
                named["inputs"] = gradients.inputs
            named |= {f"initial_state.{name}": value for name, value in gradients.initial_state.items()}
            named |= {f"params.{name}": value for name, value in gradients.params.items()}
        return named

    def scalar(self) -> float:
        """The scalar whose derivatives `results` holds."""
        run = self.run()
        total = float((self.d_outputs * run.outputs).sum()) + self.d_penalty * (run.penalty or 0.0)
        return total + sum(float((self.d_final_state[k] * v).sum()) for k, v in run.final_state.items())

    def given(self) -> Arrays:
        """The arrays on which `scalar` depends, by the names of the gradients; writing to them changes it."""
        named = {"inputs": self.x}
        named |= {f"initial_state.{name}": value for name, value in self.state.items()}
        named |= {f"params.{name}": view for name, view in learned(self.network).items()}
        return named

    def rows(self, chosen: Sequence[int]) -> Problem:
        """The same network with some rows of the batch, in the order given."""
        picked = list(chosen)

        def of_states(states: Mapping[str, Array]) -> Arrays:
            return {name: np.ascontiguousarray(value[:, picked]) for name, value in states.items()}

        return replace(
            self,
            x=self.x[picked],
            lengths=None if self.lengths is None else self.lengths[picked],
            mask=None if self.mask is None else self.mask[picked],
            state=of_states(self.state),
            d_outputs=self.d_outputs[picked],
            d_final_state=of_states(self.d_final_state),
        )


def learned(network: Network) -> Arrays:
    """The parameters that have a gradient, by name."""
    frozen = set(network.frozen)
    return {name: view for name, view in network.parameters().items() if name not in frozen}


def row_axis(name: str) -> int | None:
    """The axis of the rows in a result called `name`; None for sums over the rows."""
    if name.startswith("params."):
        return None
    return 1 if "state" in name else 0
