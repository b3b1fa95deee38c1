"""`load`: a model file as what it was saved from, a network or an estimator."""

from __future__ import annotations

import os
from typing import Any

from ostinato.errors import FormatError, shown
from ostinato.io.model import load_with_training
from ostinato.models.base.model_file import FORMAT_VERSION, KEY, ModelFile


def load(path: str | os.PathLike[str]) -> Any:
    """The network in a model file or a checkpoint, or the estimator that `save` wrote.

    No plugin is imported. A PluginWarning says if the equations of an installed or registered cell differ
    from those of the file, which the network computes. An estimator predicts as before, bit for bit, and
    a further fit continues its training, if the file holds it. A parameter that was an object is one again
    if it was of the library's own classes; else it is the text of its repr.

    Raises OSError when the file cannot be read, FormatError for a file that differs from what `save` writes.
    """
    net, training = load_with_training(path)
    described = net.metadata.pop(KEY, None)
    if described is None:
        return net
    try:
        if not isinstance(described, dict) or not isinstance(described.get("class"), str):
            raise FormatError(f"the estimator of the file is {shown(described)}")
        if described.get("version") != FORMAT_VERSION:
            raise FormatError(
                f"the estimator has version {shown(described.get('version'))}; this release reads "
                f"{FORMAT_VERSION}"
            )
        kinds = {one.__name__: one for one in _kinds(ModelFile)}
        kind = kinds.get(described["class"])
        if kind is None:
            raise FormatError(
                f"the file holds the estimator {shown(described['class'])}, which this program does not "
                "have; import its module first. ostinato.io.load_network reads its network"
            )
        return kind._loaded(net, described, training)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _kinds(base: type[Any]) -> list[type[ModelFile]]:
    """All subclasses, the later ones of a name last."""
    found: list[type[ModelFile]] = []
    for one in base.__subclasses__():
        found += [one, *_kinds(one)]
    return found
