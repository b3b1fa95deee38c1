"""`EpochMetrics`: what plugins see of an epoch, to which they may add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ostinato.errors import ConfigError, shown


class EpochMetrics(dict[str, float]):
    """The measurements of an epoch as a dict. New names may be added, what the run measured stays as it is.

    Changing or removing a measurement raises ConfigError, because the history would no longer be that of the
    run.
    """

    def __init__(self, measured: Mapping[str, float]) -> None:
        super().__init__(measured)
        self._measured = frozenset(measured)

    def __setitem__(self, name: str, value: float) -> None:
        if name in self._measured:
            self._refuse(name)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if name in self._measured:
            self._refuse(name)
        super().__delitem__(name)

    def update(self, *others: Any, **more: float) -> None:
        """As of a dict. Raises ConfigError."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def __ior__(self, other: Any) -> EpochMetrics:  # type: ignore[override, misc]
        self.update(other)
        return self

    def setdefault(self, name: str, value: float = 0.0) -> float:
        """As of a dict, for a number."""
        if name not in self:
            self[name] = value
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        """As of a dict. Raises ConfigError."""
        if name in self._measured:
            self._refuse(name)
        return super().pop(name, *default)

    def popitem(self) -> NoReturn:
        """Raises ConfigError."""
        self._refuse(next(reversed(self)))

    def clear(self) -> NoReturn:
        """Raises ConfigError."""
        self._refuse(next(iter(self)))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def _refuse(self, name: str) -> NoReturn:
        raise ConfigError(
            f"metrics: {shown(name)} was measured, so no plugin changes it; add a number of another name"
        )
