"""The built-in nouns as a plugin: they enter the registries by the same hooks as anybody's."""

from __future__ import annotations

from ostinato.cell import Cell
from ostinato.discover import leaves
from ostinato.initializers import Initializer
from ostinato.losses import Loss
from ostinato.optimizers import Optimizer
from ostinato.regularizer import Regularizer
from ostinato.specs import (
    CellSpec,
    InitializerSpec,
    LossSpec,
    OptimizerSpec,
    RegularizerSpec,
    hookimpl,
)


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """Return every cell of ostinato/cells."""
    return [CellSpec(name, one) for name, one in leaves("ostinato.cells", Cell).items()]


@hookimpl
def ostinato_regularizers() -> list[RegularizerSpec]:
    """Return every regularizer of ostinato/regularizers."""
    found = leaves("ostinato.regularizers", Regularizer)
    return [RegularizerSpec(name, one) for name, one in found.items()]


@hookimpl
def ostinato_losses() -> list[LossSpec]:
    """Return every loss of ostinato/losses."""
    return [LossSpec(name, one) for name, one in leaves("ostinato.losses", Loss).items()]


@hookimpl
def ostinato_optimizers() -> list[OptimizerSpec]:
    """Return every optimizer of ostinato/optimizers."""
    return [OptimizerSpec(name, one) for name, one in leaves("ostinato.optimizers", Optimizer).items()]


@hookimpl
def ostinato_initializers() -> list[InitializerSpec]:
    """Return every initializer of ostinato/initializers."""
    return [InitializerSpec(name, one) for name, one in leaves("ostinato.initializers", Initializer).items()]
