"""`StepAttention`: any scorer inside the step of a cell."""

from __future__ import annotations

from typing import Any

from ostinato import checks, ops
from ostinato.cell import Param
from ostinato.dims import Dim, describe
from ostinato.errors import ConfigError, ShapeError
from ostinato.namespace import Names
from ostinato.plugins.registry import registry
from ostinato.scorer import Scorer


class StepAttention:
    """Attention as a part of a cell's step: `context, weights = attention(query, memory.source, p)`.

    Args:
        scorer: a name ("additive", "acme/mine"), a Scorer subclass or an instance.
        prefix: what the names of the scorer's parameters start with in the cell.
        **options: options of the scorer, unless that is an instance.

    The equations of the scorer become a part of the step, so any scorer works in any cell. The cell adds
    `attention.parameters(query_size, memory_size)` to its own parameters. A scorer with a `past` reads the
    weights of the step before: the cell has a state for them, `ost.State((), on="source")`. Raises
    ConfigError for an unknown name.
    """

    def __init__(
        self, scorer: str | type[Scorer] | Scorer, *, prefix: str = "attend_", **options: Any
    ) -> None:
        self.scorer = registry.make("scorer", scorer, Scorer, options)
        self.prefix = checks.text("StepAttention", "prefix", prefix, empty=True)

    def __repr__(self) -> str:
        return f"StepAttention({self.scorer!r})"

    def parameters(self, query_size: int, memory_size: int) -> dict[str, Param]:
        """The parameters of the scorer by their names in the cell, for queries and entries of these sizes."""
        owner = f"scorer {self.scorer.name!r}"
        sizes = {"query": Dim(int(query_size)), "key": Dim(int(memory_size))}
        more = self.scorer.sizes(Names(owner, "size", sizes))
        every = Names(owner, "size", {**sizes, **{name: Dim(int(one)) for name, one in more.items()}})
        made = self.scorer.parameters(every)
        return {
            self.prefix + name: Param(tuple(int(size) for size in one.shape), one.init, one.learned)
            for name, one in made.items()
        }

    def __call__(self, query: Any, memory: Any, p: Any, past: Any = None) -> tuple[Any, Any]:
        """Return the context (memory_size,) and the weights on the entries: one number, or one per head.

        query (query_size,) is a value of the row, `memory` a value on entries: key and value in one. Head k
        of several averages the k-th part of the memory's features. For a scorer with a past, `past` are the
        weights of the step before, one number for each entry. Raises ConfigError for a `past` that is missing
        or that the scorer does not read; ShapeError for scores of another shape, and for features that the
        heads do not divide.
        """
        owner = f"scorer {self.scorer.name!r}"
        own = {name.removeprefix(self.prefix): p[name] for name in p if name.startswith(self.prefix)}
        if (past is None) == bool(self.scorer.past):
            raise ConfigError(
                f"{owner} reads {'' if self.scorer.past else 'no '}weights of the step before; expected "
                + (
                    "attention(query, memory, p, past=state.past), with State((), on=...) for them"
                    if self.scorer.past
                    else "attention(query, memory, p) without past"
                )
            )
        place = _Place(owner, memory, None if past is None else ops.entries.window(past, self.scorer.past))
        scores = self.scorer.step(query, memory, Names(owner, "parameter", own), place)
        if scores.ndim > 1:
            raise ShapeError(
                f"{owner}: step returns shape {describe(scores.shape)}; expected one number, or (heads,)"
            )
        weights = ops.entries.softmax(scores)
        if not scores.ndim:
            return ops.entries.sum(weights * memory), weights
        heads, width = int(scores.shape[0]), int(memory.shape[0])
        if width % heads:
            raise ShapeError(f"{owner}: {heads} heads do not divide the {width} features of the memory")
        parts = ops.reshape(memory, (heads, width // heads))
        context = ops.entries.sum(ops.reshape(weights, (heads, 1)) * parts)
        return ops.reshape(context, (width,)), weights


class _Place(Names[Any]):
    """What a scorer knows of the place of an entry; it is computed where it is read."""

    __slots__ = ("_memory",)

    def __init__(self, owner: str, memory: Any, past: Any) -> None:
        more = {} if past is None else {"past": past}
        super().__init__(owner, "place", {"position": None, "length": None, **more})
        object.__setattr__(self, "_memory", memory)

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)  # raises for an unknown name
        if name == "past":
            return found
        of = ops.entries.position if name == "position" else ops.entries.count
        return of(self._memory)
