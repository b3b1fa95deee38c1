"""Any scorer inside a step, and `Attention` with a query at every step of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ostinato_attention.local import Local
from ostinato_attention.location import Location
from ostinato_attention.multi_head import MultiHead

import ostinato as ost
from ostinato import eager, ops
from ostinato.entry_values import EntryValues
from tests.slopes import RELATIVE, slope

rng = np.random.default_rng(2)

SCORERS: dict[str, Any] = {
    **{name: name for name in ("additive", "multiplicative", "dot", "scaled_dot")},
    "multi-head": MultiHead(heads=2),
    "local": Local(),
    "location": Location(),
}


class Decoder(ost.Cell):
    """h' = tanh(W_x x + U h + context); any scorer."""

    def __init__(self, *, scorer: Any = "dot") -> None:
        self.attention = ost.StepAttention(scorer)
        self.past = bool(self.attention.scorer.past)

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(size.hidden)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        own = {"W": ost.Param((size.hidden, size.input)), "U": ost.Param((size.hidden, size.hidden))}
        return {**own, **self.attention.parameters(size.hidden, size.hidden)}

    def state(self, size: Any) -> dict[str, ost.State]:
        past = {"past": ost.State((), on="source")} if self.past else {}
        return {"h": ost.State(size.hidden), **past}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        past = {"past": state.past} if self.past else {}
        context, weights = self.attention(state.h, memory.source, p, **past)
        h = ops.tanh(p.W @ x + p.U @ state.h + context)
        return h, {"h": h, **({"past": weights} if self.past else {})}


@pytest.mark.parametrize("scorer", SCORERS)
def test_any_scorer_works_inside_a_step(scorer: str) -> None:
    cell = Decoder(scorer=SCORERS[scorer])
    net = ost.Recurrent(cell, 3, 4, dtype="float64")
    x = {"x": rng.normal(size=(3, 4, 3)), "source": rng.normal(size=(3, 5, 4))}
    of = {"time": [4, 2, 3], "source": [5, 0, 3]}
    run = net.run(x, lengths=of, training=True)
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row in range(3):
        steps, entries = of["time"][row], of["source"][row]
        read = {"source": x["source"][row, :entries]}
        wanted, _ = eager.run(cell, p, x["x"][row, :steps], hidden_size=4, memories=read)
        np.testing.assert_allclose(run.outputs[row, :steps], wanted, rtol=0, atol=1e-12)
    d = np.where(run.outputs == 0, 0, rng.normal(size=run.outputs.shape))
    grads = run.backward(d)

    def loss() -> float:
        return float((net(x, lengths=of) * d).sum())

    for values, found in ((net.parameters(), grads.params), (x, grads.inputs)):
        for name, value in values.items():
            np.testing.assert_allclose(found[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)


def test_past_weights_are_given_to_the_scorers_that_read_them() -> None:
    memory = EntryValues("source", rng.normal(size=(5, 4)))
    past = EntryValues("source", np.zeros(5))
    with pytest.raises(ost.ConfigError, match=r"past=state\.past"):
        ost.StepAttention(Location())(np.zeros(4), memory, {})
    with pytest.raises(ost.ConfigError, match="without past"):
        ost.StepAttention("dot")(np.zeros(4), memory, {}, past)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("axis", ["source", "time"])
def test_a_query_at_every_step_of_a_graph(scorer: str, axis: str) -> None:
    """The graph gives what `run` gives with arrays, and the same gradients, with the same parameters."""
    attention = ost.Attention(SCORERS[scorer], 6, 6, dtype="float64", seed=1)
    queries, memory = ost.Input("queries", size=6), ost.Input("memory", size=6, axis=axis)
    graph = ost.Graph(attention(queries, memory))
    steps = 5
    x = {"queries": rng.normal(size=(3, steps, 6)), "memory": rng.normal(size=(3, steps, 6))}
    counts = [5, 0, 3]
    of = counts if axis == "time" else {"source": counts}
    run = graph.run(x, lengths=of, training=True)
    wanted = attention.run(x["queries"], x["memory"], lengths=counts)
    valid = np.arange(steps) < np.asarray(counts)[:, None] if axis == "time" else np.ones((3, steps), bool)
    np.testing.assert_allclose(run.outputs[valid], wanted.context[valid], rtol=0, atol=1e-12)
    d = rng.normal(size=run.outputs.shape) * valid[..., None]
    grads, other = run.backward(d), wanted.backward(d)
    np.testing.assert_allclose(grads.inputs["queries"], other.query, rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads.inputs["memory"], other.memory, rtol=0, atol=1e-12)
    for name, value in other.params.items():
        np.testing.assert_allclose(grads.params[f"0.{name}_l0"], value, rtol=0, atol=1e-12)


def test_parameters_are_those_of_the_graph() -> None:
    attention = ost.Attention("additive", 4, 6, dtype="float64")
    graph = ost.Graph(attention(ost.Input("q", size=4), ost.Input("m", size=6, axis="source")))
    x = {"q": rng.normal(size=(2, 3, 4)), "m": rng.normal(size=(2, 5, 6))}
    before = attention(x["q"], x["m"])
    graph.arena[...] *= 2
    assert np.shares_memory(attention.parameters()["v"], graph.arena)
    after = attention(x["q"], x["m"])
    assert not np.allclose(before, after)
    np.testing.assert_allclose(graph(x), after, rtol=0, atol=1e-12)
    with pytest.raises(ost.ConfigError, match="make an Attention for each"):
        attention(ost.Input("r", size=4, axis="row"), ost.Input("m", size=6))


def test_a_graph_with_queries_at_every_step_is_saved(tmp_path: Any) -> None:
    attention = ost.Attention(MultiHead(heads=3), 4, 6)
    graph = ost.Graph(attention(ost.Input("q", size=4), ost.Input("m", size=6, axis="source")))
    graph.save(tmp_path / "a.safetensors")
    again = ost.load(tmp_path / "a.safetensors")
    x = {"q": rng.normal(size=(2, 3, 4)), "m": rng.normal(size=(2, 5, 6))}
    assert np.array_equal(again(x), graph(x))
