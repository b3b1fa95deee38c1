"""What `inspect.signature`, `typing.get_type_hints`, `help` and editors show: arguments and their types.

Of a class, Python would show the arguments of the metaclass's `__call__` or of `__new__`, which accept
anything. Types are there when the program runs: Python 3.10 has neither `Self` nor `Unpack`, and needs no
package for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ForwardRef

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

__all__ = ["InitSignature", "Self", "Unpack", "later", "of_init", "signature_of"]


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


def later(module: str, name: str) -> Any:
    """For annotations, a type of a module that most programs do not need: `get_type_hints` imports it."""
    wanted = ForwardRef(f"__import__({module!r}, fromlist=[{name!r}]).{name}")
    return Annotated[wanted, module]  # a ForwardRef of Python 3.10 has no `|`; get_type_hints unwraps this
