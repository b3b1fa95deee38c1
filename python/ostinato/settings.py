"""Settings of the process for floating-point errors and warnings, changed for one call.

`with np.errstate(...)` and `with warnings.catch_warnings()` restore them in Python code, which Ctrl-C can
interrupt: then the settings stay changed.
"""

from __future__ import annotations

import contextvars
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

R = TypeVar("R")


def ignoring(function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)` without NumPy's warnings of what is not finite."""

    def quiet() -> R:
        np.seterr(all="ignore")
        return function(*arguments)

    return errors_apart(quiet)


def errors_apart(function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)`; NumPy's settings for errors are as before afterwards."""
    # NumPy 2 keeps them in the context of `contextvars`: a call in a copy of it cannot leave any.
    return contextvars.copy_context().run(_given_back, function, *arguments)


def _given_back(function: Callable[..., R], *arguments: Any) -> R:
    before = np.geterr()
    try:
        return function(*arguments)
    finally:  # NumPy 1 keeps them by thread
        np.seterr(**before)


def warnings_apart(function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)`; the filters of warnings are as before afterwards."""
    caught = warnings.catch_warnings()
    caught.__enter__()  # only makes a copy of the filters
    try:
        return function(*arguments)
    finally:
        try:
            caught.__exit__(None, None, None)
        except BaseException:  # such as Ctrl-C in the middle
            caught.__exit__(None, None, None)
            raise


def without_warnings(category: type[Warning], function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)` without warnings of a category."""

    def quiet() -> R:
        warnings.simplefilter("ignore", category)
        return function(*arguments)

    return warnings_apart(quiet)
