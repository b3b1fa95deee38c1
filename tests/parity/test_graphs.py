"""Graphs of symbols against PyTorch, live and with fresh seeds: `make parity`.

PyTorch computes each row by itself, so that no padding is involved, and adds the rows' gradients up; many to
one is also compared with packed sequences and their final states. OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

from torch.nn.utils.rnn import pack_padded_sequence  # noqa: E402

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Two float64 computations of some thousand operations in different orders; an error of method is far larger.
ABSOLUTE = 1e-10

ROWS, STEPS = 5, 7
LENGTHS = np.array([STEPS, 0, 3, STEPS, 1])


class Theirs:
    """The layers of PyTorch, by the names that the graph gives its own."""

    def __init__(self, net: ost.Graph, make: Callable[[], list[Any]]) -> None:
        self.layers = torch.nn.ModuleDict({str(n): layer.double() for n, layer in enumerate(make())})
        self.layers.load_state_dict({key: torch.from_numpy(v) for key, v in net.state_dict().items()})

    def steps(self, place: int, x: Any) -> Any:
        """A recurrent layer over one row (T, F); T may be 0."""
        layer = self.layers[str(place)]
        if len(x) == 0:
            return x.new_zeros(0, layer.hidden_size * (2 if layer.bidirectional else 1))
        return layer(x[None])[0][0]

    def dense(self, place: int, x: Any) -> Any:
        return self.layers[str(place)](x)


def empty_as_zeros(reduce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda h: reduce(h) if len(h) else h.new_zeros(h.shape[1])


REDUCED: dict[str, Callable[[Any], Any]] = {
    "last": empty_as_zeros(lambda h: h[-1]),
    "first": empty_as_zeros(lambda h: h[0]),
    "mean": empty_as_zeros(lambda h: h.mean(0)),
    "max": empty_as_zeros(lambda h: h.max(0).values),
    "sum": empty_as_zeros(lambda h: h.sum(0)),
}


def last_of_both(h: Any) -> Any:
    """[last step of forward; first step of backward]."""
    if not len(h):
        return h.new_zeros(h.shape[1])
    half = h.shape[1] // 2
    return torch.cat([h[-1, :half], h[0, half:]])


class Pair(NamedTuple):
    """The same graph twice: `ours`, and `theirs` for one row from the layers that `layers` makes."""

    ours: Callable[[], Any]
    layers: Callable[[], list[Any]]
    theirs: Callable[[Theirs, dict[str, Any]], Any]


def seq(name: str = "x", size: int = 3) -> Any:
    return ost.Input(name, size=size)


def row(name: str = "s", size: int = 2) -> Any:
    return ost.Input(name, size=size, axis="row")


def layer(kind: str, *sizes: int, **options: Any) -> Any:
    return getattr(ost, kind)(*sizes, dtype="float64", **options)


def many_to_one(kind: str, how: str, both: bool, layers: int = 1) -> Pair:
    def ours() -> Any:
        h = layer(kind, 3, 4, layers, bidirectional=both)(seq())
        return layer("Dense", h.width, 2)(getattr(ost, how)(h))

    def made() -> list[Any]:
        recurrent = getattr(torch.nn, kind)(3, 4, layers, bidirectional=both, batch_first=True)
        return [recurrent, torch.nn.Linear(8 if both else 4, 2)]

    reduce = last_of_both if both and how == "last" else REDUCED[how]
    return Pair(ours, made, lambda net, x: net.dense(1, reduce(net.steps(0, x["x"]))))


def one_to_many(kind: str) -> Pair:
    def ours() -> Any:
        h = layer(kind, 2, 4)(ost.repeat(row(), seq("clock", 1)))
        return layer("Dense", 4, 3)(h)

    return Pair(
        ours,
        lambda: [getattr(torch.nn, kind)(2, 4, batch_first=True), torch.nn.Linear(4, 3)],
        lambda net, x: net.dense(1, net.steps(0, x["s"].expand(len(x["clock"]), -1))),
    )


def with_a_row(kind: str, both: bool, size: int = 2) -> Pair:
    """From 8 features on, products of the row are computed once per row."""

    def ours() -> Any:
        x = seq()
        return layer(kind, 3 + size, 4, bidirectional=both)(ost.concat(x, ost.repeat(row("s", size), x)))

    return Pair(
        ours,
        lambda: [getattr(torch.nn, kind)(3 + size, 4, batch_first=True, bidirectional=both)],
        lambda net, x: net.steps(0, torch.cat([x["x"], x["s"].expand(len(x["x"]), -1)], 1)),
    )


def two_sequences() -> Pair:
    def ours() -> Any:
        a = layer("LSTM", 3, 4)(seq("a"))
        b = layer("Dense", 2, 4, "tanh")(seq("b", 2))
        return layer("GRU", 8, 3)(ost.concat(ost.add(a, b), ost.reverse(b)))

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        a, b = net.steps(0, x["a"]), torch.tanh(net.dense(1, x["b"]))
        return net.steps(2, torch.cat([a + b, b.flip(0)], 1))

    def made() -> list[Any]:
        return [
            torch.nn.LSTM(3, 4, batch_first=True),
            torch.nn.Linear(2, 4),
            torch.nn.GRU(8, 3, batch_first=True),
        ]

    return Pair(ours, made, theirs)


def two_outputs() -> Pair:
    def ours() -> Any:
        h = layer("GRU", 3, 4, bidirectional=True)(seq())
        tags = layer("Dense", 8, 5)(h)
        return {"tags": tags, "mood": layer("Dense", 10, 3)(ost.concat(ost.mean(h), row()))}

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        h = net.steps(0, x["x"])
        mood = net.dense(2, torch.cat([REDUCED["mean"](h), x["s"]]))
        return {"tags": net.dense(1, h), "mood": mood}

    def made() -> list[Any]:
        recurrent = torch.nn.GRU(3, 4, bidirectional=True, batch_first=True)
        return [recurrent, torch.nn.Linear(8, 5), torch.nn.Linear(10, 3)]

    return Pair(ours, made, theirs)


def siamese() -> Pair:
    def ours() -> Any:
        gru = layer("GRU", 3, 4)
        return layer("Dense", 8, 2)(ost.concat(ost.last(gru(seq("a"))), ost.last(gru(seq("b")))))

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        ends = [REDUCED["last"](net.steps(0, x[name])) for name in ("a", "b")]
        return net.dense(1, torch.cat(ends))

    return Pair(ours, lambda: [torch.nn.GRU(3, 4, batch_first=True), torch.nn.Linear(8, 2)], theirs)


def context() -> Pair:
    """A sequence is reduced, and the result read at every step of it; a residual connection."""

    def ours() -> Any:
        h = layer("LSTM", 3, 4)(seq())
        mean = layer("Dense", 4, 2, "tanh")(ost.max(h))
        again = layer("GRU", 6, 4)(ost.concat(h, ost.repeat(mean, h)))
        return {"steps": ost.add(again, h), "first": ost.first(again)}

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        h = net.steps(0, x["x"])
        mean = torch.tanh(net.dense(1, REDUCED["max"](h)))
        again = net.steps(2, torch.cat([h, mean.expand(len(h), -1)], 1))
        return {"steps": again + h, "first": REDUCED["first"](again)}

    def made() -> list[Any]:
        return [
            torch.nn.LSTM(3, 4, batch_first=True),
            torch.nn.Linear(4, 2),
            torch.nn.GRU(6, 4, batch_first=True),
        ]

    return Pair(ours, made, theirs)


def rows_alone() -> Pair:
    def ours() -> Any:
        a, b = layer("Dense", 2, 4, "tanh")(row()), layer("Dense", 3, 4)(row("t", 3))
        return layer("Dense", 4, 2)(ost.add(a, b))

    def theirs(net: Theirs, x: dict[str, Any]) -> Any:
        return net.dense(2, torch.tanh(net.dense(0, x["s"])) + net.dense(1, x["t"]))

    return Pair(ours, lambda: [torch.nn.Linear(2, 4), torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)], theirs)


PAIRS: dict[str, Pair] = {
    **{
        f"many to one, {kind}, {how}{', both ways' if both else ''}": many_to_one(kind, how, both)
        for kind in ("RNN", "LSTM", "GRU")
        for how in REDUCED
        for both in (False, True)
    },
    "many to one, LSTM, stacked both ways": many_to_one("LSTM", "last", True, 2),
    **{f"one to many, {kind}": one_to_many(kind) for kind in ("RNN", "LSTM", "GRU")},
    "a row with a sequence, LSTM": with_a_row("LSTM", False),
    "a row with a sequence, GRU, both ways": with_a_row("GRU", True),
    "a wide row with a sequence, LSTM": with_a_row("LSTM", False, 16),
    "a wide row with a sequence, GRU, both ways": with_a_row("GRU", True, 9),
    "a wide row with a sequence, RNN": with_a_row("RNN", False, 8),
    "two sequences": two_sequences(),
    "two outputs": two_outputs(),
    "siamese": siamese(),
    "context": context(),
    "rows alone": rows_alone(),
}

ROW_INPUTS = ("s", "t")


class Problem(NamedTuple):
    net: ost.Graph
    theirs: Theirs
    inputs: dict[str, np.ndarray]
    tensors: dict[str, list[Any]]
    """The inputs of each row, cut to its length; they collect gradients."""
    lengths: np.ndarray | None
    rng: np.random.Generator

    @property
    def x(self) -> Any:
        return self.inputs if len(self.inputs) > 1 else next(iter(self.inputs.values()))

    def by_row(self, pair: Pair) -> list[dict[str, Any]]:
        """What PyTorch gives for each row, by output."""
        found = []
        for n in range(ROWS):
            made = pair.theirs(self.theirs, {name: rows[n] for name, rows in self.tensors.items()})
            found.append(made if isinstance(made, Mapping) else {"output": made})
        return found

    def agree_with(self, grads: ost.Gradients) -> None:
        """The gradients that PyTorch collected are ours."""
        for name, parameter in self.theirs.layers.named_parameters():
            expected = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
            np.testing.assert_allclose(
                grads.params[name], expected, rtol=0, atol=ABSOLUTE, err_msg=f"{name}, seed {SEED}"
            )
        given = grads.inputs if isinstance(grads.inputs, dict) else {next(iter(self.inputs)): grads.inputs}
        for name, rows in self.tensors.items():
            expected = np.zeros(self.inputs[name].shape)
            for n, tensor in enumerate(rows):
                if tensor.grad is not None:
                    expected[n][: len(tensor)] = tensor.grad.numpy()
            np.testing.assert_allclose(
                given[name], expected, rtol=0, atol=ABSOLUTE, err_msg=f"{name}, seed {SEED}"
            )


def problem(name: str, ragged: bool) -> Problem:
    rng = np.random.default_rng([SEED, list(PAIRS).index(name)])
    outputs = PAIRS[name].ours()
    net = ost.Graph(outputs)
    net.arena[...] = rng.uniform(-0.6, 0.6, net.arena.shape)
    theirs = Theirs(net, PAIRS[name].layers)
    inputs, tensors = {}, {}
    rows_only = name == "rows alone"
    lengths = LENGTHS if ragged and not rows_only else None
    for key in net._ports.inputs:
        width = net._ports.inputs[key].width
        along = () if key in ROW_INPUTS else (STEPS,)
        inputs[key] = rng.normal(size=(ROWS, *along, width))
        cut = [STEPS] * ROWS if lengths is None or key in ROW_INPUTS else lengths
        tensors[key] = [
            torch.tensor(value[:length] if along else value, requires_grad=True)
            for value, length in zip(inputs[key], cut, strict=True)
        ]
    return Problem(net, theirs, inputs, tensors, lengths, rng)


def named(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"output": value}


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients_equal_pytorchs(name: str, ragged: bool) -> None:
    case = problem(name, ragged)
    run = case.net.run(case.x, lengths=case.lengths, training=True)
    outputs = named(run.outputs)
    d_outputs = {key: case.rng.normal(size=value.shape) for key, value in outputs.items()}
    total = 0.0
    for n, theirs in enumerate(case.by_row(PAIRS[name])):
        assert list(theirs) == list(outputs)
        for key, value in theirs.items():
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
    case.agree_with(run.backward(d_outputs if isinstance(run.outputs, dict) else d_outputs["output"]))


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("losses", [("cross_entropy", "cross_entropy"), ("mse", "cross_entropy")])
def test_two_losses_one_of_them_weighted_equal_pytorchs(losses: tuple[str, str], ragged: bool) -> None:
    case = problem("two outputs", ragged)
    widths, kinds = {"tags": 5, "mood": 3}, dict(zip(("tags", "mood"), losses, strict=True))
    lengths = np.full(ROWS, STEPS) if case.lengths is None else case.lengths
    shapes = {"tags": (ROWS, STEPS), "mood": (ROWS,)}
    targets = {
        key: case.rng.integers(0, widths[key], shapes[key])
        if kinds[key] == "cross_entropy"
        else case.rng.normal(size=(*shapes[key], widths[key]))
        for key in widths
    }
    compare = {"cross_entropy": torch.nn.functional.cross_entropy, "mse": torch.nn.functional.mse_loss}
    by_row = case.by_row(PAIRS["two outputs"])
    tags = torch.cat([one["tags"] for one in by_row])
    tag_targets = np.concatenate([targets["tags"][n, :length] for n, length in enumerate(lengths)])
    mood = torch.stack([one["mood"] for one in by_row])
    first = compare[kinds["tags"]](tags, torch.from_numpy(tag_targets))
    second = 0.3 * compare[kinds["mood"]](mood, torch.from_numpy(targets["mood"]))
    (first + second).backward()
    value, grads = case.net.value_and_grad(
        case.x,
        targets,
        loss={"tags": kinds["tags"], "mood": ost.weighted(kinds["mood"], 0.3)},
        lengths=case.lengths,
    )
    assert value == pytest.approx((first + second).item(), abs=ABSOLUTE)
    assert grads.losses == pytest.approx({"tags": first.item(), "mood": second.item()}, abs=ABSOLUTE)
    case.agree_with(grads)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_last_equals_the_final_state_of_pytorchs_packed_sequence(kind: str, both: bool, layers: int) -> None:
    rng = np.random.default_rng([SEED, 100 + layers])
    net = ost.Sequential(
        getattr(ost, kind)(3, 4, layers, bidirectional=both, dtype="float64"),
        ost.Last(),
        ost.Dense(8 if both else 4, 2, dtype="float64"),
    )
    recurrent = getattr(torch.nn, kind)(3, 4, layers, bidirectional=both, batch_first=True)
    theirs = torch.nn.ModuleDict({"0": recurrent, "2": torch.nn.Linear(8 if both else 4, 2)}).double()
    theirs.load_state_dict({key: torch.from_numpy(value) for key, value in net.state_dict().items()})
    alive = np.flatnonzero(LENGTHS)  # PyTorch packs no rows of length 0
    x = rng.normal(size=(ROWS, STEPS, 3))
    tensor = torch.tensor(x[alive], requires_grad=True)
    packed = pack_padded_sequence(
        tensor, torch.from_numpy(LENGTHS[alive]), batch_first=True, enforce_sorted=False
    )
    _, state = theirs["0"](packed)
    final = state[0] if kind == "LSTM" else state
    ends = torch.cat([final[-2], final[-1]], 1) if both else final[-1]
    y = theirs["2"](ends)
    run = net.run(x, lengths=LENGTHS, training=True)
    np.testing.assert_allclose(run.outputs[alive], y.detach().numpy(), rtol=0, atol=ABSOLUTE)
    np.testing.assert_array_equal(run.outputs[1], net.parameters()["2.bias"])
    d = rng.normal(size=run.outputs.shape)
    d[1] = 0
    y.backward(torch.from_numpy(d[alive]))
    grads = run.backward(d)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(
            grads.params[name], parameter.grad.numpy(), rtol=0, atol=ABSOLUTE, err_msg=f"{name}, seed {SEED}"
        )
    np.testing.assert_allclose(grads.inputs[alive], tensor.grad.numpy(), rtol=0, atol=ABSOLUTE)
    assert not grads.inputs[1].any()
