"""The name of an estimator in the errors of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.training.same_data import OTHER_DATA


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


@contextmanager
def errors_of_checkpoint(path: str | None) -> Iterator[None]:
    """Within it, an error about other data than those of a checkpoint names the file and what to do with it.

    An estimator has no trainer to load it.
    """
    try:
        yield
    except ConfigError as error:
        text = str(error)
        if path is not None and error.args == (text,) and OTHER_DATA in text:
            text = text.replace(OTHER_DATA, "To begin anew, remove the file")
            error.args = (f"checkpoint {path}: {text.removeprefix('Trainer: ')}",)
        raise
