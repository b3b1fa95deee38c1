"""`Attention`: weighted means of a memory, whose weights a scorer decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ostinato import checks, ops
from ostinato.buffers import buffered
from ostinato.cell import Cell, Memory, Param, State
from ostinato.dims import Dim, describe
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.foreign.calls import hinted
from ostinato.layers.attention_in_graph import attended
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.step_attention import StepAttention
from ostinato.namespace import Names
from ostinato.network.check import dtype_name, size
from ostinato.network.parameters import Parameters
from ostinato.network.run import Run
from ostinato.network.symbol import Symbol
from ostinato.plugins.registry import registry
from ostinato.scorer import Scorer
from ostinato.sequences.arrays import as_array, within
from ostinato.sequences.axis import ROW

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class AttentionGradients:
    """Gradients of a run: of the parameters by name, of the queries and of the memory, in their shapes."""

    params: dict[str, Array]
    query: Array
    memory: Array


class Attention:
    """context = sum over s of weight_s memory_s; the weights are the softmax of a scorer's scores.

    Args:
        scorer: a name ("additive", "acme/mine"), a Scorer subclass or an instance.
        query_size: features of a query.
        memory_size: features of a memory entry, which is key and value in one.
        dtype: float32 or float64.
        seed: the same seed gives the same parameters.
        **options: options of the scorer, unless that is an instance.

    `attention(query, memory)` with symbols is a part of a graph: queries at every step, (N, T, query_size),
    and a memory along any axis -> (N, T, memory_size); or one query for each row, (N, query_size), and a
    memory along time -> (N, memory_size). With arrays it is `run(query, memory).context`.

    The scorer is a step in equations, run by the engine as any other. A scorer of several heads divides the
    memory's features among them: head k's weights average the k-th part. Raises ConfigError for a bad
    argument or an unknown name; ShapeError or TraceError for a scorer that cannot be traced.

    Sources: Bahdanau et al. 2015; Luong et al. 2015; heads: Vaswani et al. 2017, section 3.2.2.
    """

    @hinted("Attention")
    def __init__(
        self,
        scorer: str | type[Scorer] | Scorer,
        query_size: int,
        memory_size: int,
        *,
        dtype: Any = "float32",
        seed: int = 0,
        **options: Any,
    ) -> None:
        self.scorer = registry.make("scorer", scorer, Scorer, options)
        self.query_size = size("Attention", "query_size", query_size)
        self.memory_size = size("Attention", "memory_size", memory_size)
        self.past = checks.whole(f"scorer {self.scorer.name!r}", "past", self.scorer.past, at_least=0)
        self._scores = _Scores(self.scorer, self.query_size, self.memory_size, self.past)
        self.net = Recurrent(
            self._scores,
            self.query_size + self.memory_size + 2 + self._window,
            1,
            dtype=dtype_name("Attention", dtype),
            seed=seed,
        )
        self.dtype = self.net.dtype
        self._contexts: Recurrent | None = None
        self.heads = self.net._units[0][0].output_size
        if memory_size % self.heads:
            raise ConfigError(
                f"memory_size is {memory_size}; expected a multiple of the {self.heads} heads "
                f"of scorer {shown(self.scorer.name)}"
            )
        if self.past and self.heads > 1:
            raise ConfigError(
                f"scorer {shown(self.scorer.name)} has a past and {self.heads} heads; expected one head"
            )

    def __repr__(self) -> str:
        return f"Attention({self.scorer!r}, {self.query_size}, {self.memory_size})"

    def __call__(self, query: Any, memory: Any, **arguments: Any) -> Any:
        """The contexts: of symbols a symbol, of arrays an array.

        Raises ShapeError for symbols that do not fit; ConfigError for one query per row and a scorer that
        reads its past weights, for an attention with queries of both kinds, and for symbols with further
        arguments; DTypeError for a symbol together with an array.
        """
        given = [isinstance(one, Symbol) for one in (query, memory)]
        if not any(given):
            return self.run(query, memory, **arguments).context
        if not all(given):
            raise DTypeError(
                f"{shown(self)}: query is {shown(query)}, memory {shown(memory)}; expected two symbols or "
                "two "
                "arrays"
            )
        if arguments:
            named = ", ".join(arguments)
            raise ConfigError(
                f"{shown(self)} is called with symbols and {named}; give those to the run of the graph"
            )
        if query.axis != ROW:
            return self._at_every_step(query, memory)
        places = self._scores.read | ({"past"} if self.past else set())
        if self._contexts is not None:
            raise ConfigError(self._other_place)
        sizes = (self.query_size, self.memory_size)
        return attended(repr(self), self.net, sizes, places, query, memory)

    def _at_every_step(self, query: Symbol, memory: Symbol) -> Symbol:
        """The contexts of queries along an axis: a step without a state, whose memory lies on any axis."""
        if self._contexts is None:
            if self.net._owned:
                raise ConfigError(self._other_place)
            cell = _Contexts(self.scorer, self.query_size, self.memory_size, self.past)
            made = Recurrent(cell, self.query_size, 1, dtype=self.dtype, seed=self.net.seed)
            made.arena[...] = self.net.arena
            self._contexts = made
        contexts: Symbol = self._contexts(query, memory=memory)
        return contexts

    @property
    def _other_place(self) -> str:
        return (
            f"{self!r} is used in a graph with a query at every step and with one for each row; make an "
            "Attention for each"
        )

    def _gather(self) -> None:
        """Lets runs with arrays read the parameters where a graph has them."""
        if self._contexts is not None:
            self.net._arena = self._contexts._arena

    def parameters(self) -> Parameters:
        """The parameters by name: views that may be changed in place."""
        self._gather()
        return Parameters({name.removesuffix("_l0"): one for name, one in self.net.parameters().items()})

    @property
    def _window(self) -> int:
        return 2 * self.past + 1 if self.past else 0

    def run(self, query: Any, memory: Any, lengths: Any = None) -> AttentionRun:
        """Attend to `memory` (N, S, memory_size) with `query` (N, T, query_size), or one query a row, (N, Q).

        lengths (N,): how many entries of each row's memory there are; what lies beyond reaches nothing. A row
        without entries has weights and a context of 0. Raises ShapeError for shapes that do not fit and
        lengths outside 0..S, DTypeError for what is not numbers.
        """
        self._gather()
        q, rows = self._floats("query", query), self._floats("memory", memory)
        single = q.ndim == 2
        q = q[:, None] if single else q
        if q.ndim != 3 or q.shape[2] != self.query_size:
            want = f"(N, T, {self.query_size}) or (N, {self.query_size})"
            raise ShapeError(f"query has shape {describe(np.shape(query))}; expected {want}")
        if rows.ndim != 3 or rows.shape[2] != self.memory_size or len(rows) != len(q):
            want = f"({len(q)}, S, {self.memory_size})"
            raise ShapeError(f"memory has shape {describe(rows.shape)}; expected {want}")
        counts = _lengths(lengths, len(rows), rows.shape[1])
        there = within(counts, rows.shape[1])
        # NaN in the padding would survive a weight of 0.
        rows = np.where(there[..., None], rows, 0)
        run = AttentionRun(self, rows, counts, there, single)
        if not self.past:
            run._attend(q, None)
            return run
        before = np.zeros((len(q), 1, 1, rows.shape[1]), self.dtype)
        for t in range(q.shape[1]):
            before = run._attend(q[:, t : t + 1], before)
        if not q.shape[1]:
            run._attend(q, before[:, :0])
        return run

    def _floats(self, name: str, value: Any) -> Array:
        array = as_array(name, value)
        if array.dtype.kind != "f":
            raise DTypeError(f"{name} is {array.dtype}; expected float32 or float64")
        return array.astype(self.dtype, copy=False)


@dataclass(eq=False)
class _Block:
    """Some queries of a run: the engine's run of their scores, and their weights (N, T, heads, S)."""

    run: Run
    weights: Array


