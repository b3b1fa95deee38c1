"""`Self` and `Unpack` when the program runs: Python 3.10 has neither, and needs no package for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

__all__ = ["Self", "Unpack"]
