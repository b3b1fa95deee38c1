"""Regularizers for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import RegularizerSpec, hookimpl
from ostinato_regularizers.gaussian_noise import GaussianNoise
from ostinato_regularizers.norm_stabilizer import NormStabilizer
from ostinato_regularizers.spectral_norm import SpectralNorm
from ostinato_regularizers.weight_noise import WeightNoise
from ostinato_regularizers.weight_norm import WeightNorm

__all__ = ["GaussianNoise", "NormStabilizer", "SpectralNorm", "WeightNoise", "WeightNorm"]


@hookimpl
def ostinato_regularizers() -> list[RegularizerSpec]:
    """The regularizers of this package."""
    kinds = (NormStabilizer, GaussianNoise, WeightNoise, SpectralNorm, WeightNorm)
    return [RegularizerSpec.of(one) for one in kinds]
