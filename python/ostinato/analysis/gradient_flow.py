"""`gradient_flow`: how much of the loss's gradient reaches the states and weights of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.analysis.verdict import Verdict, judge
from ostinato.errors import ConfigError
from ostinato.network.arena import views
from ostinato.network.batch import Array, Batch, read_steps
from ostinato.network.objective import Objective
from ostinato.network.through_time import FullBPTT
from ostinato.trace import trace_step


@dataclass(frozen=True)
class GradientFlow:
    """Norms of derivatives of a loss L over N rows and T steps.

    z_t is the state at the start of step t, so z_0 is the initial state; its derivative includes the effect
    on all later outputs. The dtype and the units are those of L.
    """

    norms: Array
    """|dL/dz_t| of all states together, (N, T)."""
    states: dict[str, Array]
    """The same for each state by name, (N, T)."""
    weights: dict[str, float]
    """|dL/dW| of each parameter, over all rows and steps."""
    weights_by_step: dict[str, Array]
    """|dL/dW| of step t's contribution alone, over all rows, (T,): dL/dW is the sum of the contributions."""
    verdict: Verdict
    """As text, with remedies. It compares the first step with the last that has a gradient."""

    def plot(self, ax: Any = None) -> Any:
        """Norms by step, root mean square over rows; returns the axes."""
        ax = axes(
            ax, xlabel="step t", ylabel="norm", yscale="log", title=f"Gradient flow: {self.verdict.word}"
        )
        for name, values in {"all states": self.norms, **self.states}.items():
            if name == "all states" or len(self.states) > 1:
                ax.plot(_shown(np.sqrt(np.mean(values**2, axis=0))), label=f"dL/d {name}")
        for name, values in self.weights_by_step.items():
            if name.rpartition(".")[2].startswith("weight"):
                ax.plot(_shown(values), linestyle=":", linewidth=1.0, label=f"{name}, from step t")
        ax.legend(fontsize="small")
        return ax


def gradient_flow(
    net: Any,
    x: Any,
    targets: Any = None,
    *,
    d_outputs: Any = None,
    loss: Any = None,
    reduction: str = "mean",
    weights: Any = None,
    state: Any = None,
) -> GradientFlow:
    """How the gradient of a loss flows back through the states of a network.

    Args:
        net: a network of one direction.
        x: as in `net.run`, rows of equal length.
        targets: as in `net.value_and_grad`, with `loss`; or give `d_outputs` instead.
        d_outputs: dL/dy, like the outputs. Zeros except at the last step show how far back its gradient
            reaches.
        loss: a name or a Loss.
        reduction: as in `net.value_and_grad`.
        weights: as in `net.value_and_grad`.
        state: as in `net.run`.

    Exact: the network's own backward pass, one step at a time, from the last to the first; each step passes
    dL/dz_t to the step before. It takes T forward and T backward calls; training takes one call. Raises
    DTypeError, ShapeError, ConfigError naming the argument. Source: Bengio et al. 1994; Pascanu et al. 2013,
    eq. 4-5.
    """
    system = System.of(net).one_way()
    array, batch = system.read(x)
    rows, count = batch.rows, batch.steps
    z = system.initial(state, rows)
    runs: list[_core.Run] = []
    for t in range(count):
        runs.append(system.run(z, array[:, t : t + 1], training=True))
        z = system.flat([*runs[-1].final_state], rows)
    outputs = np.concatenate([run.outputs[0] for run in runs], axis=1)
    d_y = _d_outputs(system, batch, outputs, targets, d_outputs, loss, reduction, weights)

    parameters = net._graph.parameters.values()
    d_z = np.zeros((rows, system.size))
    flow = np.empty((count, rows, system.size))
    by_step = {one.name: np.empty(count) for one in parameters}
    total = np.zeros(system.arena.size)
    for t in reversed(range(count)):
        d_arena, _, d_state = runs[t].backward([np.ascontiguousarray(d_y[:, t : t + 1])], system.split(d_z))
        d_z = system.flat([*d_state], rows)
        flow[t] = d_z
        total += d_arena
        for name, view in views(parameters, d_arena).items():
            by_step[name][t] = np.linalg.norm(view)
    norms = np.linalg.norm(flow, axis=2).T
    last_only = not np.any(d_y[:, :-1])
    return GradientFlow(
        norms=norms,
        states={name: np.linalg.norm(flow[:, :, part], axis=2).T for name, part in system.slots.items()},
        weights={name: float(np.linalg.norm(view)) for name, view in views(parameters, total).items()},
        weights_by_step=by_step,
        verdict=judge(np.sqrt(np.mean(norms**2, axis=0)), last_only),
    )


def _d_outputs(
    system: System,
    batch: Batch,
    outputs: Array,
    targets: Any,
    d_outputs: Any,
    loss: Any,
    reduction: str,
    weights: Any,
) -> Array:
    """dL/dy (N, T, width), given or of a loss."""
    width = system.net.output_size
    if (targets is None) == (d_outputs is None):
        raise ConfigError("gradient_flow: give either targets, with a loss, or d_outputs")
    if d_outputs is not None:
        if loss is not None or weights is not None:
            raise ConfigError("gradient_flow: loss and weights require targets; d_outputs includes them")
        return read_steps("d_outputs", d_outputs, batch, (width,), "float64")
    if loss is None:
        raise ConfigError("gradient_flow: loss is None; expected a name or a Loss for targets")
    objective = Objective.of(loss, reduction, system.net._ports.output, "float64")
    # The loss of a network that returns its input: the gradient with respect to the input is dL/dy.
    same = trace_step("same", lambda y, state, p: (1.0 * y, {}), {"y": (width,)}, {}, {}, {})
    core = _core.Network("float64")
    core.finish([("y", core.layer(same, [core.input("y", "time", width)], []))])
    argument = objective.argument(batch, targets, weights)
    call: Any = (np.zeros(0), [outputs], batch.extent, [])
    *_, (d_y,), _, _, _ = core.value_and_grad(call, ([argument], reduction), FullBPTT().core)
    assert d_y is not None
    return d_y


def _shown(values: Array) -> Array:
    # A logarithmic axis cannot show zero.
    return np.where(values > 0, values, np.nan)
