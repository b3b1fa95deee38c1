"""JAX's side: a cell's equations under `lax.scan`, compiled by XLA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from programs import Steps


class Jax:
    """The functions of JAX."""

    def function(self, op: str) -> Callable[..., Any]:
        """`jax.nn.sigmoid`, `jnp.tanh` and their like."""
        return getattr(jax.nn, op, None) or getattr(jnp, op)

    def concat(self, parts: Sequence[Any]) -> Any:
        """Joined along the last axis."""
        return jnp.concatenate(list(parts), -1)

    def layer_norm(self, x: Any, eps: float) -> Any:
        """Mean and variance over the last axis."""
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + eps)


class Rival:
    """One layer in JAX. `program` is the text of ours, `params` and `states` as for PyTorch's loop."""

    def __init__(
        self,
        program: str,
        params: dict[str, np.ndarray],
        states: dict[str, int],
        x: np.ndarray,
        target: np.ndarray,
    ) -> None:
        steps, library = Steps(program), Jax()

        def outputs(p: dict[str, Any], x: Any) -> Any:
            values: dict[int, Any] = {k: p[name] for name, k in steps.params.items()}
            values |= {**steps.constants(), steps.input: x.swapaxes(0, 1)}
            steps.compute(steps.once, values, library)
            steps.compute(steps.before, values, library)

            def step(state: dict[str, Any], given: dict[int, Any]) -> tuple[dict[str, Any], Any]:
                now = values | given | {k: state[name] for name, k in steps.states.items()}
                steps.compute(steps.loop, now, library)
                return {name: now[k] for name, k in steps.updates.items()}, now[steps.output]

            first = {name: jnp.zeros((x.shape[0], width), x.dtype) for name, width in states.items()}
            _, y = jax.lax.scan(step, first, {k: values[k] for k in steps.read_by_loop})
            return y.swapaxes(0, 1)

        self.params = {name.removesuffix("_l0"): jnp.asarray(one) for name, one in params.items()}
        self.x, self.target = jnp.asarray(x), jnp.asarray(target)
        self._outputs = jax.jit(outputs)
        self._train = jax.jit(
            jax.value_and_grad(lambda p, x, target: jnp.mean((outputs(p, x) - target) ** 2))
        )

    def train(self) -> object:
        """Loss and gradients."""
        return jax.block_until_ready(self._train(self.params, self.x, self.target))

    def infer(self) -> object:
        """Outputs."""
        return jax.block_until_ready(self._outputs(self.params, self.x))

    def work(self, training: bool) -> Callable[[], object]:
        """What is timed."""
        return self.train if training else self.infer

    def results(self) -> dict[str, np.ndarray]:
        """Outputs and parameter gradients, by our names."""
        _, grads = self._train(self.params, self.x, self.target)
        named = {f"{name}_l0": np.asarray(one) for name, one in grads.items()}
        return named | {"outputs": np.asarray(self._outputs(self.params, self.x))}
