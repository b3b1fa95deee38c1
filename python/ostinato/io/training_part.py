"""The training that a model file may hold in addition to its network: a tree (`network.tree`).

Its text has a metadata key of its own, and its tensors have names that no parameter has, so that readers of
the network, in other languages too, can leave them out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from ostinato.io.tree import read_tree, tree_parts
from ostinato.network.model_file import write_model
from ostinato.network.network import Network

KEY: Final = "ostinato.training"
"""The metadata key of the text."""

PREFIX: Final = "ostinato.training/"
"""How the names of its tensors begin."""


def save_with_training(
    net: Network, path: str | os.PathLike[str], metadata: Mapping[str, Any], training: Mapping[str, Any]
) -> None:
    """Writes a model file that holds a training too, completely or not at all.

    Raises OSError; ConfigError, naming the place, for a value that a file cannot hold.
    """
    text, tensors = tree_parts(training, "the training of a model file")
    write_model(net, path, metadata, {KEY: text}, [(PREFIX + name, one) for name, one in tensors])


def without_training(
    path: Any, metadata: dict[str, str], tensors: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The tensors of the network; and the training, if there is one, whose key is removed from `metadata`.

    Raises FormatError.
    """
    text = metadata.pop(KEY, None)
    if text is None:
        return tensors, None
    own = {name: one for name, one in tensors.items() if not name.startswith(PREFIX)}
    others = {name.removeprefix(PREFIX): one for name, one in tensors.items() if name not in own}
    return own, read_tree(path, text, others)
