"""Model files: the network of any, and estimators with the columns of the data that they were fitted to."""

from __future__ import annotations

from typing import Any, Final

import ostinato
from ostinato.cli.reading.sequences import Layout
from ostinato.errors import ConfigError
from ostinato.models.base.model_file import ModelFile
from ostinato.network import Network

KEY: Final = "ostinato.columns"
"""The key of `net.metadata` under which a model file names the columns of the data."""


def save(model: ModelFile, layout: Layout, path: str) -> None:
    """Writes a model file. Raises OSError."""
    model.network_.metadata[KEY] = layout.state()
    model.save(path)


def network_of(model: Any) -> Network:
    """The network that `ostinato.load` returned, or that of the estimator it returned."""
    found: Network = model.network_ if isinstance(model, ModelFile) else model
    return found


def load(path: str) -> tuple[ModelFile, Layout]:
    """The estimator in a file and the columns that `save` described; none for a file written in Python.

    Raises ConfigError for a model that is no estimator, FormatError, OSError.
    """
    model = ostinato.load(path)
    if not isinstance(model, ModelFile):
        raise ConfigError(
            f"{path} holds a network without an estimator; expected a file that `ostinato fit` or the `save` "
            "of an estimator wrote. `ostinato info` prints what it holds"
        )
    return model, Layout.from_state(model.network_.metadata.get(KEY, {}))
