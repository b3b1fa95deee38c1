"""The name of an estimator in the errors of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ostinato.errors import ConfigError, DTypeError, ShapeError


@contextmanager
def errors_of(owner: str) -> Iterator[None]:
    """Within it, a ConfigError, DTypeError or ShapeError of a layer or a trainer begins with `owner` too."""
    try:
        yield
    except (ConfigError, DTypeError, ShapeError) as error:
        text = str(error)
        # An error of another class may make its text of several arguments: it stays as it is.
        if error.args == (text,) and not text.startswith((f"{owner}:", f"{owner}.")):
            error.args = (f"{owner}: {text.removeprefix('Trainer: ')}",)
        raise
