"""Spectral normalization by power iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Regularizer
from ostinato.ops import sqrt, sum


class Spectral(Regularizer):
    """Recurrent matrices are divided by their largest singular value.

    Source: Miyato et al. 2018, "Spectral normalization for generative adversarial networks", algorithm 1.
    """

    name = "spectral"

    def __init__(self, iterations: int = 8) -> None:
        self.iterations = iterations

    def weight(self, name: str, weight: Any, noise: Any) -> Any:
        if name not in noise.groups["recurrent"]:
            return weight
        v = np.cos(np.arange(float(weight.shape[1])))
        for _ in range(self.iterations):
            u = weight @ v
            v = weight.T @ (u / sqrt(sum(u * u) + 1e-30))
            v = v / sqrt(sum(v * v) + 1e-30)
        u = weight @ v
        return weight / sqrt(sum(u * u) + 1e-30)
