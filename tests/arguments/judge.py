"""What a call with one wrong value may do: accept a value of the argument's type, or name it in a typed "
"error."""

from __future__ import annotations

import collections.abc
import contextlib
import inspect
import io
import itertools
import math
import os
import re
import signal
import types
import typing
import warnings
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any, Final

import numpy as np

import ostinato as ost
from tests.arguments.surface import Entry

SECONDS: Final = 5


def trouble(entry: Entry, name: str, make: Callable[[], Any]) -> str:
    """What is wrong with the call of `entry` with this value for the argument `name`; "" if nothing is."""
    value = make()
    try:
        with quiet(), limited():
            entry.call(**{name: value})
    except (ost.InternalError, SystemError) as error:
        return f"internal: {_text(error)}"
    except OSError as error:
        return "" if name in ("path", "resume") else f"untyped: {type(error).__name__}: {_text(error)}"
    except (ost.OstinatoError, MemoryError) as error:
        if name in ("path", "resume") and isinstance(error, ost.FormatError):
            return ""  # the message begins with the path
        return "" if names(_text(error), name) else f"unnamed: {type(error).__name__}: {_text(error)}"
    except TimeoutError:
        return "hangs"
    except LookupError as error:
        if "no sample" in _text(error):
            return f"no call: {_text(error)}"
        return f"untyped: {type(error).__name__}: {_text(error)}"
    except BaseException as error:
        if value is not None and _is_mine(error):
            return ""  # raised by a function that the caller gave
        return f"untyped: {type(error).__name__}: {_text(error)}"
    parameter = next(one for one in entry.parameters if one.name == name)
    annotation = resolved(parameter.annotation, entry.namespace)
    return "" if parameter.default is value or fits(annotation, make()) else f"accepted: {annotation}"


# What an argument is called where another one has its place: data is x, or an iterable of batches.
ALSO: Final = {
    "data": "x",
    "prompt": "x",
    "cell_options": "option",
    "change": "values",
    "learning_rate_init": "learning rate",
    "mapping": "missing",
    "memories": "memory",
    "more": "values",
    "net": "x|network|Network",
    "params": "parameter",
    "patterns": "parameter",
    "fn": "step",
}


def _is_mine(error: BaseException) -> bool:
    """Whether the values' own code raised, or was called with arguments that it does not take."""
    return "<lambda>" in _text(error) or "__len__() should return" in _text(error)


def names(message: str, name: str) -> bool:
    """Whether a message names an argument; of `*values`, one of them."""
    if name in ALSO and re.search(rf"\b({ALSO[name]})\b", message):
        return True
    plain = name.rstrip("s") if name.endswith("s") else name
    return re.search(rf"(?<![\w])({re.escape(name)}|{re.escape(plain)})(?![a-z0-9])", message) is not None


def _text(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception as second:
        return f"<its text raises {type(second).__name__}>"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class TimeoutError(BaseException):
    """A call took too long."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


NAMESPACE: Final = {
    **vars(typing),
    **vars(collections.abc),
    "np": np,
    "os": os,
    "ostinato": ost,
    **{name: getattr(ost, name) for name in ost.__all__},
}


def resolved(annotation: Any, namespace: dict[str, Any]) -> Any:
    """The type that an annotation stands for; Any where a name is known to type checkers alone."""
    if not isinstance(annotation, str):
        return Any if annotation is annotation is None else annotation
    try:
        return eval(annotation, {**NAMESPACE, **namespace})
    except (NameError, TypeError):
        return Any


def _finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def fits(annotation: Any, value: Any) -> bool:
    """Whether a value is of this type, as far as that can be seen."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object, inspect.Parameter.empty):
        return True
    if annotation is None or annotation is type(None):
        return value is None
    if annotation is bool:
        return isinstance(value, bool)
    if annotation is int:
        return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if annotation is float:
        return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and _finite(value)
    if isinstance(annotation, typing.TypeVar):
        return not annotation.__constraints__ or any(fits(one, value) for one in annotation.__constraints__)
    if isinstance(annotation, str):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(one, value) for one in args)
    if origin is typing.Literal:
        return value in args
    if origin is type:
        return isinstance(value, type)
    if origin is collections.abc.Callable:
        return callable(value)
    if origin in (tuple, list, collections.abc.Sequence, collections.abc.Iterable):
        if isinstance(value, (str, bytes, bytearray)):
            return origin is collections.abc.Iterable and args == (str,) and isinstance(value, str)
        try:
            parts = list(itertools.islice(value, 100))
        except Exception:
            return False
        inner = [one for one in args if one is not ...]
        return all(any(fits(one, part) for one in inner) for part in parts) if inner else True
    if origin in (dict, collections.abc.Mapping):
        return isinstance(value, collections.abc.Mapping)
    if origin is np.ndarray:
        return isinstance(value, (np.ndarray, collections.abc.Sequence))
    if origin is not None:
        return isinstance(value, origin) if isinstance(origin, type) else True
    if getattr(annotation, "_is_protocol", False):
        return all(hasattr(value, one) for one in dir(annotation) if not one.startswith("_"))
    return isinstance(value, annotation) if isinstance(annotation, type) else True
