"""The errors of the package: each is an `OstinatoError` and a matching built-in error.

This module imports nothing of the package, so that the compiled core can raise these classes too.
"""


class OstinatoError(Exception):
    """Base of every error raised on purpose by the package."""


class ShapeError(OstinatoError, ValueError):
    """A rank, size or length differs from the expected one."""


class DTypeError(OstinatoError, TypeError):
    """A value has a type, or an array a number type, that the argument does not accept."""


class ConfigError(OstinatoError, ValueError):
    """A name, an option or a hyper-parameter is unknown or out of its range."""


class CallError(ConfigError, TypeError):
    """Arguments that do not fit a call: too many, missing, or with unknown names."""


class UnknownItemError(ConfigError, KeyError, IndexError):
    """A name or a place that a network, its parameters or a history does not have."""

    __str__ = Exception.__str__  # a KeyError would print the repr of its message


class FormatError(OstinatoError, ValueError):
    """A file or a program text is damaged, of another format, or hostile."""


class NonFiniteError(OstinatoError, ArithmeticError):
    """A NaN or an infinity where a finite number is required."""


class ConcurrentUseError(OstinatoError, RuntimeError):
    """Two threads used an object that supports one thread at a time."""


class RankError(OstinatoError, RuntimeError):
    """Processes that train one network together have different parameters or data, or do different things."""


class PluginError(OstinatoError, RuntimeError):
    """A plugin could not be loaded, or failed while it ran.

    `plugin`, `hook` and `step` (of a run, from 0) name the place, or are None.
    """

    def __init__(
        self, message: str, *, plugin: str | None = None, hook: str | None = None, step: int | None = None
    ) -> None:
        super().__init__(message)
        self.plugin, self.hook, self.step = plugin, hook, step


class TraceError(OstinatoError, TypeError):
    """A step did something that cannot be recorded as equations."""


class InternalError(OstinatoError, RuntimeError):
    """A bug in ostinato; please report it."""


def described(error: BaseException) -> str:
    """The type and the message of an exception of foreign code, whose `__str__` may raise itself."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception as second:
        message = f"(no message: its __str__ raises {type(second).__name__})"
    return f"{kind}: {message}" if message else kind


def shown(value: object) -> str:
    """A value in a message: its repr on one line of at most 160 characters, or its type."""
    if type(value).__name__ == "ndarray" and getattr(value, "ndim", 0) > 0:
        return f"an array of {value.dtype} {value.shape}"  # type: ignore[attr-defined]
    try:
        text = repr(value)
    except Exception:
        if isinstance(value, int):
            return f"an integer of about {int(value.bit_length() * 0.30103) + 1} digits"
        return f"a value of type {type(value).__name__} that cannot be printed"
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= 160 else f"{text[:157]}..."


def a_type(value: object) -> str:
    """The type of a value with its article: "a list", "an Attention"."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"
