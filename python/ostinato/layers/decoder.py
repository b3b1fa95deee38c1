"""`Decoder`: a recurrent layer that attends to a memory at every step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ostinato.cell import Cell
from ostinato.errors import shown
from ostinato.layers.cell_choice import choose_cell
from ostinato.layers.decoder_step import ARGUMENTS, FEED, SOURCE, DecoderStep
from ostinato.layers.initial import Init
from ostinato.layers.recurrent import DEFAULTS, Recurrent, Setting, shown_setting
from ostinato.network.graph import Unit
from ostinato.plugins.entry import Provider
from ostinato.plugins.registry import registry
from ostinato.scorer import Scorer

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.record import Record

# Of a state in the program: the layer.
_LAYER: Final = re.compile(r"_l\d+$")


class Decoder(Recurrent):
    """Layers of a cell and an attention to a memory as one step: the decoder of an encoder-decoder.

        decoder(x, source=encoded, initial_state=ost.Bridge(encoder, decoder)(encoded))

    x (N, T, input_size), usually the embedded targets shifted by one step (teacher forcing), and the memory
    `source` (N, S, memory_size), on an axis of its own -> (N, T, output of the readout). With y_t for the
    output of the top cell, h_t for its state, c_t for the context that a query q finds in the memory:

    - query="before" (Bahdanau et al. 2015): c_t = attend(q = h_{t-1}), y_t = cells([x_t; c_t])
    - query="between" (the conditional GRU of Sennrich et al. 2017, Nematus, section 2.1): y' = cell(x_t),
      c_t = attend(q = y'), y_t = cell'(c_t) from the states after the first cell; then the layers above
    - query="after" (Luong et al. 2015): y_t = cells([x_t; f_{t-1}]), c_t = attend(q = y_t), where f_{t-1} is
      the output of the step before (input feeding, section 3.3), and 0 before the first one

    Args:
        cell: a name ("gru", "acme/cell"), a Cell subclass or an instance.
        input_size: features per step of x.
        hidden_size: `size.hidden` of the cells, and the width of the readouts "tanh" and "deep".
        memory_size: features of an entry of the memory.
        attention: the scorer: a name ("additive", "acme/mine"), a Scorer subclass or an instance.
        query: "before", "between" or "after", as above.
        input_feeding: False leaves what the attention found out of the cells: they read x_t alone, and the
            context is for the readout. The attention is then no part of the recurrence.
        num_layers: cells on top of each other. The first one reads the context.
        readout: the output: "tanh", tanh(W [y_t; c_t] + b) (Luong et al. 2015, eq. 5); "deep",
            tanh(W [y_t; c_t; x_t] + b) (Sennrich et al. 2017, section 2.1, with one matrix for all three);
            None, [y_t; c_t]; or a cell, a class or the name of one, which reads [y_t; c_t; x_t]. Without a
            readout, f_t is the context.
        regularizers, init, batch_first, dtype, seed: as in Recurrent.
        **cell_options: options of the cell, unless it is an instance.

    Parameters are called `weight_hh_l1` in layer 1, `weight_hh_l0_context` in the second cell of "between",
    `attend_v` in the attention, `readout_weight` in the readout. A state of the cell is
    (num_layers, N, size), as in Recurrent; `feed` (1, N, size) is f_t. A row without entries has the context
    0.

    A scorer with a `past` reads the weights of the step before, which are a state on the entries of the
    memory: `past_weights`, 0 at first.

    Raises ConfigError for a bad argument, an unknown name, and query="before" with a cell that has no state
    "h"; ShapeError or TraceError for a cell or a scorer that cannot be traced.
    """

    kind = "decoder"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"cell": "gru", "input_size": 3, "hidden_size": 4, "memory_size": 2},
        {"cell": "gru", "input_size": 2, "hidden_size": 3, "memory_size": 2, "query": "between"},
        {
            **{"cell": "lstm", "input_size": 2, "hidden_size": 3, "memory_size": 3, "num_layers": 2},
            **{"query": "after", "attention": "multiplicative", "readout": "deep"},
        },
        {"cell": "rnn", "input_size": 2, "hidden_size": 3, "memory_size": 2, "input_feeding": False},
    )
    _fixed: ClassVar[tuple[str, ...]] = ("memory_size",)

    def __init__(
        self,
        /,
        cell: str | type[Cell] | Cell,
        input_size: int,
        hidden_size: int,
        memory_size: int,
        attention: str | type[Scorer] | Scorer = "additive",
        *,
        query: str = "before",
        input_feeding: bool = True,
        num_layers: int = 1,
        readout: str | type[Cell] | Cell | None = "tanh",
        regularizers: Sequence[Any] = (),
        init: Init | Mapping[str, Init] | None = None,
        batch_first: bool = True,
        dtype: Any = "float32",
        seed: int = 0,
        **cell_options: Any,
    ) -> None:
        if isinstance(cell, type):  # the options of an instance are a part of its text in a model file
            cell, cell_options = choose_cell(cell, cell_options, ARGUMENTS)[1], {}
        if isinstance(attention, type):
            attention = registry.make("scorer", attention, Scorer, {}, argument="attention")
        step = DecoderStep(
            cell, memory_size, attention, query, input_feeding, num_layers, readout, **cell_options
        )
        super().__init__(
            step,
            input_size,
            hidden_size,
            regularizers=regularizers,
            init=init,
            batch_first=batch_first,
            dtype=dtype,
            seed=seed,
        )

    def _fill(
        self,
        cell_name: str,
        options: Mapping[str, Any],
        provider: Provider | None,
        setting: Setting,
        units: list[list[Unit]],
        initial: bool = True,
    ) -> None:
        self.memory_size = int(dict(units[0][0].program.memories)[SOURCE][0])
        super()._fill(cell_name, options, provider, setting, units, initial)
        self.num_layers = options.get("num_layers", 1)

    @classmethod
    def _check_record(cls, record: Record, options: Mapping[str, Any], layers: list[list[Unit]]) -> None:
        if not {"cell", "memory_size"} <= set(options) or type(options.get("num_layers", 1)) is not int:
            raise record.error("a decoder without its cell, its memory_size or its num_layers")
        if any(SOURCE not in dict(unit.program.memories) for units in layers for unit in units):
            raise record.error(f"a decoder without the memory {shown(SOURCE)}")

    @staticmethod
    def _end(layer: int, reverse: bool) -> str:
        return ""

    def _state_name(self, name: str) -> str:
        return name if name == FEED else _LAYER.sub("", name)

    def __repr__(self) -> str:
        options = dict(self.cell_options)
        first = [options.pop("cell"), self.input_size, self.hidden_size, options.pop("memory_size")]
        parts = [repr(one) for one in first]
        parts += [f"{name}={value!r}" for name, value in options.items()]
        for name, default in DEFAULTS.items():
            value = getattr(self.setting, name)
            if value != default:
                parts.append(f"{name}={shown_setting(name, value)}")
        return f"Decoder({', '.join(parts)})"
