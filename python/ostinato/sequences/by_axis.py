"""Arguments that each axis of sequences has one of: lengths and masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ostinato.errors import ConfigError, a_type, shown
from ostinato.sequences.axis import ROW
from ostinato.suggest import did_you_mean


def by_axis(argument: str, value: Any, axes: Iterable[str]) -> dict[str, Any]:
    """A value by axis: a dict as it is, without None; what is no dict if there is one axis; {} for None.

    Raises ConfigError for other axes, and for what is no dict if there are several.
    """
    names = list(axes)
    if value is None or not names:
        return {}
    if not isinstance(value, Mapping):
        if len(names) == 1:
            return {names[0]: value}
        entries = ", ".join(f"{shown(axis)}: ..." for axis in names)
        raise ConfigError(
            f"{argument} is {a_type(value)}, but the sequences of this network lie on several axes; "
            f"write a dict: {argument}={{{entries}}}"
        )
    for axis in value:
        if axis == ROW:
            raise ConfigError(f"{argument} has {shown(ROW)}, but values of rows have no steps; leave it out")
        if axis not in names:
            hint = did_you_mean(str(axis), names, "expected")
            raise ConfigError(f"{argument} has the axis {shown(axis)}; {hint} (axes, not inputs)")
    return {axis: one for axis, one in value.items() if one is not None}


def like_axes(parts: Mapping[str, Any], axes: Iterable[str]) -> Any:
    """Values by axis in their plainest form: a dict if there are several axes; None if no axis has one."""
    if not parts:
        return None
    return dict(parts) if len(list(axes)) > 1 else next(iter(parts.values()))