@dataclass(eq=False)
class AttentionRun:
    """The result of `Attention.run`: contexts, weights, and the backward pass."""

    attention: Attention = field(repr=False)
    _memory: Array = field(repr=False)
    _lengths: Array = field(repr=False)
    _there: Array = field(repr=False)
    _single: bool = field(repr=False)
    _blocks: list[_Block] = field(default_factory=list, repr=False)

    @property
    def weights(self) -> Array:
        """(N, T, S), with several heads (N, T, heads, S); without T where there was one query a row.

        The weights of a head sum to 1.
        """
        weights = np.concatenate([one.weights for one in self._blocks], axis=1)
        weights = weights if self.attention.heads > 1 else weights[:, :, 0]
        return weights[:, 0] if self._single else weights

    @property
    def context(self) -> Array:
        """(N, T, memory_size); without T where there was one query a row."""
        contexts = [np.einsum("nths,nshf->nthf", one.weights, self._values) for one in self._blocks]
        joined = np.concatenate(contexts, axis=1)
        joined = joined.reshape(*joined.shape[:2], self.attention.memory_size)
        return joined[:, 0] if self._single else joined

    def backward(self, d_context: Any, d_weights: Any = None) -> AttentionGradients:
        """Gradients from those of the contexts and, if given, of the weights, in the shapes of these."""
        attention = self.attention
        d_contexts = self._gradient("d_context", d_context, self.context.shape)
        given = None if d_weights is None else self._gradient("d_weights", d_weights, self.weights.shape)
        rows, keys = self._memory.shape[:2]
        heads = attention.heads
        params = {name: np.zeros_like(one) for name, one in attention.parameters().items()}
        d_memory = np.zeros_like(self._memory)
        d_queries: list[Array] = []
        d_past: Array | None = None
        end = sum(one.weights.shape[1] for one in self._blocks)
        d_contexts = d_contexts.reshape(rows, end, heads, attention.memory_size // heads)
        given = None if given is None else given.reshape(rows, end, heads, keys)
        for block in reversed(self._blocks):
            start = end - block.weights.shape[1]
            d_c = d_contexts[:, start:end]
            d_w = np.einsum("nthf,nshf->nths", d_c, self._values)
            if given is not None:
                d_w = d_w + given[:, start:end]
            if d_past is not None:
                d_w = d_w + d_past
            d_memory += np.einsum("nths,nthf->nshf", block.weights, d_c).reshape(self._memory.shape)
            d_scores = buffered(partial(_d_scores, block.weights, d_w), results=4 * d_w.nbytes)
            back = block.run.backward(
                d_scores.transpose(0, 1, 3, 2).reshape(rows * (end - start), keys, heads)
            )
            assert back.inputs is not None
            d_x = back.inputs.reshape(rows, end - start, keys, attention.net.input_size)
            q_end = attention.query_size
            k_end = q_end + attention.memory_size
            d_queries.append(d_x[..., :q_end].sum(2))
            d_memory += d_x[..., q_end:k_end].sum(1)
            for name, one in back.params.items():
                params[name.removesuffix("_l0")] += one
            d_past = _from_windows(d_x[..., k_end + 2 :], attention.past) if attention.past else None
            end = start
        d_query = np.concatenate(d_queries[::-1], axis=1)
        return AttentionGradients(params, d_query[:, 0] if self._single else d_query, d_memory)

    @property
    def _values(self) -> Array:
        rows, keys = self._memory.shape[:2]
        heads = self.attention.heads
        return self._memory.reshape(rows, keys, heads, self.attention.memory_size // heads)

    def _attend(self, query: Array, before: Array | None) -> Array:
        """Score some queries, each with all keys of its row; return their weights."""
        (rows, steps, _), keys = query.shape, self._memory.shape[1]
        heads = self.attention.heads
        shape = (rows, steps, keys)
        parts = [
            np.broadcast_to(query[:, :, None], (*shape, query.shape[2])),
            np.broadcast_to(self._memory[:, None], (*shape, self._memory.shape[2])),
            np.broadcast_to(np.arange(keys)[:, None], (*shape, 1)),
            np.broadcast_to(self._lengths[:, None, None, None], (*shape, 1)),
        ]
        if before is not None:
            parts.append(_windows(before, self.attention.past))
        x = np.concatenate(parts, axis=-1, dtype=query.dtype).reshape(
            rows * steps, keys, self.attention.net.input_size
        )
        run = self.attention.net.run(x, lengths=np.repeat(self._lengths, steps), training=True)
        scores = run.outputs.reshape(*shape, heads).transpose(0, 1, 3, 2)
        there = np.broadcast_to(self._there[:, None, None], scores.shape)
        weights = buffered(lambda: _weights(scores, there), results=6 * scores.nbytes)
        self._blocks.append(_Block(run, weights))
        return weights

    def _gradient(self, name: str, value: Any, shape: tuple[int, ...]) -> Array:
        array = self.attention._floats(name, value)
        if array.shape != shape:
            raise ShapeError(f"{name} has shape {describe(array.shape)}; expected {describe(shape)}")
        return array


class _Scores(Cell):
    """A scorer as a step over the keys: x is [query, key, position, length, past], the output the scores."""

    _noun = "scorer"

    def __init__(self, scorer: Scorer, query: int, key: int, past: int) -> None:
        self.scorer, self.query, self.key, self.past = scorer, query, key, past
        self.read: set[str] = set()

    @property
    def name(self) -> str:  # type: ignore[override]
        """The scorer's name, for messages."""
        return self.scorer.name

    def _names(self, size: Any) -> Names[Dim]:
        return Names(
            f"scorer {self.name!r}", "size", {key: size[key] for key in ("query", "key", *self._more())}
        )

    def _more(self) -> dict[str, int]:
        sizes = {"query": Dim(self.query), "key": Dim(self.key)}
        return self.scorer.sizes(Names(f"scorer {self.name!r}", "size", sizes))

    def sizes(self, size: Any) -> dict[str, int]:
        """The scorer's sizes."""
        return {"query": self.query, "key": self.key, **self._more()}

    def parameters(self, size: Any) -> dict[str, Param]:
        """The scorer's parameters."""
        return self.scorer.parameters(self._names(size))

    def state(self, size: Any) -> dict[str, State]:
        """None."""
        return {}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the scores (heads,)."""
        q, k = self.query, self.query + self.key
        place = {"position": x[k], "length": x[k + 1]}
        if self.past:
            place["past"] = x[k + 2 :]
        owner = f"scorer {self.name!r}"
        score = self.scorer.step(x[:q], x[q:k], p, _Place(owner, place, self.read))
        if score.ndim > 1:
            raise ShapeError(
                f"{owner}: step returns shape {describe(score.shape)}; expected one number, or (heads,)"
            )
        return (score if score.ndim else ops.reshape(score, (1,))), {}


class _Contexts(_Scores):
    """The context of a query in a memory: a step whose only state are the weights that its scorer reads."""

    name = "attention"

    def state(self, size: Any) -> dict[str, State]:
        """The weights of the step before, for a scorer with a past."""
        return {"past_weights": State((), on="memory")} if self.past else {}

    def memories(self, size: Any) -> dict[str, Memory]:
        """One: key and value in one."""
        return {"memory": Memory(size.key)}

    def step(  # type: ignore[override]
        self, x: Any, state: Any, p: Any, memory: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return the context (key,)."""
        attention = StepAttention(self.scorer, prefix="")
        if not self.past:
            return attention(x, memory.memory, p)[0], {}
        context, weights = attention(x, memory.memory, p, state.past_weights)
        return context, {"past_weights": weights}


class _Place(Names[Any]):
    """What a scorer knows of the place of a key; `read` collects the names that it reads."""

    __slots__ = ("_read",)

    def __init__(self, owner: str, values: dict[str, Any], read: set[str]) -> None:
        super().__init__(owner, "place", values)
        object.__setattr__(self, "_read", read)

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)


def _weights(scores: Array, there: Array) -> Array:
    """The softmax over the entries that are there; 0 where none is."""
    top = np.max(scores, axis=-1, keepdims=True, where=there, initial=-np.inf)
    powers = np.exp(np.where(there, scores - np.where(np.isneginf(top), 0, top), -np.inf))
    total = powers.sum(-1, keepdims=True)
    weights: Array = powers / np.where(total == 0, 1, total)
    return weights


def _d_scores(weights: Array, d_weights: Array) -> Array:
    """The gradient of the scores from that of their softmax."""
    d_scores: Array = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
    return d_scores


def _lengths(lengths: Any, rows: int, keys: int) -> Array:
    if lengths is None:
        return np.full(rows, keys, np.int64)
    counts = as_array("lengths", lengths)
    if counts.dtype.kind not in "iu":
        raise DTypeError(f"lengths is {counts.dtype}; expected integers")
    if counts.shape != (rows,):
        raise ShapeError(f"lengths has shape {describe(counts.shape)}; expected {describe((rows,))}")
    if rows and (counts.min() < 0 or counts.max() > keys):
        raise ShapeError(f"lengths has values from {counts.min()} to {counts.max()}; expected 0 to {keys}")
    return counts.astype(np.int64)


def _windows(weights: Array, past: int) -> Array:
    """(N, 1, 1, S) -> (N, 1, S, 2 past + 1): for each key the weights around it."""
    padded = np.pad(weights[:, :, 0], ((0, 0), (0, 0), (past, past)))
    if not weights.shape[-1]:
        return np.zeros((*padded.shape[:2], 0, 2 * past + 1), weights.dtype)
    return sliding_window_view(padded, 2 * past + 1, axis=-1)


def _from_windows(d_windows: Array, past: int) -> Array:
    """The gradient of `_windows`: (N, 1, S, 2 past + 1) -> (N, 1, 1, S)."""
    keys = d_windows.shape[2]
    padded = np.zeros((*d_windows.shape[:2], keys + 2 * past), d_windows.dtype)
    for shift in range(2 * past + 1):
        padded[..., shift : shift + keys] += d_windows[..., shift]
    return padded[:, :, None, past : past + keys]
