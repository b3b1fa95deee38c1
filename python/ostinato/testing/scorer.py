"""Checks of scorers: equations of a query and a key; the softmax over a row's keys weighs the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ostinato import ops
from ostinato.cell import Cell, Memory, Param, State
from ostinato.errors import ConfigError, ShapeError
from ostinato.layers.attention import Attention
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.step_attention import StepAttention
from ostinato.namespace import Names
from ostinato.scorer import Scorer
from ostinato.settings import ignoring
from ostinato.specs import Spec
from ostinato.testing import subject
from ostinato.testing.arrays import LAYOUTS, Array, Arrays, near, refused, same
from ostinato.testing.memories import reads_memories
from ostinato.testing.networks.backwards import DRAWS
from ostinato.testing.networks.model import with_threads
from ostinato.testing.runner import Failed, Kind, Level, at, check
from ostinato.testing.slopes import Kink, compare, smooth_slopes

# Features of a query and of a key: some scorers require equal widths, some require several heads.
SIZES = ((3, 5), (4, 8), (8, 8), (5, 12), (4, 4), (16, 16))

# Contexts are sums over the keys by NumPy, whose order may depend on the batch.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}


@dataclass(frozen=True, eq=False)
class Case:
    """Queries (N, T, Q), a memory (N, S, K) with its lengths, and incoming gradients."""

    attention: Attention
    query: Array
    memory: Array
    lengths: Array | None
    d_context: Array
    d_weights: Array

    def results(self) -> Arrays:
        """Contexts, weights and all gradients, by name."""
        run = self.attention.run(self.query, self.memory, self.lengths)
        back = run.backward(self.d_context, self.d_weights)
        named = {"context": run.context, "weights": run.weights, "query": back.query, "memory": back.memory}
        return {**named, **{f"params.{name}": value for name, value in back.params.items()}}

    def scalar(self) -> float:
        """The scalar whose derivatives `results` holds."""
        run = self.attention.run(self.query, self.memory, self.lengths)
        return float((run.context * self.d_context).sum() + (run.weights * self.d_weights).sum())

    def rows(self, chosen: list[int]) -> Case:
        """Some rows of the batch."""
        return replace(
            self,
            query=self.query[chosen],
            memory=self.memory[chosen],
            lengths=None if self.lengths is None else self.lengths[chosen],
            d_context=self.d_context[chosen],
            d_weights=self.d_weights[chosen],
        )


class ScorerSubject(subject.Made):
    """A scorer; every attention has a new one."""

    base = Scorer

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        Attention(self.make(), 16, 16)  # An error in the construction itself is reported once, here.
        self.sizes = [size for size in SIZES if self.takes(*size)]
        if len(self.sizes) < 2:
            raise Failed(
                f"of the sizes (query, key) {SIZES} only {self.sizes} are taken; expected two at least"
            )

    def takes(self, query: int, key: int) -> bool:
        """Whether these widths are supported."""
        try:
            Attention(self.make(), query, key)
        except (ConfigError, ShapeError):
            return False
        return True

    def meaning(self, made: Scorer) -> str:
        """Its program, and the program's results."""
        case = self.case(1, 1, 3, made=made)
        (program,) = case.attention.net.programs.values()
        return program.to_json() + repr([value.tobytes() for value in case.results().values()])

    def case(
        self,
        rows: int,
        queries: int,
        keys: int,
        dtype: str = "float64",
        *,
        size: int = 0,
        ragged: bool = False,
        draw: int = 0,
        made: Scorer | None = None,
    ) -> Case:
        """Random queries, memory and parameters."""
        rng = np.random.default_rng([6, draw])
        q, k = self.sizes[size]
        attention = Attention(self.make() if made is None else made, q, k, dtype=dtype)
        for view in attention.parameters().values():
            view[...] = rng.standard_normal(view.shape) / np.sqrt(view.shape[-1])
        heads = (attention.heads,) if attention.heads > 1 else ()

        def normal(*shape: int) -> Array:
            return rng.standard_normal(shape).astype(dtype)

        lengths = None
        if ragged:
            lengths = rng.integers(1, keys + 1, rows)
            lengths[0], lengths[-1] = 0, keys
        return Case(
            attention,
            normal(rows, queries, q),
            normal(rows, keys, k),
            lengths,
            normal(rows, queries, k),
            normal(rows, queries, *heads, keys),
        )


