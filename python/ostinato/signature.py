"""What `inspect.signature`, `help` and editors show of a class: the arguments of its `__init__`.

Python would show those of the metaclass's `__call__` or of `__new__`, which accept anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any


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
