"""`ModelFile`: estimators in one file, without pickle."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import numpy as np

from ostinato.errors import FormatError
from ostinato.models.base.parameters import Parameters
from ostinato.network import Network

Self = TypeVar("Self", bound="ModelFile")

KEY: Final = "ostinato.estimator"
"""The key of `net.metadata` under which a model file describes its estimator."""

FORMAT_VERSION: Final = 1


class ModelFile(Parameters):
    """Base of the estimators: saving and loading what `fit` found."""

    network_: Any

    # What an estimator adds.

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """Fitted values for a model file, other than the network."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The fitted attributes of `_state`."""

    # Files and copies.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one model file, which `ostinato.load` reads: no pickle, and no code of a plugin is needed.

        It holds what predictions need. Raises OSError; ConfigError before `fit`.
        """
        self._check_fitted("save")
        described = {
            "version": FORMAT_VERSION,
            "class": type(self).__name__,
            "parameters": {name: _plain(value) for name, value in self.get_params().items()},
            "state": self._state(),
        }
        self.network_.save(path, metadata={KEY: described})

    @classmethod
    def _loaded(cls: type[Self], net: Network, described: Mapping[str, Any]) -> Self:
        """The estimator of a model file. Raises FormatError."""
        try:
            made = cls(**{name: _listed(cls, name, one) for name, one in described["parameters"].items()})
            attributes = made._restore(described["state"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"the estimator of the file is damaged: {error}") from error
        vars(made).update(attributes)
        vars(made).update(_fitted=None, network_=net)
        return made

    def __getstate__(self) -> dict[str, Any]:
        values = dict(vars(self))
        if "_fitted" in values:
            values["_fitted"] = None
            values.pop("trainer_", None)
        return values

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)

    # What a fitted model says about itself.

    def explain(self) -> str:
        """The plan of the network: `network_.explain()`. Raises ConfigError before `fit`."""
        self._check_fitted("explain")
        told: str = self.network_.explain()
        return told


def _listed(kind: type[ModelFile], name: str, value: Any) -> Any:
    """A list of a file as a tuple, where the default is a tuple."""
    return tuple(value) if isinstance(value, list) and isinstance(getattr(kind, name, None), tuple) else value


def _plain(value: Any) -> Any:
    """A parameter as a model file holds it; an object as the text of its repr."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
