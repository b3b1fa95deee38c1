"""Graphs with sequences on several axes, and bridges between states, against PyTorch: `make parity`.

PyTorch computes each row by itself, cut to its length on each axis. OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from tests.parity.test_graphs import ABSOLUTE, REDUCED, SEED, Theirs, last_of_both, layer

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

ROWS = 6
STEPS = {"source": 7, "target": 5}
# A row of length 0 on each axis alone, and one on both.
LENGTHS = {"source": np.array([7, 0, 3, 7, 1, 0]), "target": np.array([2, 4, 0, 5, 5, 0])}
INPUTS = {"s": ("source", 3), "t": ("target", 2), "r": ("row", 4)}


def given(*names: str) -> Any:
    made = [ost.Input(name, size=INPUTS[name][1], axis=INPUTS[name][0]) for name in names]
    return made[0] if len(made) == 1 else made


def through(net: Theirs, place: int, x: Any, state: Any = None) -> tuple[Any, Any]:
    """A recurrent layer over one row (T, F), and its final state as PyTorch has it; T may be 0."""
    recurrent = net.layers[str(place)]
    directions = 2 if recurrent.bidirectional else 1
    if state is None:
        zeros = x.new_zeros(recurrent.num_layers * directions, recurrent.hidden_size)
        state = (zeros, zeros) if isinstance(recurrent, torch.nn.LSTM) else zeros
    if not len(x):
        return x.new_zeros(0, recurrent.hidden_size * directions), state
    return recurrent(x, state)


class Pair(NamedTuple):
    """The same graph twice: `ours`, and `theirs` for one row from the layers that `layers` makes."""

    ours: Callable[[], Any]
    layers: Callable[[], list[Any]]
    theirs: Callable[[Theirs, dict[str, Any]], Any]


def encoder_decoder(kind: str, layers: int = 1, both: bool = False) -> Pair:
    """The final states of the encoder are the initial states of a teacher-forced decoder."""
    width = 8 if both else 4

    def ours() -> Any:
        s, t = given("s", "t")
        states = ost.final_states(layer(kind, 3, 4, layers, bidirectional=both)(s))
        h = layer(kind, 2, 4, layers, bidirectional=both)(t, initial_state=states)
        return {"y": layer("Dense", width, 3)(h), "h": ost.final_state(h, "h", layers - 1)}

    def made() -> list[Any]:
        options: dict[str, Any] = {"num_layers": layers, "bidirectional": both, "batch_first": True}
        recurrent = getattr(torch.nn, kind)
        return [recurrent(3, 4, **options), recurrent(2, 4, **options), torch.nn.Linear(width, 3)]

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        _, state = through(net, 0, x["s"])
        y, last = through(net, 1, x["t"], state)
        h = last[0] if kind == "LSTM" else last
        return {"y": net.dense(2, y), "h": h[layers - 1]}

    return Pair(ours, made, theirs)


def bidirectional_encoder(kind: str) -> Pair:
    """Both directions meet in a layer, which gives the first state of the decoder (Bahdanau et al. 2015)."""

    def ours() -> Any:
        s, t = given("s", "t")
        states = ost.final_states(layer(kind, 3, 4, bidirectional=True)(s))
        joined = {name: ost.concat(both) for name, both in states.items()}
        initial = {name: layer("Dense", 8, 5, "tanh")(both) for name, both in joined.items()}
        return layer("Dense", 5, 2)(layer(kind, 2, 5)(t, initial_state=initial))

    bridges = 2 if kind == "LSTM" else 1

    def made() -> list[Any]:
        recurrent = getattr(torch.nn, kind)
        return [
            *[recurrent(3, 4, bidirectional=True, batch_first=True)],
            *[torch.nn.Linear(8, 5) for _ in range(bridges)],
            *[recurrent(2, 5, batch_first=True), torch.nn.Linear(5, 2)],
        ]

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        _, state = through(net, 0, x["s"])
        every = state if kind == "LSTM" else (state,)
        first = [torch.tanh(net.dense(1 + n, one.reshape(-1)))[None] for n, one in enumerate(every)]
        y, _ = through(net, 1 + bridges, x["t"], tuple(first) if kind == "LSTM" else first[0])
        return net.dense(2 + bridges, y)

    return Pair(ours, made, theirs)


def reduced_and_joined() -> Pair:
    def ours() -> Any:
        s, t, r = given("s", "t", "r")
        g, h = layer("LSTM", 3, 4, bidirectional=True)(s), layer("GRU", 2, 3)(t)
        joined = ost.concat(ost.last(g), ost.mean(h), r, ost.max(s))
        again = layer("GRU", 5, 3)(ost.concat(t, ost.repeat(layer("Dense", 18, 3)(joined), t)))
        return {"rows": ost.first(again), "steps": again, "g": ost.reverse(g)}

    def made() -> list[Any]:
        return [
            torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True),
            torch.nn.GRU(2, 3, batch_first=True),
            torch.nn.Linear(18, 3),
            torch.nn.GRU(5, 3, batch_first=True),
        ]

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        g, h = net.steps(0, x["s"]), net.steps(1, x["t"])
        code = net.dense(2, torch.cat([last_of_both(g), REDUCED["mean"](h), x["r"], REDUCED["max"](x["s"])]))
        again = net.steps(3, torch.cat([x["t"], code.expand(len(x["t"]), -1)], 1))
        return {"rows": REDUCED["first"](again), "steps": again, "g": g.flip(0)}

    return Pair(ours, made, theirs)


def initial_state_from_an_input() -> Pair:
    """A code starts one layer, whose end starts a layer on the other axis."""

    def ours() -> Any:
        t, r, s = given("t", "r", "s")
        h = layer("GRU", 2, 4)(t, initial_state={"h": r})
        g = layer("RNN", 3, 4)(s, initial_state={"h": ost.final_state(h, "h")})
        return {"g": g, "h": h}

    def made() -> list[Any]:
        return [torch.nn.GRU(2, 4, batch_first=True), torch.nn.RNN(3, 4, batch_first=True)]

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        h, last = through(net, 0, x["t"], x["r"][None])
        g, _ = through(net, 1, x["s"], last)
        return {"g": g, "h": h}

    return Pair(ours, made, theirs)


PAIRS: dict[str, Pair] = {
    **{f"encoder and decoder, {kind}": encoder_decoder(kind) for kind in ("RNN", "GRU", "LSTM")},
    "encoder and decoder, GRU, stacked": encoder_decoder("GRU", 2),
    "encoder and decoder, LSTM, stacked both ways": encoder_decoder("LSTM", 2, True),
    "bidirectional encoder, GRU": bidirectional_encoder("GRU"),
    "bidirectional encoder, LSTM": bidirectional_encoder("LSTM"),
    "reduced and joined": reduced_and_joined(),
    "initial state from an input": initial_state_from_an_input(),
}


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients_equal_pytorchs(name: str, ragged: bool) -> None:
    pair, rng = PAIRS[name], np.random.default_rng([SEED, list(PAIRS).index(name)])
    net = ost.Graph(pair.ours())
    net.arena[...] = rng.uniform(-0.6, 0.6, net.arena.shape)
    theirs = Theirs(net, pair.layers)
    lengths = LENGTHS if ragged else {axis: np.full(ROWS, steps) for axis, steps in STEPS.items()}
    x, tensors = {}, {}
    for key in net._ports.inputs:
        axis, width = INPUTS[key]
        x[key] = rng.normal(size=(ROWS, width) if axis == "row" else (ROWS, STEPS[axis], width))
        cut = [value if axis == "row" else value[: lengths[axis][n]] for n, value in enumerate(x[key])]
        tensors[key] = [torch.tensor(value, requires_grad=True) for value in cut]
    run = net.run(x, lengths=lengths if ragged else None, training=True)
    outputs = run.outputs if isinstance(run.outputs, dict) else {"output": run.outputs}
    d_outputs = {key: rng.normal(size=value.shape) for key, value in outputs.items()}
    total = torch.zeros((), dtype=torch.float64)
    for n in range(ROWS):
        row = pair.theirs(theirs, {key: rows[n] for key, rows in tensors.items()})
        for key, value in (row if isinstance(row, Mapping) else {"output": row}).items():
            expected, d = np.zeros(outputs[key][n].shape), d_outputs[key][n]
            if expected.ndim == 2:
                expected[: len(value)], d = value.detach().numpy(), d[: len(value)]
            else:
                expected[:] = value.detach().numpy()
            np.testing.assert_allclose(
                outputs[key][n], expected, rtol=0, atol=ABSOLUTE, err_msg=f"{key}, row {n}, seed {SEED}"
            )
            total = total + (value * torch.from_numpy(d)).sum()
    total.backward()
    grads = run.backward(d_outputs if isinstance(run.outputs, dict) else d_outputs["output"])
    for key, parameter in theirs.layers.named_parameters():
        expected = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        np.testing.assert_allclose(
            grads.params[key], expected, rtol=0, atol=ABSOLUTE, err_msg=f"{key}, seed {SEED}"
        )
    for key, rows in tensors.items():
        expected = np.zeros(x[key].shape)
        for n, tensor in enumerate(rows):
            if tensor.grad is not None:
                expected[n][: len(tensor)] = tensor.grad.numpy()
        np.testing.assert_allclose(
            grads.inputs[key], expected, rtol=0, atol=ABSOLUTE, err_msg=f"{key}, seed {SEED}"
        )


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_loss_through_a_bridge_equals_pytorchs(kind: str) -> None:
    pair, rng = PAIRS[f"encoder and decoder, {kind}"], np.random.default_rng([SEED, 50])
    net = ost.Graph(pair.ours()["y"])
    theirs = Theirs(net, pair.layers)
    x = {key: rng.normal(size=(ROWS, STEPS[INPUTS[key][0]], INPUTS[key][1])) for key in ("s", "t")}
    targets = rng.integers(0, 3, (ROWS, STEPS["target"]))
    scores, wanted = [], []
    for n in range(ROWS):
        cut = {key: torch.from_numpy(x[key][n, : LENGTHS[INPUTS[key][0]][n]]) for key in x}
        scores.append(pair.theirs(theirs, cut)["y"])
        wanted.append(targets[n, : LENGTHS["target"][n]])
    loss = torch.nn.functional.cross_entropy(torch.cat(scores), torch.from_numpy(np.concatenate(wanted)))
    loss.backward()
    value, grads = net.value_and_grad(x, targets, loss="cross_entropy", lengths=LENGTHS)
    assert value == pytest.approx(loss.item(), abs=ABSOLUTE)
    assert net.loss_value(x, targets, loss="cross_entropy", lengths=LENGTHS)[0] == pytest.approx(
        value, rel=1e-12
    )
    for key, parameter in theirs.layers.named_parameters():
        np.testing.assert_allclose(grads.params[key], parameter.grad.numpy(), rtol=0, atol=ABSOLUTE)
