"""The `cell` argument of Recurrent: a name, a class or an instance."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final

from ostinato.cell import Cell
from ostinato.errors import ConfigError, shown
from ostinato.plugins.entry import Provider
from ostinato.plugins.registry import registry

LAYER_ARGUMENTS: Final = (
    "num_layers",
    "bidirectional",
    "regularizers",
    "init",
    "residual",
    "batch_first",
    "dtype",
    "seed",
)
"""The arguments of Recurrent that are not options of its cell."""


def choose_cell(
    cell: Any, options: dict[str, Any], others: Sequence[str] = LAYER_ARGUMENTS
) -> tuple[str, Cell, Provider | None]:
    """The cell's name, the cell, and its provider (None for a class that is not registered).

    others: the arguments of the layer that are not options of its cell, for hints.
    Raises ConfigError for an unknown name or option, and for options with an instance.
    """
    if options.get("dropout") == 0.0 and not isinstance(options["dropout"], bool):
        options = {key: value for key, value in options.items() if key != "dropout"}
    elif "dropout" in options:
        raise ConfigError(
            f"dropout is {shown(options['dropout'])}; expected 0. "
            "regularizers=[Dropout(p)] drops the input of every layer"
        )
    choice = registry.choose("cell", cell, Cell, options, others=others)
    return choice.name, choice.made, None if choice.entry is None else choice.entry.provider


def chosen_options(cell: Cell) -> dict[str, Any]:
    """The options of `cell` that are not the defaults of its class."""
    defaults = {name: one.default for name, one in inspect.signature(type(cell).__init__).parameters.items()}
    return {
        name: value for name, value in cell.options.items() if not _same(value, defaults.get(name, _NONE))
    }


# No option has this value.
_NONE = object()


def _same(a: Any, b: Any) -> bool:
    try:
        return a is b or (type(a) is type(b) and bool(a == b))
    except ValueError:  # Two arrays have no single answer.
        return False
