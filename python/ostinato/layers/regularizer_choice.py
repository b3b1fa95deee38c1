"""The `regularizers` argument of a layer: instances, classes or names; and its form in model files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ostinato.errors import ConfigError, shown
from ostinato.plugins.registry import registry
from ostinato.regularizer import Regularizer

if TYPE_CHECKING:
    from ostinato.network.record import Record


def choose_regularizers(layer: str, given: Any) -> tuple[Regularizer, ...]:
    """The regularizers in the order given. Raises ConfigError for an unknown name, DTypeError for others."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError(
            f"{layer}: regularizers is {shown(given)}; expected a list of regularizers or their names"
        )
    return tuple(
        registry.make("regularizer", one, Regularizer, argument=f"{layer}: regularizers[{n}]")
        for n, one in enumerate(given)
    )


def read_regularizers(record: Record) -> tuple[str, ...]:
    """What the regularizers of a saved layer were, in words; none where the record does not say."""
    values = record.items("regularizers") if record.has("regularizers") else []
    if not all(isinstance(value, str) for value in values):
        raise record.error("'regularizers' that are no texts")
    return tuple(values)
