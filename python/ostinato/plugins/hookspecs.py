"""The hooks through which cells, regularizers, losses, optimizers and initializers enter, built-in or not.

A hook is a function marked with `ostinato.hookimpl` in the module, or the object, that an entry point of
the group `ostinato` names. Hooks return lists of descriptors, do nothing else, and do not depend on an
order. They take no arguments; a later version may pass some to those who ask for them by name.
"""

from __future__ import annotations

import pluggy

from ostinato.specs import CellSpec, InitializerSpec, LossSpec, OptimizerSpec, RegularizerSpec

hookspec = pluggy.HookspecMarker("ostinato")


class Hooks:
    """One method per hook, as pluggy wants them."""

    @hookspec
    def ostinato_cells(self) -> list[CellSpec]:
        """Cells: steps with a state, for `Recurrent(name, ...)`.

        Example:
            >>> from ostinato import Cell, CellSpec, Param, State, hookimpl, ops
            >>> class Leaky(Cell):
            ...     '''h' = (1 - rate) h + rate tanh(W x).'''
            ...     def __init__(self, rate=0.1):
            ...         self.rate = rate
            ...     def parameters(self, size):
            ...         return {"W": Param((size.hidden, size.input))}
            ...     def state(self, size):
            ...         return {"h": State(size.hidden)}
            ...     def step(self, x, state, p):
            ...         h = (1 - self.rate) * state.h + self.rate * ops.tanh(p.W @ x)
            ...         return h, {"h": h}
            >>> @hookimpl
            ... def ostinato_cells():
            ...     return [CellSpec("leaky", Leaky)]
        """
        return []

    @hookspec
    def ostinato_regularizers(self) -> list[RegularizerSpec]:
        """Regularizers: equations inlined in any cell's step, for `Recurrent(..., regularizers=[name])`.

        Example:
            >>> from ostinato import Regularizer, RegularizerSpec, hookimpl
            >>> class Jitter(Regularizer):
            ...     '''Training adds uniform noise of the given width to the output.'''
            ...     def __init__(self, width=0.1):
            ...         self.width = width
            ...     def output(self, y, noise):
            ...         if not noise.training:
            ...             return y
            ...         return y + self.width * (noise.uniform(y.shape) - 0.5)
            >>> @hookimpl
            ... def ostinato_regularizers():
            ...     return [RegularizerSpec("jitter", Jitter)]
        """
        return []

    @hookspec
    def ostinato_losses(self) -> list[LossSpec]:
        """Losses of one step, for `value_and_grad(..., loss=name)`.

        Example:
            >>> from ostinato import Loss, LossSpec, hookimpl, ops
            >>> class LogCosh(Loss):
            ...     '''Sum of log cosh(y - target).'''
            ...     def step(self, y, target):
            ...         d = ops.abs(y - target)
            ...         return ops.sum(d + ops.softplus(-2 * d) - 0.6931471805599453)
            >>> @hookimpl
            ... def ostinato_losses():
            ...     return [LossSpec("log_cosh", LogCosh)]
        """
        return []

    @hookspec
    def ostinato_optimizers(self) -> list[OptimizerSpec]:
        """Optimizers: how gradients change parameters.

        Example:
            >>> from ostinato import SGD, OptimizerSpec, hookimpl
            >>> def heavy_ball(lr=0.01):
            ...     '''SGD with a momentum of 0.9.'''
            ...     return SGD(lr=lr, momentum=0.9)
            >>> @hookimpl
            ... def ostinato_optimizers():
            ...     return [OptimizerSpec("heavy_ball", heavy_ball)]
        """
        return []

    @hookspec
    def ostinato_initializers(self) -> list[InitializerSpec]:
        """Initializers: first values of a parameter, for `Param(shape, init=name)`.

        Example:
            >>> import numpy as np
            >>> from ostinato import InitializerSpec, hookimpl
            >>> def ones():
            ...     '''Every value 1.'''
            ...     return lambda shape, rng: np.ones(shape)
            >>> @hookimpl
            ... def ostinato_initializers():
            ...     return [InitializerSpec("ones", ones)]
        """
        return []


# The hook that each kind of name comes through, and the descriptor it returns.
KINDS = {
    "cell": ("ostinato_cells", CellSpec),
    "regularizer": ("ostinato_regularizers", RegularizerSpec),
    "loss": ("ostinato_losses", LossSpec),
    "optimizer": ("ostinato_optimizers", OptimizerSpec),
    "initializer": ("ostinato_initializers", InitializerSpec),
}
