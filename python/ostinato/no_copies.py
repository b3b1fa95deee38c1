"""Objects that can be neither pickled nor copied say what to write instead."""

from __future__ import annotations

from typing import ClassVar, NoReturn, SupportsIndex

from ostinato.errors import DTypeError


class NoCopies:
    """Base of objects that belong to a running engine: pickle and copy raise a DTypeError."""

    _instead_of_a_copy: ClassVar[str]
    """What to do instead."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise DTypeError(f"a {type(self).__name__} is neither pickled nor copied; {self._instead_of_a_copy}")
