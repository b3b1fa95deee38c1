"""The error of an estimator that is used before `fit`."""

from __future__ import annotations

import sys

from ostinato.errors import ConfigError


class NotFitted(ConfigError, AttributeError):
    """An estimator is used before `fit`; also a `NotFittedError` of scikit-learn, if that is imported."""


def not_fitted(message: str) -> NotFitted:
    """The error, of the class that scikit-learn knows if the program uses scikit-learn."""
    found = sys.modules.get("sklearn.exceptions")
    if found is None:
        return NotFitted(message)
    made: NotFitted = type("NotFitted", (NotFitted, found.NotFittedError), {"__module__": __name__})(message)
    return made
