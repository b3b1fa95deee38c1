"""Random graphs: directional derivatives, threads, and rows by themselves. A failure names its seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.network.symbol import Symbol

D = {"dtype": "float64"}
REDUCTIONS = ("last", "first", "mean", "max", "sum")
OF_SEQUENCES = ("recurrent", "both ways", "dense", "concat", "add", "reverse", "shared")
OF_ROWS = ("dense of rows", "function of rows", "concat of rows", "add of rows", "repeat", "reduce")
BRIDGES = ("final state", "initial state", "encoder and decoder")
WIDEST = 12


class Drawn:
    """A graph that grows by one random node at a time."""

    def __init__(self, rng: np.random.Generator, with_rows: bool = True) -> None:
        self.rng = rng
        words = ost.Embedding(5, 3, **D)(ost.Input("w", ids=5))
        self.sequences = [ost.Input("a", size=3), ost.Input("b", size=2), words]
        if with_rows:
            others = ost.Embedding(4, 3, **D)(ost.Input("v", ids=4, axis="other"))
            self.sequences += [ost.Input("c", size=3, axis="other"), others]
        self.rows = [ost.Input("s", size=2, axis="row")]
        self.layers: list[ost.Network] = []
        ops = OF_SEQUENCES + (OF_ROWS + OF_ROWS + BRIDGES + BRIDGES if with_rows else ())
        for _ in range(rng.integers(3, 14)):
            self.grow(ops[rng.integers(len(ops))])
        pools = [self.sequences, self.rows] if with_rows else [self.sequences]
        outputs = {f"o{n}": self.late(self.one(pools)) for n in range(rng.integers(1, 4))}
        # Whatever else is drawn, there is a sequence and a layer that says float64.
        anchor = ost.Dense(3, 1, **D)(self.sequences[0])
        self.net = ost.Graph({**outputs, "anchor": anchor})
        self.net.arena[...] = rng.uniform(-0.6, 0.6, self.net.arena.shape)

    def one(self, pool: list[Any]) -> Any:
        return pool[self.rng.integers(len(pool))]

    def late(self, pool: list[Symbol]) -> Symbol:
        return pool[max(0, len(pool) - 1 - int(self.rng.integers(3)))]

    def called(self, kind: str, x: Symbol, *sizes: Any, **options: Any) -> Symbol:
        layer = getattr(ost, kind)(x.width, *sizes, seed=int(self.rng.integers(1000)), **D, **options)
        self.layers.append(layer)
        return layer(x)

    def grow(self, op: str) -> None:
        x, row = self.one(self.sequences), self.one(self.rows)
        if op == "recurrent":
            made = self.called(self.one(["GRU", "LSTM", "RNN", "MinGRU"]), x, 3)
        elif op == "both ways":
            made = self.called("GRU", x, 2, bidirectional=True)
        elif op == "dense":
            made = self.called("Dense", x, 3, "tanh")
        elif op == "dense of rows":
            made = self.called("Dense", row, 3, "tanh")
        elif op == "function of rows":
            made = ost.apply(lambda s: s / (1.0 + s * s), row)
        elif op == "concat":
            made = ost.concat(x, self.one([y for y in self.sequences if y.axis == x.axis]))
        elif op == "concat of rows":
            made = ost.concat(row, self.one(self.rows))
        elif op == "add":
            same = [y for y in self.sequences if (y.width, y.axis) == (x.width, x.axis)]
            made = ost.add(x, self.one(same))
        elif op == "add of rows":
            made = ost.add(row, self.one([y for y in self.rows if y.width == row.width]))
        elif op == "reverse":
            made = ost.reverse(x)
        elif op == "repeat":
            made = ost.repeat(row, x)
        elif op == "reduce":
            made = getattr(ost, self.one(list(REDUCTIONS)))(x)
        elif op == "final state":
            made = self.final_state(x)
        elif op == "initial state":
            made = ost.GRU(x.width, row.width, seed=int(self.rng.integers(1000)), **D)(
                x, initial_state={"h": row}
            )
        elif op == "encoder and decoder":
            encoder = self.called(
                "LSTM", self.one(self.sequences), 3, bidirectional=bool(self.rng.integers(2))
            )
            decoder = ost.LSTM(x.width, 3, bidirectional=encoder.width == 6, seed=1, **D)
            made = decoder(x, initial_state=ost.final_states(encoder))
        else:
            made = self.again(x)
        if made.width <= WIDEST:
            (self.rows if made.axis == "row" else self.sequences).append(made)

    def final_state(self, x: Symbol) -> Symbol:
        """A final state of a layer that was called before, or of a new one over `x`."""
        made = [y for y in self.sequences if y.op == "layer" and y.layer.state_shapes]
        y = self.one(made) if made else self.called("GRU", x, 3)
        name = self.one(list(y.layer.state_shapes))
        return ost.final_state(y, name, int(self.rng.integers(y.layer.state_shapes[name][0])))

    def again(self, x: Symbol) -> Symbol:
        """A layer that was called before, called once more where one fits."""
        fitting = [layer for layer in self.layers if layer.input_size == x.width]
        return self.one(fitting)(x) if fitting else x

    def batch(self) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, np.ndarray]]:
        """Inputs, lengths with resets, and an initial state."""
        rng, rows = self.rng, int(self.rng.integers(1, 7))
        steps = {axis: int(rng.integers(1, 9)) for axis in self.net._ports.axes}
        inputs = {}
        for name, node in self.net._ports.inputs.items():
            shape = (rows,) if node.axis == "row" else (rows, steps[node.axis])
            inputs[name] = (
                rng.normal(size=(*shape, node.width))
                if node.limit is None
                else rng.integers(0, node.limit, shape)
            )
        lengths = {axis: rng.integers(0, count + 1, rows) for axis, count in steps.items()}
        ragged: dict[str, Any] = {"lengths": lengths}
        if len(steps) == 1:
            ragged["lengths"] = lengths["time"]
            if rng.random() < 0.5:
                ragged["resets"] = rng.random((rows, steps["time"])) < 0.3
        state = {
            name: rng.normal(size=(places, rows, *size))
            for name, (places, *size) in self.net.state_shapes.items()
            if name not in self.net._graph.bridged
        }
        return inputs, ragged, state


def given(inputs: dict[str, np.ndarray]) -> Any:
    return inputs if len(inputs) > 1 else next(iter(inputs.values()))


@pytest.mark.parametrize("seed", range(40))
def test_a_random_graph_has_the_gradient_of_its_outputs(seed: int, threads: Any) -> None:
    rng = np.random.default_rng(seed)
    drawn = Drawn(rng)
    net = drawn.net
    inputs, ragged, state = drawn.batch()
    threads(int(rng.integers(1, 5)))
    run = net.run(given(inputs), state=state, training=True, **ragged)
    d_outputs = {name: rng.normal(size=value.shape) for name, value in run.outputs.items()}
    d_final = {name: rng.normal(size=value.shape) for name, value in run.final_state.items()}
    grads = run.backward(d_outputs, d_final)
    d_inputs = grads.inputs if len(inputs) > 1 else dict(zip(inputs, [grads.inputs], strict=True))
    pairs = [(net.parameters()[name], value) for name, value in grads.params.items()]
    pairs += [(inputs[name], value) for name, value in d_inputs.items() if value is not None]
    pairs += [(state[name], value) for name, value in grads.initial_state.items()]
    bases = [array.copy() for array, _ in pairs]
    directions = [rng.normal(size=array.shape) for array, _ in pairs]
    analytic = sum(float((value * way).sum()) for (_, value), way in zip(pairs, directions, strict=True))

    def scalar(step: float) -> float:
        for (array, _), base, way in zip(pairs, bases, directions, strict=True):
            array[...] = base + step * way
        run = net.run(given(inputs), state=state, **ragged)
        total = sum((d_outputs[name] * value).sum() for name, value in run.outputs.items())
        return float(total + sum((d_final[name] * value).sum() for name, value in run.final_state.items()))

    numeric = (scalar(1e-5) - scalar(-1e-5)) / 2e-5
    # Central differences of this step are off by some 1e-10 times the third derivative.
    assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_a_random_graph_gives_the_same_bits_for_any_threads_and_without_input_gradients(
    seed: int, threads: Any
) -> None:
    rng = np.random.default_rng([1, seed])
    drawn = Drawn(rng)
    inputs, ragged, state = drawn.batch()
    outputs = drawn.net.run(given(inputs)).outputs
    targets = {name: rng.normal(size=value.shape) for name, value in outputs.items()}
    arguments = {"loss": dict.fromkeys(targets, "mse"), "state": state, **ragged}
    results = []
    for count in (1, 2, 3, 4):
        threads(count)
        for input_gradient in (True, False):
            results.append(
                drawn.net.value_and_grad(given(inputs), targets, input_gradient=input_gradient, **arguments)
            )
    for value, grads in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(grads.arena, results[0][1].arena)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_graph_has_the_bits_of_full_bptt_in_segments(seed: int) -> None:
    rng = np.random.default_rng([3, seed])
    drawn = Drawn(rng)
    inputs, ragged, _ = drawn.batch()
    # 16 rows are groups of 8, whose blocks of time have 32 steps
    inputs = {
        name: np.concatenate([value] * 16)[:16]
        if drawn.net.inputs[name].axis == "row"
        else np.tile(np.concatenate([value] * 16)[:16], (1, 12, *[1] * (value.ndim - 2)))
        for name, value in inputs.items()
    }
    steps = {
        port.axis: inputs[name].shape[1] for name, port in drawn.net.inputs.items() if port.axis != "row"
    }
    arguments: dict[str, Any] = {
        "lengths": {axis: rng.integers(0, count + 1, 16) for axis, count in steps.items()},
        "mask": {axis: rng.random((16, count)) < 0.8 for axis, count in steps.items()},
    }
    if len(steps) == 1 and "resets" in ragged:
        arguments["resets"] = rng.random((16, steps["time"])) < 0.1
    outputs = drawn.net.run(given(inputs)).outputs
    targets = {name: rng.normal(size=value.shape) for name, value in outputs.items()}
    arguments["loss"] = dict.fromkeys(targets, "mse")
    value, full = drawn.net.value_and_grad(given(inputs), targets, **arguments)
    other, grads = drawn.net.value_and_grad(
        given(inputs), targets, through_time=ost.CheckpointedBPTT("sqrt"), **arguments
    )
    assert other == value
    assert grads.arena.tobytes() == full.arena.tobytes()
    for name, final in full.final_state.items():
        assert grads.final_state[name].tobytes() == final.tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_random_graph_of_sequences_trains_alike_in_pieces_of_time(seed: int) -> None:
    rng = np.random.default_rng([2, seed])
    drawn = Drawn(rng, with_rows=False)
    inputs, ragged, state = drawn.batch()
    outputs = drawn.net.run(given(inputs)).outputs
    targets = {name: rng.normal(size=value.shape) for name, value in outputs.items()}
    arguments = {"loss": dict.fromkeys(targets, "mse"), "state": state, **ragged}
    value, full = drawn.net.value_and_grad(given(inputs), targets, **arguments)
    steps = next(iter(inputs.values())).shape[1]
    for way in (ost.CheckpointedBPTT("sqrt"), ost.TruncatedBPTT(steps, steps)):
        try:
            other, grads = drawn.net.value_and_grad(given(inputs), targets, through_time=way, **arguments)
        except ost.ConfigError as error:
            assert "combines a forward sequence with a reversed one" in str(error)
            continue
        assert other == value
        np.testing.assert_array_equal(grads.arena, full.arena)
