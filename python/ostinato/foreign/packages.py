"""Names in packages of the project that are not installed: hints for a name that nothing provides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PACKAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "ostinato-attention": {"scorer": "local location multi_head", "layer": "pooling"},
    "ostinato-cells": {
        "cell": "coupled_lstm delta_net layer_norm_gru layer_norm_lstm ligru mgu mlstm multiplicative_lstm "
        "peephole_lstm slstm sru"
    },
    "ostinato-curriculum": {"strategy": "length"},
    "ostinato-mpi": {"strategy": "mpi"},
    "ostinato-onnx": {"command": "export"},
    "ostinato-optimizers": {"optimizer": "adafactor lamb lars lion lookahead"},
    "ostinato-ray": {"strategy": "ray"},
    "ostinato-regularizers": {
        "regularizer": "gaussian_noise norm_stabilizer spectral_norm weight_noise weight_norm"
    },
    "ostinato-reinforce": {"strategy": "minimum_risk reinforce"},
    "ostinato-sampling": {"strategy": "free_running scheduled_sampling"},
}
"""For each package the kinds of what it registers, with their names."""


def missing_package(kind: str, name: str) -> str | None:
    """The package that has the name, "mpi" or "mpi/mpi", and is not installed."""
    plugin, _, own = name.rpartition("/")
    for package, kinds in PACKAGES.items():
        if own in kinds.get(kind, "").split() and package.endswith(f"-{plugin}" if plugin else ""):
            return None if _is_installed(package) else package
    return None


def _is_installed(package: str) -> bool:
    from importlib import metadata

    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True
