"""What `inspect.signature`, `typing.get_type_hints`, `help` and editors show: arguments and their types.

Of a class, Python would show the arguments of the metaclass's `__call__` or of `__new__`, which accept
anything. Types are there when the program runs: Python 3.10 has neither `Self` nor `Unpack`, and needs no
package for them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef, TypeVar, get_type_hints

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack
else:
    import typing

    class _Unpack:
        """Stands for `typing.Unpack`: it says nothing."""

        def __class_getitem__(cls, item: Any) -> Any:
            return item

    Self = getattr(typing, "Self", Any)
    Unpack = getattr(typing, "Unpack", _Unpack)

__all__ = ["InitSignature", "Self", "Unpack", "later", "of_init", "signature_of", "with_field_types"]

C = TypeVar("C", bound=type)


class InitSignature:
    """The attribute `__signature__` of a class: that of `__init__` without `self`; instances have none."""

    def __get__(self, instance: object, owner: Any) -> inspect.Signature:
        if instance is not None:  # An instance that can be called has the signature of `__call__`.
            raise AttributeError("__signature__")
        return of_init(owner)


def of_init(owner: Any) -> inspect.Signature:
    """The signature of a class's `__init__`, without `self`."""
    if owner.__init__ is object.__init__:
        return inspect.Signature()
    signature = inspect.signature(owner.__init__)
    _, *parameters = signature.parameters.values()
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


@lru_cache(maxsize=256)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, read once."""
    return inspect.signature(function)


def with_field_types(cls: C) -> C:
    """A data class whose `__init__` has the types of inherited fields in place of their texts.

    `typing.get_type_hints` would look up the names of a text in the module of the class itself. A text whose
    names a base does not have yet, or that is no type, stays a text.
    """
    init = cls.__init__  # type: ignore[misc]
    types = dict(init.__annotations__)
    for base in reversed(cls.__mro__[1:]):
        named = inspect.get_annotations(base)
        types.update({name: _type_of(one, base) for name, one in named.items() if name in types})
    types.update({name: init.__annotations__[name] for name in inspect.get_annotations(cls) if name in types})
    init.__annotations__ = types
    return cls


def _type_of(annotation: Any, owner: type) -> Any:
    """The type that an annotation of a class names; if that is not there, the annotation."""
    alone = SimpleNamespace(__annotations__={"it": annotation})
    module = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    try:
        # as of a class, where the names of its module come before its own
        return get_type_hints(alone, dict(vars(owner)), module)["it"]
    except Exception:  # what a text may raise: a name of a class that is defined later, free text
        return annotation


def later(module: str, name: str) -> Any:
    """For annotations, a type of a module that most programs do not need: `get_type_hints` imports it."""
    wanted = ForwardRef(f"__import__({module!r}, fromlist=[{name!r}]).{name}")
    return Annotated[wanted, module]  # a ForwardRef of Python 3.10 has no `|`; get_type_hints unwraps this
