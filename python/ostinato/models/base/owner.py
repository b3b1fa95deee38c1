"""The name of an estimator in the errors of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ostinato.errors import ConfigError, DTypeError


@contextmanager
def errors_of(owner: str) -> Iterator[None]:
    """Within it, a ConfigError or DTypeError of a layer, a cell or a trainer begins with `owner` too."""
    try:
        yield
    except (ConfigError, DTypeError) as error:
        if not str(error).startswith(owner):
            error.args = (f"{owner}: {error}",)  # not a new error: its class may have other arguments
        raise
