"""The table of layers as authors write them: every test of layers goes through it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ostinato as ost
from ostinato import ops


class Highway(ost.Layer):
    """gate * f(x) + (1 - gate) * x. Source: Srivastava et al. 2015, eq. 3."""

    examples = ({"input_size": 3}, {"input_size": 2, "activation": "relu"})

    input_size: int
    activation: str = "tanh"

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the output."""
        gate = ost.Dense(x.width, x.width, "sigmoid")(x)
        return gate * ost.Dense(x.width, x.width, self.activation)(x) + (1 - gate) * x


class Classifier(ost.Layer):
    """Many to one: both ends and the mean of a recurrent layer, then two dense layers."""

    examples = ({"input_size": 3, "classes": 2},)

    input_size: int
    classes: int
    hidden: int = 3
    dropout: float = 0.0

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the scores of the classes."""
        h = ost.GRU(x.width, self.hidden, bidirectional=True)(x)
        h = ost.concat(ost.last(h), ost.mean(h))
        if self.dropout:
            h = ost.Dropout(self.dropout)(h)
        return ost.Dense(self.hidden, self.classes)(ost.Dense(4 * self.hidden, self.hidden, "tanh")(h))


class Noisy(Classifier):
    """With dropout: the options of the class that it is derived from, other defaults."""

    examples = ({"input_size": 3, "classes": 2},)

    dropout: float = 0.4


class Tied(ost.Layer):
    """One layer over itself: its parameters count once."""

    examples = ({"input_size": 3}, {"input_size": 2, "times": 3})

    input_size: int
    times: int = 2

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the output."""
        layer = ost.RNN(x.width, x.width)
        for _ in range(self.times):
            x = layer(x)
        return x


class Bag(ost.Layer):
    """The mean embedding of ids, for a text."""

    examples = ({"ids": 5, "size": 3},)

    ids: int
    size: int

    def input_symbols(self) -> Iterable[ost.Symbol]:
        """Ids along time."""
        return [ost.Input("text", ids=self.ids)]

    def build(self, text: ost.Symbol) -> ost.Symbol:
        """Return the mean."""
        return ost.mean(ost.Embedding(self.ids, self.size)(text))


class Film(ost.Layer):
    """A row scales and shifts a sequence. Source: Perez et al. 2018, eq. 2."""

    name = "film"
    examples = ({"input_size": 3, "condition": 2},)

    input_size: int
    condition: int

    def input_symbols(self) -> Iterable[ost.Symbol]:
        """A sequence and a value of rows."""
        return ost.Input("x", size=self.input_size), ost.Input("condition", size=self.condition, axis="row")

    def build(self, x: ost.Symbol, condition: ost.Symbol) -> ost.Symbol:
        """Return gamma * x + beta."""
        gamma = ost.Dense(self.condition, x.width)(condition)
        beta = ost.Dense(self.condition, x.width, bias=False)(condition)
        return ost.apply(lambda x, gamma, beta: gamma * x + beta, x, gamma, beta)


class Reader(ost.Layer):
    """Attention of a row to a sequence, with a layer of the user's in it."""

    examples = ({"input_size": 2, "memory": 4},)

    input_size: int
    memory: int
    scorer: str = "additive"

    def input_symbols(self) -> Iterable[ost.Symbol]:
        """A value of rows and a sequence."""
        return ost.Input("query", size=self.input_size, axis="row"), ost.Input("memory", size=self.memory)

    def build(self, query: ost.Symbol, memory: ost.Symbol) -> ost.Symbol:
        """Return what is found."""
        attention = ost.Attention(self.scorer, self.input_size, self.memory)
        found = attention(query, Highway(self.memory)(memory))
        return ost.concat(query, found)


class Decay(ost.Cell):
    """A cell of the user's: a leaky mean, with a learned rate."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        """The rate."""
        return {"rate": ost.Param((size.hidden,), init="zeros")}

    def state(self, size: Any) -> dict[str, ost.State]:
        """The mean."""
        return {"mean": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the mean."""
        rate = ops.sigmoid(p.rate)
        mean = rate * state.mean + (1 - rate) * x
        return mean, {"mean": mean}


class Smooth(ost.Layer):
    """A layer with a step program of its own, regularized, both ways."""

    examples = ({"input_size": 3},)

    input_size: int

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return both directions."""
        layer = ost.Recurrent(Decay, x.width, x.width, bidirectional=True, regularizers=[ost.Zoneout(0.2)])
        return ost.reverse(layer(x))


class Plain(ost.Layer):
    """A function without parameters."""

    examples = ({"input_size": 3},)

    input_size: int

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the standardized features."""
        return ost.apply(lambda x: (x - ops.mean(x)) / ops.sqrt(ops.mean((x - ops.mean(x)) ** 2) + 0.1), x)


LAYERS: tuple[type[ost.Layer], ...] = (
    Highway,
    Classifier,
    Noisy,
    Tied,
    Bag,
    Film,
    Reader,
    Smooth,
    Plain,
)