@check("shapes")
def shapes(one: ScorerSubject) -> None:
    """Contexts, weights and gradients have the right shapes; the weights of a row sum to 1."""
    for size in range(len(one.sizes)):
        for dtype in ("float32", "float64"):
            for rows, queries, keys in ((1, 1, 1), (2, 3, 2), (7, 1, 9)):
                case = one.case(rows, queries, keys, dtype, size=size)
                results = case.results()
                expected = {
                    "context": case.d_context,
                    "weights": case.d_weights,
                    "query": case.query,
                    "memory": case.memory,
                    **{f"params.{name}": value for name, value in case.attention.parameters().items()},
                }
                where = f"(query, key) {one.sizes[size]}, N={rows}, T={queries}, S={keys}, {dtype}"
                for name, like in expected.items():
                    found = results[name]
                    if found.shape != like.shape or found.dtype != like.dtype:
                        what = f"{found.dtype} {found.shape}; expected {like.dtype} {like.shape}"
                        raise Failed(f"{where}: {name} is {what}")
                sums = results["weights"].sum(-1)
                if (results["weights"] < 0).any() or np.abs(sums - 1).max() > 1e-5:
                    raise Failed(f"{where}: weights of a row sum to {sums.ravel()[0]:.6g}; expected 1")


@check("gradients")
def gradients(one: ScorerSubject) -> None:
    """In float64 the gradients of queries, memory and every parameter equal the numeric ones."""
    found = ""
    for draw in range(DRAWS):
        case = one.case(3, 2, 4, ragged=True, draw=draw)
        given = {"query": case.query, "memory": case.memory}
        given |= {f"params.{name}": view for name, view in case.attention.parameters().items()}
        try:
            numeric = smooth_slopes(case.scalar, given)
        except Kink as kink:
            found = str(kink)
            continue
        analytic = case.results()
        compare(
            [(name, analytic[name], slope) for name, slope in numeric.items()], "3 rows, 2 queries, 4 keys"
        )
        return
    raise Failed(f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {found}")


@check("eager")
def eager(one: ScorerSubject) -> None:
    """`step` on NumPy values, one key at a time, gives the scores whose softmax the engine returns."""
    case = one.case(2, 1, 4, ragged=True)
    scorer, lengths = case.attention.scorer, case.lengths
    assert lengths is not None
    weights = case.results()["weights"]
    owner = f"scorer {scorer.name!r}"
    p = Names(owner, "parameter", case.attention.parameters())
    for n in range(2):
        scores = []
        for s in range(int(lengths[n])):
            place: dict[str, Any] = {"position": np.float64(s), "length": np.float64(lengths[n])}
            if scorer.past:
                place["past"] = np.zeros(2 * scorer.past + 1)
            at_place = Names(owner, "place", place)
            score = ignoring(scorer.step, case.query[n, 0], case.memory[n, s], p, at_place)
            scores.append(np.atleast_1d(score))
        if not scores:
            continue
        powers = np.exp(np.stack(scores, axis=-1) - np.max(scores, axis=0)[:, None])
        mine = powers / powers.sum(-1, keepdims=True)
        engine = weights[n, 0].reshape(len(mine), -1)[:, : mine.shape[1]]
        apart = float(np.abs(mine - engine).max())
        if not apart <= 1e-10:
            raise Failed(
                f"weights of row {n} are {apart:.3g} from what step computes on NumPy arrays; "
                "does step do something else while it is traced?"
            )


@check("matters")
def matters(one: ScorerSubject) -> None:
    """The weights depend on the query, the keys and every parameter."""
    case = one.case(4, 2, 5)
    weights = case.results()["weights"]
    other = one.case(4, 2, 5, draw=1)
    if np.array_equal(weights, replace(case, query=other.query).results()["weights"]):
        raise Failed("other queries give the same weights")
    if np.array_equal(weights, replace(case, memory=other.memory).results()["weights"]):
        raise Failed("other keys give the same weights")


@check("masked")
def masked(one: ScorerSubject) -> None:
    """NaN in the memory beyond a row's length changes no bit, and weights there are 0."""
    case = one.case(5, 2, 6, ragged=True)
    assert case.lengths is not None
    clean = case.results()
    dirty = replace(case, memory=case.memory.copy())
    for n, length in enumerate(case.lengths):
        dirty.memory[n, length:] = np.nan
        if clean["weights"][n, ..., length:].any() or clean["memory"][n, length:].any():
            raise Failed(f"row {n}: weights or gradients of keys beyond its {length} are not 0")
        if not length and clean["context"][n].any():
            raise Failed(f"row {n} has no keys; its context is not 0")
    same(clean, dirty.results(), "NaN beyond the lengths reaches {}")


@check("inputs_unchanged")
def inputs_unchanged(one: ScorerSubject) -> None:
    """Queries, memory, lengths, parameters and gradients are not written to."""
    case = one.case(3, 2, 4, ragged=True)
    assert case.lengths is not None
    given = {"query": case.query, "memory": case.memory, "lengths": case.lengths}
    given |= {"d_context": case.d_context, "d_weights": case.d_weights, **case.attention.parameters()}
    before = {name: value.copy() for name, value in given.items()}
    case.results()
    same(before, given, "{} is written to")


@check("layouts")
def layouts(one: ScorerSubject) -> None:
    """Arrays of any layout give equal results."""
    case = one.case(3, 2, 4)
    clean = case.results()
    for name, layout in LAYOUTS.items():
        other = replace(case, query=layout(case.query), memory=layout(case.memory))
        near(clean, other.results(), ROUNDING["float64"], f"{name} arrays: {{}} differs")


@check("repeatable")
def repeatable(one: ScorerSubject) -> None:
    """Repeating a call gives bit-identical results, also with a new scorer."""
    case = one.case(4, 3, 5, ragged=True)
    same(case.results(), case.results(), "the same call again: {} differs")
    same(case.results(), one.case(4, 3, 5, ragged=True).results(), "made again: {} differs")


@check("threads")
def engine_threads(one: ScorerSubject) -> None:
    """Any number of threads gives bit-identical results."""
    case = one.case(31, at(one.level, 4, 8, 16), 13, "float32", ragged=True)
    alone = with_threads(1, case.results)
    for count in (2, 3, 4):
        found = with_threads(count, case.results)
        same(alone, found, f"{count} threads: {{}} differs from that of one")


@check("batch_company")
def batch_company(one: ScorerSubject) -> None:
    """A row alone has the same contexts, weights and gradients as in the batch."""
    case = one.case(5, 2, 4, ragged=True)
    whole = case.results()
    names = ("context", "weights", "query", "memory")
    for n in range(5):
        alone = case.rows([n]).results()
        message = f"row {n} alone: {{}} differs"
        near({name: whole[name][n : n + 1] for name in names}, alone, ROUNDING["float64"], message)


@check("float32")
def float32(one: ScorerSubject) -> None:
    """float32 agrees with float64 up to rounding."""
    double, single = one.case(4, 2, 5), one.case(4, 2, 5, "float32")
    # Scores of some ten products, a softmax and its gradient, to some units in the last place of float32.
    near(double.results(), single.results(), 1e-4, "{} in float64 and in float32")


@check("extremes")
def extremes(one: ScorerSubject) -> None:
    """Queries and keys of +-1e4 and of 1e-40 give no NaN, forward and backward."""
    for dtype in ("float32", "float64"):
        for size in (1e4, 1e-40):
            case = one.case(3, 2, 4, dtype)
            scaled = {
                name: (np.sign(getattr(case, name)) * size).astype(dtype) for name in ("query", "memory")
            }
            bad = [name for name, value in replace(case, **scaled).results().items() if np.isnan(value).any()]
            if bad:
                raise Failed(f"{dtype}, queries and keys of +-{size:g}: {', '.join(bad)} holds NaN")


@check("nan")
def nan(one: ScorerSubject) -> None:
    """NaN in a query appears in that row's context, and in no other row."""
    case = one.case(4, 2, 5)
    clean = case.results()
    dirty = replace(case, query=case.query.copy())
    dirty.query[1] = np.nan
    results = dirty.results()
    if not np.isnan(results["context"][1]).any():
        raise Failed("NaN in a query does not reach its context: it would go unseen")
    others = [0, 2, 3]
    names = ("context", "weights", "query", "memory")
    same(
        {name: clean[name][others] for name in names},
        {name: results[name][others] for name in names},
        "NaN in the query of row 1 changes {} of other rows",
    )


class Attends(Cell):
    """A step with a scorer in it: h' = tanh(W x + U h + C context), which the next query reads."""

    def __init__(self, *, scorer: Scorer, source: int) -> None:
        self.source = source
        self.attention = StepAttention(scorer)

    def memories(self, size: Any) -> dict[str, Memory]:
        """The keys, which are the values too."""
        return {"source": Memory(self.source)}

    def parameters(self, size: Any) -> dict[str, Param]:
        """Those of the step and of the scorer."""
        own = {"W": size.input, "U": size.hidden, "C": self.source}
        made = {name: Param((size.hidden, width)) for name, width in own.items()}
        return {**made, **self.attention.parameters(size.hidden, self.source)}

    def state(self, size: Any) -> dict[str, State]:
        """The output, and the weights where the scorer reads them in the next step."""
        past = {"past": State((), on="source")} if self.attention.scorer.past else {}
        return {"h": State(size.hidden), **past}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        """Attend, then one step of the network."""
        past = {"past": state.past} if self.attention.scorer.past else {}
        context, weights = self.attention(state.h, memory.source, p, **past)
        h = ops.tanh(p.W @ x + p.U @ state.h + p.C @ context)
        return h, {"h": h, **({"past": weights} if past else {})}


@check("in_a_step")
def in_a_step(one: ScorerSubject) -> None:
    """Inside the step of a cell, with rows of no, one and several keys, it keeps the promises of cells."""
    query, key = one.sizes[0]
    net = Recurrent(Attends, 3, query, dtype="float64", scorer=one.make(), source=key)
    reads_memories(net, query)


@check("empty")
def empty(one: ScorerSubject) -> None:
    """Zero rows, queries and keys are allowed: without keys, the context is 0."""
    for rows, queries, keys in ((0, 2, 3), (2, 0, 3), (2, 2, 0)):
        case = one.case(rows, queries, keys)
        results = case.results()
        if results["context"].shape != case.d_context.shape or results["context"].any():
            raise Failed(f"N={rows}, T={queries}, S={keys}: contexts {results['context'].shape} are not 0")


@check("bad_input")
def bad_input(one: ScorerSubject) -> None:
    """Wrong shapes and types raise typed errors."""
    case = one.case(3, 2, 4)
    run = case.attention.run
    q, m = case.query, case.memory
    refused("a feature too many in the query", lambda: run(np.concatenate([q, q], axis=-1), m))
    refused("a feature too many in the memory", lambda: run(q, np.concatenate([m, m], axis=-1)))
    refused("memory of other rows", lambda: run(q, m[:2]))
    refused("a query of integers", lambda: run(q.astype(int), m))
    refused("lengths beyond the keys", lambda: run(q, m, np.full(3, 5)))
    refused("lengths of floats", lambda: run(q, m, np.ones(3)))
    refused("a gradient of another shape", lambda: run(q, m).backward(case.d_context[:2]))


SCORER: Kind[ScorerSubject] = Kind(
    "scorer",
    (
        *subject.CHECKS,
        shapes,
        gradients,
        eager,
        matters,
        masked,
        inputs_unchanged,
        layouts,
        repeatable,
        engine_threads,
        batch_company,
        float32,
        extremes,
        nan,
        in_a_step,
        empty,
        bad_input,
    ),
    ScorerSubject,
)
