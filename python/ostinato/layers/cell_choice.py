"""The `cell` argument of Recurrent: a name, a class or an instance."""

from __future__ import annotations

import inspect
from typing import Any, Final, cast

from ostinato.cell import Cell
from ostinato.errors import ConfigError, DTypeError
from ostinato.plugins.entry import Provider
from ostinato.plugins.registry import registry
from ostinato.suggest import did_you_mean

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
"""What Recurrent takes beside the options of its cell."""


def choose_cell(cell: Any, options: dict[str, Any]) -> tuple[str, Cell, Provider | None]:
    """The cell's name, the cell, and who provides it (None for a class that is not registered).

    Raises ConfigError for an unknown name or option, and for options beside an instance.
    """
    provider, entry = None, None
    if isinstance(cell, str):
        entry = registry.resolve("cell", cell)
        name, provider = entry.shown, entry.provider
        make: Any = entry.spec.factory
    elif isinstance(cell, type) and issubclass(cell, Cell):
        name, make = cell.name, cell
    elif isinstance(cell, Cell):
        if options:
            raise ConfigError(
                f"cell is an instance, so the option {next(iter(options))!r} belongs to its making"
            )
        return cell.name, cell, None
    else:
        raise DTypeError(f"cell is {cell!r}; expected a name, a Cell subclass or a Cell instance")
    if options.get("dropout") == 0.0 and not isinstance(options["dropout"], bool):
        options = {key: value for key, value in options.items() if key != "dropout"}
    elif "dropout" in options:
        raise ConfigError(
            f"dropout is {options['dropout']!r}; expected 0. "
            "regularizers=[Dropout(p)] drops the input of every layer"
        )
    _check_known(name, make, options)
    try:
        made = make(**options) if entry is None else entry.make(**options)
    except TypeError as error:
        raise ConfigError(f"cell {name!r} cannot be made with the options {options!r}: {error}") from error
    if not isinstance(made, Cell):
        raise ConfigError(f"cell {name!r} makes a {type(made).__name__}; expected a Cell")
    return name, made, provider


def _check_known(name: str, make: Any, options: dict[str, Any]) -> None:
    """Refuses an option that the cell does not have; it may be a misspelled argument of the layer."""
    # The signature of a class would be that of `__new__`, which takes anything.
    maker = cast(Any, make).__init__ if isinstance(make, type) else make
    try:
        signature = inspect.signature(maker)
    except ValueError:  # A function of a compiled module may have none.
        return
    kinds = {one.kind for one in signature.parameters.values()}
    known = [one for one in signature.parameters if one != "self"]
    for option in options:
        if option not in known and inspect.Parameter.VAR_KEYWORD not in kinds:
            hint = did_you_mean(option, [*known, *LAYER_ARGUMENTS], "options")
            raise ConfigError(f"cell {name!r} has no option {option!r}; {hint}")


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
