"""The table of graphs that every behavior test of graphs goes through. A new kind of node is a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import ostinato as ost
from ostinato import ops
from ostinato.network.symbol import Symbol

Outputs = Symbol | Mapping[str, Symbol]


class Maker:
    """Makes the symbols and layers of one graph in one dtype, and draws values for its inputs."""

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        self.inputs: dict[str, Symbol] = {}
        self._seed = 0

    def seq(self, name: str = "x", size: int = 3, axis: str = "time") -> Symbol:
        return self._kept(ost.Input(name, size=size, axis=axis))

    def row(self, name: str = "s", size: int = 2) -> Symbol:
        return self._kept(ost.Input(name, size=size, axis="row"))

    def ids(self, name: str = "w", ids: int = 5, axis: Any = "time") -> Symbol:
        return self._kept(ost.Input(name, ids=ids, axis=axis))

    def _kept(self, symbol: Symbol) -> Symbol:
        assert symbol.name is not None
        self.inputs[symbol.name] = symbol
        return symbol

    def layer(self, kind: str, *sizes: int, **options: Any) -> ost.Network:
        self._seed += 1
        return getattr(ost, kind)(*sizes, dtype=self.dtype, seed=self._seed, **options)


def siamese(m: Maker) -> Outputs:
    gru = m.layer("GRU", 3, 4)
    return m.layer("Dense", 8, 2)(ost.concat(ost.last(gru(m.seq("a"))), ost.last(gru(m.seq("b")))))


def residual(m: Maker) -> Outputs:
    x = m.seq()
    h = ost.add(x, m.layer("LSTM", 3, 3)(x))
    return m.layer("Dense", 3, 2)(ost.add(h, m.layer("Dense", 3, 3, "tanh")(h)))


def one_to_many(m: Maker) -> Outputs:
    return m.layer("GRU", 2, 4)(ost.repeat(m.row(), m.seq("clock", 1)))


def context(m: Maker) -> Outputs:
    """The mean of a sequence, read again at every step of it."""
    h = m.layer("GRU", 3, 4)(m.seq())
    mean = m.layer("Dense", 4, 2, "tanh")(ost.mean(h))
    return m.layer("RNN", 6, 3)(ost.concat(h, ost.repeat(mean, h)))


def tagger(m: Maker) -> Outputs:
    """Two inputs, two outputs, ids: the example of the class."""
    h = m.layer("GRU", 3, 4, bidirectional=True)(m.layer("Embedding", 5, 3)(m.ids()))
    mood = m.layer("Dense", 10, 3)(ost.concat(ost.mean(h), m.row()))
    return {"tags": m.layer("Dense", 8, 4)(h), "mood": mood}


def one_value_many_outputs(m: Maker) -> Outputs:
    h = m.layer("LSTM", 3, 4)(m.seq())
    return {"all": h, "again": h, "mean": ost.mean(h), "max": ost.max(h), "head": m.layer("Dense", 4, 2)(h)}


def reductions_of_the_input(m: Maker) -> Outputs:
    x = m.seq()
    return {
        "y": m.layer("GRU", 3, 2)(x),
        "last": ost.last(x),
        "first": ost.first(x),
        "mean": ost.mean(x),
        "max": ost.max(x),
        "sum": ost.sum(x),
    }


def on_both_axes(m: Maker) -> Outputs:
    """One layer on a sequence and on values of rows."""
    x, dense = m.seq(), m.layer("Dense", 3, 3, "tanh")
    return {"steps": dense(x), "rows": dense(ost.max(dense(x)))}


def rows_alone(m: Maker) -> Outputs:
    s, k = m.layer("Dense", 2, 3, "tanh")(m.row()), m.layer("Embedding", 5, 3)(m.ids("k", axis="row"))
    return {"sum": ost.add(s, k), "head": m.layer("Dense", 6, 2)(ost.concat(s, k))}


def twice_over_itself(m: Maker) -> Outputs:
    rnn = m.layer("RNN", 3, 3)
    return ost.concat(rnn(rnn(m.seq())), rnn(m.seq("b")))


def layers_of_reductions(m: Maker) -> Outputs:
    x = m.seq()
    return ost.concat([layer(x) for layer in (ost.Last(), ost.First(), ost.Mean(), ost.Max(), ost.Sum())])


def reversed_twice(m: Maker) -> Outputs:
    x = m.seq()
    back = ost.reverse(m.layer("GRU", 3, 3)(ost.reverse(x)))
    return {"y": ost.add(back, x), "last": ost.last(ost.reverse(back))}


def last_of(kind: str, **options: Any) -> Callable[[Maker], Outputs]:
    def build(m: Maker) -> Outputs:
        h = m.layer(kind, 3, 4, **options)(m.seq())
        return m.layer("Dense", h.width, 2)(ost.last(h))

    return build


def reduced(name: str) -> Callable[[Maker], Outputs]:
    return lambda m: m.layer("Dense", 4, 2)(getattr(ost, name)(m.layer("LSTM", 3, 4)(m.seq())))


def operators(m: Maker) -> Outputs:
    """Highway: the gate has one feature, and a row scales all steps."""
    x, s = m.seq(), m.row("s", 3)
    gate = m.layer("Dense", 3, 1, "sigmoid")(x)
    y = gate * m.layer("Dense", 3, 3, "tanh")(x) + (1 - gate) * x
    return {"y": y * s - x / 2, "power": np.float64(2) * (-y) ** 2, "rows": ost.mean(2 * y) + s}


def slices(m: Maker) -> Outputs:
    """Columns that overlap, of one value; one column is read by nothing."""
    x, h = m.seq(), m.layer("GRU", 3, 5)(m.seq("b"))
    middle = ost.slice(h, 1, 4)
    return {
        "y": m.layer("RNN", 3, 2)(middle + x),
        "max": ost.max(h[..., 2:4]),
        "reverse": ost.reverse(h[..., :2]),
        "again": m.layer("Dense", 1, 2)(middle[..., -1:]),
    }


def beside_a_row(m: Maker) -> Outputs:
    x = m.seq()
    return m.layer("GRU", 5, 4)(ost.concat(x, ost.repeat(m.row(), x)))


def pair(m: Maker) -> tuple[Symbol, Symbol]:
    return m.seq("src", 3, "source"), m.seq("tgt", 2, "target")


def two_axes(m: Maker) -> Outputs:
    """Sequences on two axes, each reduced, and the values of rows joined."""
    s, t = pair(m)
    g, h = m.layer("GRU", 3, 4, bidirectional=True)(s), m.layer("LSTM", 2, 3)(t)
    joined = m.layer("Dense", 16, 2)(
        ost.concat(ost.last(g), ost.mean(h), ost.max(s), ost.last(ost.reverse(t)))
    )
    return {"joined": joined, "g": g, "h": h}


def repeated_on_the_other_axis(m: Maker) -> Outputs:
    s, t = pair(m)
    code = m.layer("Dense", 8, 2, "tanh")(ost.last(m.layer("GRU", 3, 4, bidirectional=True)(s)))
    h = m.layer("GRU", 4, 3)(ost.concat(t, ost.repeat(code, t)))
    back = ost.concat(s, ost.repeat(ost.sum(h), s))
    return {"target": h, "source": m.layer("RNN", 6, 2)(back), "code": code}


def encoder_decoder(kind: str, **options: Any) -> Callable[[Maker], Outputs]:
    """All final states of an encoder are the initial states of a decoder of the same make."""

    def build(m: Maker) -> Outputs:
        s, t = pair(m)
        states = ost.final_states(m.layer(kind, 3, 4, **options)(s))
        h = m.layer(kind, 2, 4, **options)(t, initial_state=states)
        return m.layer("Dense", h.width, 3)(h)

    return build


def bridge(m: Maker) -> Outputs:
    """Both directions of an encoder, through a layer, to one state of the decoder; the other is free."""
    s, t = pair(m)
    y = m.layer("GRU", 3, 4, bidirectional=True)(s)
    h = m.layer("Dense", 8, 3, "tanh")(ost.concat(ost.final_states(y)["h"]))
    decoded = m.layer("LSTM", 2, 3)(t, initial_state={"h": h})
    return {"y": decoded, "c": ost.final_state(decoded, "c"), "bridge": h}


def bridge_on_one_axis(m: Maker) -> Outputs:
    x = m.seq()
    y = m.layer("LSTM", 3, 4)(x)
    again = m.layer("LSTM", 3, 4)(ost.reverse(x), initial_state=ost.final_states(y))
    return {"y": again, "h": ost.final_state(y, "h"), "mean": ost.mean(y)}


def state_from_an_input(m: Maker) -> Outputs:
    """An input of rows starts a layer, which is called twice; three axes in a chain."""
    s, t = pair(m)
    gru, start = m.layer("GRU", 2, 2), m.row()
    h = gru(t, initial_state={"h": start})
    other = gru(m.seq("u", 2, "third"), initial_state={"h": ost.final_state(h, "h")})
    last = m.layer("RNN", 3, 2)(s, initial_state={"h": ost.last(other)})
    return {"last": last, "h": h}


MAKES: dict[str, Callable[[Maker], Outputs]] = {
    "last": last_of("GRU"),
    "last, both ways": last_of("LSTM", bidirectional=True),
    "last, both ways, stacked": last_of("GRU", num_layers=2, bidirectional=True),
    "last, wrapped both ways": lambda m: ost.last(ost.Bidirectional(m.layer("GRU", 3, 2))(m.seq())),
    "last of a step after both ways": lambda m: ost.last(
        m.layer("Dense", 4, 2)(m.layer("RNN", 3, 2, bidirectional=True)(m.seq()))
    ),
    "last, residual": lambda m: ost.last(m.layer("GRU", 4, 4, 2, residual=True)(m.seq("x", 4))),
    "mean, residual both ways": lambda m: ost.mean(
        m.layer("GRU", 3, 2, 2, residual=True, bidirectional=True)(m.seq())
    ),
    "first": reduced("first"),
    "mean": reduced("mean"),
    "max": reduced("max"),
    "sum": reduced("sum"),
    "one to many": one_to_many,
    "a row with a sequence": beside_a_row,
    "context": context,
    "add two sequences": lambda m: m.layer("RNN", 3, 4)(ost.add(m.seq("a"), m.seq("b"))),
    "concat two sequences": lambda m: m.layer("MinGRU", 5, 4)(ost.concat(m.seq("a"), m.seq("b", 2))),
    "reverse": reversed_twice,
    "one value twice": lambda m: ost.concat((x := m.layer("Dense", 3, 2)(m.seq())), x, ost.add(x, x)),
    "tagger": tagger,
    "siamese": siamese,
    "a layer over itself": twice_over_itself,
    "a layer on both axes": on_both_axes,
    "one value, many outputs": one_value_many_outputs,
    "reductions of the input": reductions_of_the_input,
    "layers of reductions": layers_of_reductions,
    "the input itself": lambda m: {"same": (x := m.seq()), "turned": ost.reverse(x)},
    "no state": lambda m: m.layer("Dense", 3, 2, "tanh")(m.seq()),
    "residual": residual,
    "operators": operators,
    "operators of rows": lambda m: m.layer("Dense", 2, 3)(1.0 - m.row() * m.row("t", 2)),
    "a gate that a row opens": lambda m: ost.apply(
        lambda x, s: x * ops.sigmoid(ops.sum(s)), m.layer("GRU", 3, 4)(m.seq()), m.row()
    ),
    "a function of ids": lambda m: ost.apply(
        lambda id, x: x * (1 + ops.sum(ops.one_hot(id, 5)[:2])), m.ids(), m.layer("Dense", 3, 2)(m.seq())
    ),
    "a function of one value twice": lambda m: (x := m.layer("RNN", 3, 2)(m.seq())) * x,
    "slices": slices,
    "slices of rows": lambda m: m.layer("Dense", 3, 2)(ost.concat(m.row()[..., 1:], m.row("t")[..., :2])),
    "slices of the input": lambda m: {"y": (x := m.seq())[..., 1:2], "z": m.layer("Dense", 2, 2)(x[..., :2])},
    "last of a slice, both ways": lambda m: m.layer("Dense", 3, 2)(
        ost.last(m.layer("GRU", 3, 4, bidirectional=True)(m.seq())[..., 3:6])
    ),
    "rows alone": rows_alone,
    "two axes": two_axes,
    "repeated on the other axis": repeated_on_the_other_axis,
    "encoder and decoder": encoder_decoder("GRU"),
    "encoder and decoder, LSTM": encoder_decoder("LSTM"),
    "encoder and decoder, stacked both ways": encoder_decoder("GRU", num_layers=2, bidirectional=True),
    "bridge": bridge,
    "bridge on one axis": bridge_on_one_axis,
    "states from an input": state_from_an_input,
    "a sequential inside": lambda m: {
        "y": ost.Sequential(m.layer("GRU", 3, 4, bidirectional=True), ost.Last(), m.layer("Dense", 8, 2))(
            m.seq()
        )
    },
}


# Nothing in them says that they compute in float64.
WITHOUT_LAYERS = ("layers of reductions", "the input itself")


class Case(NamedTuple):
    """A graph with values for its inputs, and the arguments for rows of different lengths."""

    net: ost.Graph
    inputs: dict[str, np.ndarray]
    ragged: dict[str, Any]
    axes: dict[str, str]
    """Of each output: "row", or the axis of a sequence."""
    input_axes: dict[str, str]
    rows: int
    steps_of: dict[str, int]
    """Of each axis of sequences."""

    @property
    def steps(self) -> int:
        """Of the axis "time"."""
        return self.steps_of["time"]

    def valid(self, axis: str) -> np.ndarray:
        """(N, T): which steps are within the lengths; (N,) for "row"."""
        if axis == "row":
            return np.ones(self.rows, bool)
        lengths = self.ragged["lengths"]
        lengths = lengths[axis] if isinstance(lengths, dict) else lengths
        return np.arange(self.steps_of[axis]) < lengths[:, None]

    @property
    def x(self) -> Any:
        """The inputs as `run` takes them."""
        return self.inputs if len(self.inputs) > 1 else next(iter(self.inputs.values()))

    def by_output(self, make: Callable[[str, tuple[int, ...]], Any]) -> dict[str, Any]:
        """`make(name, shape)` for each output."""
        outputs = named(self.net.run(self.x).outputs)
        return {name: make(name, value.shape) for name, value in outputs.items()}

    def given(self, value: dict[str, Any]) -> Any:
        """What is for each output, as the network takes it: a dict, or an array for a plain output."""
        return value if not self.plain else value["output"]

    @property
    def plain(self) -> bool:
        return not isinstance(self.net.run(self.x).outputs, dict)


def named(outputs: Any) -> dict[str, Any]:
    """Outputs, or what goes with them, by name."""
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def case(name: str, dtype: str = "float64", rows: int = 4, steps: int = 5, resets: bool = False) -> Case:
    """A graph of the table with random parameters and inputs; one row has all steps, another has none."""
    maker = Maker(dtype)
    outputs = MAKES[name](maker)
    net = ost.Graph(outputs)
    rng = np.random.default_rng(7)
    net.arena[...] = rng.uniform(-0.7, 0.7, net.arena.shape)
    input_axes = {key: symbol.axis for key, symbol in maker.inputs.items()}
    along = [axis for axis in dict.fromkeys(input_axes.values()) if axis != "row"]
    steps_of = {axis: steps + 2 * place for place, axis in enumerate(along)}
    inputs = {}
    for key, symbol in maker.inputs.items():
        shape = (rows,) if symbol.axis == "row" else (rows, steps_of[symbol.axis])
        if symbol.limit is not None:
            inputs[key] = rng.integers(0, symbol.limit, shape)
        else:
            inputs[key] = rng.normal(size=(*shape, symbol.width)).astype(dtype)
    ragged: dict[str, Any] = {}
    if along:
        lengths = {axis: rng.integers(1, steps_of[axis] + 1, rows) for axis in along}
        for place, axis in enumerate(along):  # a row of length 0 on one axis has steps on the others
            lengths[axis][(0 + place) % rows], lengths[axis][(1 + place) % rows] = steps_of[axis], 0
        ragged["lengths"] = lengths if len(along) > 1 else lengths[along[0]]
        if resets and len(along) == 1:
            ragged["resets"] = rng.random((rows, steps)) < 0.4
            ragged["resets"][0, 0] = True
    symbols = named(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
    axes = {key: symbol.axis for key, symbol in symbols.items()}
    return Case(net, inputs, ragged, axes, input_axes, rows, steps_of)


def state_of(case: Case, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A random initial state, of the states that do not start from a value of the graph."""
    states = finals_of(case, rng)
    return {name: value for name, value in states.items() if name not in case.net._graph.bridged}


def finals_of(case: Case, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random arrays like the final state."""
    return {
        name: rng.normal(size=(places, case.rows, *size)).astype(case.net.dtype)
        for name, (places, *size) in case.net.state_shapes.items()
    }
