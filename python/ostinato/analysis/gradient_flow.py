"""`gradient_flow`: how much of the loss's gradient reaches the states and weights of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.analysis.drawing import axes
from ostinato.analysis.parts import Rest, rest
from ostinato.analysis.system import System
from ostinato.analysis.verdict import Verdict, judge
from ostinato.errors import ConfigError
from ostinato.network.arena import views
from ostinato.network.graph import Node
from ostinato.network.objective import Objective
from ostinato.sequences.arrays import Array
from ostinato.sequences.batch import Batch, read_rows, read_steps


@dataclass(frozen=True, eq=False)
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
    """|dL/dW| of step t's contribution alone, over all rows, (T,): dL/dW is the sum of the contributions.
    Without the parameters that are used after a sequence is reduced to one value for each row.
    """
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
    output: str | None = None,
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
        output: the name of the output that the loss is of, if there are several. For an output of rows,
            targets and d_outputs have one value for each row.

    Exact: the network's own backward pass, one step at a time, from the last to the first; each step passes
    dL/dz_t to the step before. It takes T forward and T backward calls; training takes one call. Raises
    DTypeError, ShapeError, ConfigError naming the argument. Source: Bengio et al. 1994; Pascanu et al. 2013,
    eq. 4-5.
    """
    system = System.of(net).one_way()
    inputs, batch = system.read(x)
    name, node = system.output(output)
    after = rest(net._graph, node, name)
    sequences = {f"y{place}": one for place, one in enumerate(after.sequences)}
    core = net._graph.compile("float64", sequences, regularized=False)
    rows, count = batch.rows, batch.steps
    z = system.initial(state, rows)
    runs: list[_core.Run] = []
    for t in range(count):
        call: Any = (system.arena, inputs.part(t, t + 1).core, None, system.split(z))
        runs.append(core.run(call, True))
        z = system.flat([*runs[-1].final_state], rows)
    values = [np.concatenate([run.outputs[n] for run in runs], axis=1) for n in range(len(sequences))]
    values += [inputs.core[place] for place in after.row_inputs]
    total, d_y = _slopes(after, system, values, batch, node, targets, d_outputs, loss, reduction, weights)

    parameters = [one for one in net._graph.parameters.values() if one.offset not in after.offsets]
    d_z = np.zeros((rows, system.size))
    flow = np.empty((count, rows, system.size))
    by_step = {one.name: np.empty(count) for one in parameters}
    for t in reversed(range(count)):
        given: list[Array | None] = [np.ascontiguousarray(one[:, t : t + 1]) for one in d_y]
        d_arena, _, d_state = runs[t].backward(given, system.split(d_z))
        d_z = system.flat([*d_state], rows)
        flow[t] = d_z
        total += d_arena
        for label, view in views(parameters, d_arena).items():
            by_step[label][t] = np.linalg.norm(view)
    norms = np.linalg.norm(flow, axis=2).T
    every = views(net._graph.parameters.values(), total)
    last_only = not any(np.any(one[:, :-1]) for one in d_y)
    return GradientFlow(
        norms=norms,
        states={name: np.linalg.norm(flow[:, :, part], axis=2).T for name, part in system.slots.items()},
        weights={name: float(np.linalg.norm(view)) for name, view in every.items()},
        weights_by_step=by_step,
        verdict=judge(np.sqrt(np.mean(norms**2, axis=0)), last_only),
    )


def _slopes(
    after: Rest,
    system: System,
    values: list[Array],
    batch: Batch,
    node: Node,
    targets: Any,
    d_outputs: Any,
    loss: Any,
    reduction: str,
    weights: Any,
) -> tuple[Array, list[Array]]:
    """The arena's gradient by the rest of the network, and dL/dy of each sequence (N, T, width)."""
    if (targets is None) == (d_outputs is None):
        raise ConfigError("gradient_flow: give either targets, with a loss, or d_outputs")
    call: Any = (system.arena, values, None, [])
    if d_outputs is not None:
        if loss is not None or weights is not None:
            raise ConfigError("gradient_flow: loss and weights require targets; d_outputs includes them")
        if node.axis != "row":
            read = read_steps("d_outputs", d_outputs, batch, (node.width,), "float64")
        else:
            read = read_rows("d_outputs", d_outputs, batch.rows, (node.width,), "float64")
        d_arena, d_inputs, _ = after.core.run(call, True).backward([read], [])
    else:
        if loss is None:
            raise ConfigError("gradient_flow: loss is None; expected a name or a Loss for targets")
        argument = Objective.of(loss, reduction, node, "float64").argument(batch, targets, weights)
        _, _, d_arena, d_inputs, *_ = after.core.value_and_grad(
            call, _core.Losses([argument], reduction), _core.ThroughTime.full()
        )
    d_y = [one for one in d_inputs[: len(after.sequences)] if one is not None]
    return np.array(d_arena), d_y


def _shown(values: Array) -> Array:
    # A logarithmic axis cannot show zero.
    return np.where(values > 0, values, np.nan)
