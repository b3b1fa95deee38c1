"""Objects that take no new attributes once they are made: a misspelled setting is an error."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ostinato.foreign.calls import explained
from ostinato.signature import InitSignature
from ostinato.suggest import did_you_mean

MARK: Final = "_guarded"
"""The attribute of an object whose attributes are guarded."""


class CallMeta(ABCMeta):
    """Explains arguments that do not fit `__init__`: a CallError that says what to write."""

    if not TYPE_CHECKING:  # Type checkers take the arguments from `__init__`.

        def __call__(cls, /, *args: Any, **options: Any) -> Any:
            """Make an instance."""
            try:
                return super().__call__(*args, **options)
            except TypeError as error:
                owners = [one.__name__ for one in cls.__mro__]
                found = explained(error, owners, cls.__signature__, args, options)
                if found is error:
                    raise
                raise found from None


class GuardMeta(CallMeta):
    """Guards the attributes of an instance when its `__init__`, with those of its subclasses, is done."""

    if not TYPE_CHECKING:

        def __call__(cls, /, *args: Any, **options: Any) -> Any:
            """Make an instance, complete it, and guard its attributes."""
            made = super().__call__(*args, **options)
            made._complete()
            guard(made)
            return made


class AttributeGuard(metaclass=GuardMeta):
    """Base of objects that take no new public attributes after they are made.

    Private names, properties with a setter, and the attributes that a subclass sets in its `__init__` can be
    assigned as usual. Anything else raises AttributeError, which says what to do instead.
    """

    if not TYPE_CHECKING:
        __signature__ = InitSignature()

    _fixed: ClassVar[tuple[str, ...]] = ()
    """Further attributes that are read during construction only: a later change would have no effect."""
    _instead: ClassVar[str] = "make a new one"
    """What to do instead of setting one of them."""
    _foreign_names: ClassVar[Mapping[str, str]] = {}
    """What other frameworks call something -> what to do here."""

    def _complete(self) -> None:
        """Does what is left when the `__init__` of the last subclass has set its attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        if MARK in vars(self) and not name.startswith("_"):
            owner = type(self)
            if any(name in vars(base).get("_fixed", ()) for base in owner.__mro__):
                self._refuse(name, f"{owner.__name__}: {name!r} is fixed at construction; {owner._instead}")
            if not hasattr(owner, name) and name not in vars(self):
                settable = [one for one in dir(owner) if getattr(getattr(owner, one), "fset", None)]
                hint = did_you_mean(name, settable, "what can be set")
                more = "keep it elsewhere, or set it in the __init__ of a subclass"
                message = f"{owner.__name__!r} object has no attribute {name!r} to set; "
                self._refuse(name, message + owner._foreign_names.get(name, f"{hint}; {more}"))
        super().__setattr__(name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            hint = type(self)._foreign_names.get(name)
            if hint and not hasattr(type(self), name):
                self._refuse(name, f"{type(self).__name__!r} object has no attribute {name!r}; {hint}")
            return object.__getattribute__(self, name)  # Python's own words, or those of a property

    def _refuse(self, name: str, message: str) -> None:
        raise AttributeError(message, name=name, obj=self)


def guard(made: AttributeGuard) -> None:
    """From now on `made` takes no new public attributes."""
    vars(made)[MARK] = True
