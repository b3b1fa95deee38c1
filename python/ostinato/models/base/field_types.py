"""The types of the arguments of an estimator, as its data class inherits them."""

from __future__ import annotations

from typing import TypeVar, get_type_hints

C = TypeVar("C", bound=type)


def with_field_types(cls: C) -> C:
    """A data class whose `__init__` has types in place of their texts.

    The texts are those of all bases, but `typing.get_type_hints` would look up their names in the module of
    the class itself.
    """
    init = cls.__init__  # type: ignore[misc]
    hints = get_type_hints(cls)
    init.__annotations__ = {name: hints.get(name, one) for name, one in init.__annotations__.items()}
    return cls
