"""`DecoderStep`: cells, an attention and a readout as the one step of a decoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ostinato import checks, ops
from ostinato.cell import Cell, Memory, Param, State
from ostinato.dims import Dim
from ostinato.errors import ConfigError, DTypeError, OstinatoError, shown
from ostinato.layers.cell_choice import choose_cell
from ostinato.layers.dense import Affine
from ostinato.layers.inlined import Composed, Inlined, joined_memories
from ostinato.layers.step_attention import StepAttention
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.options import Configured
from ostinato.plugins.registry import registry
from ostinato.scorer import Scorer
from ostinato.trace import Noise

QUERIES: Final = ("before", "between", "after")

SOURCE: Final = "source"
"""The memory that a decoder attends to."""

FEED: Final = "feed"
"""The state that holds what the step before found, where it is fed."""

PAST: Final = "past_weights"
"""The state that holds the weights of the step before, for a scorer that reads them."""

ARGUMENTS: Final = (
    *("memory_size", "attention", "query", "input_feeding", "num_layers", "readout", "regularizers"),
    *("init", "batch_first", "dtype", "seed"),
)
"""The arguments of a decoder that are not options of its cell."""

MOST_LAYERS: Final = 64

OWN_READOUTS: Final = ("tanh", "deep")


@dataclass(frozen=True)
class DecoderParts:
    """The parts of a decoder's step at given sizes.

    cells: one for each layer. `second` is the second cell of the first layer, with the states of the first
    one, which reads the context between the two. `scorer` are the parameters of the attention. `feed` is the
    width of what is fed, `source` that of the memory. `past`: the scorer reads the weights of the step
    before.
    """

    cells: tuple[Inlined, ...]
    second: Inlined | None
    readout: Inlined | None
    scorer: dict[str, Param]
    feed: int
    source: int
    past: bool

    @property
    def parameters(self) -> dict[str, Param]:
        """Those of the cells, the attention and the readout."""
        return {**self._of(self.cells), **self._of([self.second]), **self.scorer, **self._of([self.readout])}

    @property
    def states(self) -> dict[str, State]:
        """Those of the cells and the readout, what is fed, and the weights of the step before."""
        held = [one for one in (*self.cells, self.readout) if one is not None]
        found = {name: one for part in held for name, one in part.states.items()}
        if self.feed:
            found[FEED] = State(self.feed)
        if self.past:
            found[PAST] = State((), on=SOURCE)
        return found

    @property
    def memories(self) -> dict[str, Memory]:
        """The source, and those of the cells. Raises ConfigError for one name with two widths."""
        parts = [one for one in (*self.cells, self.second, self.readout) if one is not None]
        found = {SOURCE: Memory(self.source), **joined_memories("Decoder", parts)}
        if found[SOURCE].width != self.source:
            raise ConfigError(
                f"Decoder: memory_size is {self.source}, and a cell of it reads the memory {shown(SOURCE)} "
                f"with {found[SOURCE].width} features per entry; expected the same width, or another name"
            )
        return found

    @staticmethod
    def _of(parts: Iterable[Inlined | None]) -> dict[str, Param]:
        return {name: one for part in parts if part is not None for name, one in part.parameters.items()}


class DecoderStep(Composed[DecoderParts]):
    """The step of `ost.Decoder`, which documents the equations and the options.

    It is a cell, so it may stand in a stack: `ost.stack(decoder.cell, ost.Head(20))`.
    """

    name = "decoder"

    def __init__(
        self,
        /,
        cell: Any,
        memory_size: int,
        attention: Any = "additive",
        query: str = "before",
        input_feeding: bool = True,
        num_layers: int = 1,
        readout: Any = "tanh",
        **cell_options: Any,
    ) -> None:
        _, self.cell, _ = choose_cell(cell, cell_options, ARGUMENTS)
        self.memory_size = checks.count("Decoder", "memory_size", memory_size, at_least=1)
        self.attention = StepAttention(registry.make("scorer", attention, Scorer, {}, argument="attention"))
        self.query = checks.choice("Decoder", "query", query, QUERIES)
        self.input_feeding = checks.flag("Decoder", "input_feeding", input_feeding)
        self.num_layers = checks.whole("Decoder", "num_layers", num_layers, at_least=1)
        if self.num_layers > MOST_LAYERS:
            raise ConfigError(
                f"Decoder: num_layers is {shown(num_layers)}; expected at most {MOST_LAYERS}, because one "
                "step holds all of them"
            )
        self.readout = _readout(readout)
        self._reads_input = readout != "tanh"
        if self.query == "between" and not self.input_feeding:
            raise ConfigError(
                "Decoder: query is 'between' and input_feeding is False, but the second of the two cells "
                "reads the context alone; expected input_feeding=True, or query='after'"
            )

    def _made_of(self) -> Iterable[Configured]:
        """Return the cell, the scorer and the readout."""
        return [self.cell, self.attention.scorer, *([] if self.readout is None else [self.readout])]

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return the width of the memory."""
        return {"memory": self.memory_size}

    def _compose(self, input_size: int, hidden_size: int) -> DecoderParts:
        """Return the parts. Raises ConfigError for a cell without the states that the query needs."""
        made = self._with_feed(input_size, hidden_size, 0)
        if self.query == "after" and self.input_feeding:
            width = self.memory_size if made.readout is None else made.readout.output_size
            made = self._with_feed(input_size, hidden_size, width)
        return made

    def _with_feed(self, input_size: int, hidden_size: int, feed: int) -> DecoderParts:
        context = self.memory_size
        more = context if self.query == "before" and self.input_feeding else feed
        cells = [Inlined(self.cell, input_size + more, hidden_size, suffix="_l0")]
        for layer in range(1, self.num_layers):
            cells.append(Inlined(self.cell, cells[-1].output_size, hidden_size, suffix=f"_l{layer}"))
        first, top = cells[0], cells[-1]
        for name, what in ((FEED, "what the decoder feeds"), (PAST, "the weights of the step before")):
            if name in first.own_states:
                raise ConfigError(
                    f"Decoder: cell {shown(self.cell.name)} has a state {shown(name)}, the name of {what}; "
                    "expected a state of another name"
                )
        second, query = None, top.output_size
        if self.query == "between":
            second, query = Inlined(self.cell, context, hidden_size, suffix="_l0_context"), first.output_size
            if second.own_states != first.own_states:
                raise ConfigError(
                    f"Decoder: the states of cell {shown(self.cell.name)} depend on the width of its input, "
                    "and with query='between' two cells share them; expected query='before' or 'after'"
                )
        elif self.query == "before":
            query = self._state_size(top)
        readout = None
        if self.readout is not None:
            width = top.output_size + context + (input_size if self._reads_input else 0)
            try:
                readout = Inlined(self.readout, width, hidden_size, prefix="readout_")
            except OstinatoError as error:
                error.args = (f"readout: {error}",)
                raise
        scorer = self.attention.parameters(query, context)
        past = bool(self.attention.scorer.past)
        return DecoderParts(tuple(cells), second, readout, scorer, feed, context, past)

    def _state_size(self, cell: Inlined) -> int:
        """The width of the state that is the query."""
        state = cell.own_states.get("h")
        if state is None or len(state.shape) != 1:
            known = ", ".join(f"{name} {one.shape}" for name, one in cell.own_states.items()) or "none"
            raise ConfigError(
                f"Decoder: query is 'before', which attends with the state 'h' (a vector) of the cell, and "
                f"cell {shown(self.cell.name)} has the states {known}; expected a cell with a state 'h', or "
                "query='after', which attends with the output of the cell"
            )
        return state.shape[0]

    def step(
        self, x: Value, state: Names[Value], p: Names[Value], memory: Names[Value], noise: Noise | None = None
    ) -> tuple[Value, dict[str, Value]]:
        """Return the readout, or [y; context] without one, and the new states."""
        parts = self._parts_with(state, p)
        first, *above = parts.cells
        given, context = x, None
        past = state[PAST] if parts.past else None
        if self.query == "before":
            top = parts.cells[-1]
            context, weights = self.attention(state[top.name_of("h")], memory.source, p, past)
            given = ops.concat([x, context]) if self.input_feeding else x
        elif parts.feed:
            given = ops.concat([x, state[FEED]])
        y, new = first(given, state, p, memory, noise)
        if parts.second is not None:
            context, weights = self.attention(y, memory.source, p, past)
            own = {parts.second.name_of(name): new[first.name_of(name)] for name in first.own_states}
            y, own = parts.second(context, own, p, memory, noise)
            new = {first.name_of(name): own[parts.second.name_of(name)] for name in first.own_states}
        for cell in above:
            y, update = cell(y, state, p, memory, noise)
            new |= update
        if context is None:
            context, weights = self.attention(y, memory.source, p, past)
        output = ops.concat([y, context])
        if parts.readout is not None:
            read = ops.concat([y, context, x]) if self._reads_input else output
            output, update = parts.readout(read, state, p, memory, noise)
            new |= update
        if parts.feed:
            new[FEED] = context if parts.readout is None else output
        if parts.past:
            new[PAST] = weights
        return output, new


def _readout(readout: Any) -> Cell | None:
    if readout is None:
        return None
    if isinstance(readout, str) and readout in OWN_READOUTS:
        return Affine("tanh")
    try:
        return registry.make("cell", readout, Cell, {}, argument="readout")
    except (ConfigError, DTypeError) as error:
        known = ", ".join(map(repr, OWN_READOUTS))
        raise type(error)(f"{error}; the readouts of a decoder itself are {known} and None") from error
