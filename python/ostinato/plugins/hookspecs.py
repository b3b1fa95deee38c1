"""The hooks that register names, for built-ins and plugins alike.

A hook is a function marked with `ostinato.hookimpl`, in the module or the object that an entry point of the
group `ostinato` names. Hooks return lists of descriptors, do nothing else, and do not depend on an order.
They take no arguments; a later version may pass arguments to hooks that have parameters of these names.
"""

from __future__ import annotations

import pluggy

from ostinato.specs import (
    CallbackSpec,
    CellSpec,
    CommandSpec,
    InitializerSpec,
    LayerSpec,
    LossSpec,
    MetricSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
    ScorerSpec,
    StrategySpec,
)

hookspec = pluggy.HookspecMarker("ostinato")


class Hooks:
    """One method per hook, as pluggy requires."""

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
    def ostinato_scorers(self) -> list[ScorerSpec]:
        """Scorers: a score from a query and a key, for `Attention(name, ...)`.

        `step` gets one query and one key, and returns the score of the key. `place` has the key's position.

        Example:
            >>> from ostinato import Scorer, ScorerSpec, hookimpl, ops
            >>> class Closeness(Scorer):
            ...     '''Minus the squared distance of query and key.'''
            ...     def step(self, query, key, p, place):
            ...         return -ops.sum((query - key) ** 2)
            >>> @hookimpl
            ... def ostinato_scorers():
            ...     return [ScorerSpec("closeness", Closeness)]
        """
        return []

    @hookspec
    def ostinato_layers(self) -> list[LayerSpec]:
        """Layers: functions from symbols to a symbol, made of other layers, for `Sequential` and `Graph`.

        Example:
            >>> from ostinato import Dense, Layer, LayerSpec, hookimpl
            >>> class Highway(Layer):
            ...     '''gate * f(x) + (1 - gate) * x, step by step.'''
            ...     examples = ({"input_size": 3}, {"input_size": 2, "activation": "relu"})
            ...     input_size: int
            ...     activation: str = "tanh"
            ...     def build(self, x):
            ...         gate = Dense(x.width, x.width, "sigmoid")(x)
            ...         return gate * Dense(x.width, x.width, self.activation)(x) + (1 - gate) * x
            >>> @hookimpl
            ... def ostinato_layers():
            ...     return [LayerSpec("highway", Highway)]
            >>> Highway(8, activation="relu").output_size
            8
        """
        return []

    @hookspec
    def ostinato_regularizers(self) -> list[RegularizerSpec]:
        """Regularizers: equations that change the step of a cell, for `Recurrent(..., regularizers=[name])`.

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
        """Losses: the loss of one step, for `value_and_grad(..., loss=name)`.

        `step` gets the output `y` (F,) of one step of one row, and its target, and returns one number. The
        target has the shape of `y`; with the class attribute `target = "index"`, it is an id. A loss with
        `state(size)` also gets the state, and returns the next one.

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
        """Optimizers: updates of parameters from their gradients, for `Trainer(..., optimizer=name)`.

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
    def ostinato_schedules(self) -> list[ScheduleSpec]:
        """Schedules: the learning rate over the course of training, for `Trainer(..., schedule=name)`.

        Example:
            >>> from ostinato import Moment, ScheduleSpec, hookimpl
            >>> def halving(every=10):
            ...     '''Halves the learning rate after every `every` epochs.'''
            ...     return lambda start, when: start * 0.5 ** (when.epoch // every)
            >>> halving(every=10)(1.0, Moment(epoch=25))
            0.25
            >>> @hookimpl
            ... def ostinato_schedules():
            ...     return [ScheduleSpec("halving", halving)]
        """
        return []

    @hookspec
    def ostinato_initializers(self) -> list[InitializerSpec]:
        """Initializers: initial values of a parameter, for `Param(shape, init=name)`.

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

    @hookspec
    def ostinato_strategies(self) -> list[StrategySpec]:
        """Strategies: the replaceable parts of a training run, for `Trainer(..., strategies=[name])`.

        A run has one strategy for each role. The curriculum decides which rows a batch has, and in which
        order. The feeding decides whether a step's input is the true value or a prediction. The estimator
        computes the gradient of a batch. The execution decides in which process this happens. The base
        classes are `Curriculum`, `Feeding`, `Estimator` and `Execution`.

        Example:
            >>> import numpy as np
            >>> from ostinato import Curriculum, Lesson, StrategySpec, hookimpl
            >>> class ShortFirst(Curriculum):
            ...     '''Sequences from the shortest to the longest.'''
            ...     def lesson(self, when, lengths):
            ...         return Lesson(np.argsort(lengths, kind="stable"))
            >>> @hookimpl
            ... def ostinato_strategies():
            ...     return [StrategySpec("short_first", ShortFirst, role="curriculum")]
        """
        return []

    @hookspec
    def ostinato_metrics(self) -> list[MetricSpec]:
        """Metrics: numbers that are measured in addition to the loss, for `Trainer(..., metrics=[name])`.

        `step` gets the output `y` (F,) of one step of one row, and its target, and returns one number. The
        metric is the mean of these numbers. `better` is "lower" or "higher", for `EarlyStopping`.

        Example:
            >>> from ostinato import Metric, MetricSpec, hookimpl, ops
            >>> class Misses(Metric):
            ...     '''The share of steps with an error above `width` in any feature.'''
            ...     better = "lower"
            ...     def __init__(self, width=0.1):
            ...         self.width = width
            ...     def step(self, y, target):
            ...         return ops.where(ops.max(ops.abs(y - target)) > self.width, 1.0, 0.0)
            >>> @hookimpl
            ... def ostinato_metrics():
            ...     return [MetricSpec("misses", Misses)]
        """
        return []

    @hookspec
    def ostinato_callbacks(self) -> list[CallbackSpec]:
        """Callbacks: plugins that a training run calls, for `Trainer(..., callbacks=[name])`.

        A callback derives from `Callback` and has methods that are hooks of a run, such as
        `ostinato_epoch_end`. A run calls the callbacks that it names, and no others.

        Example:
            >>> import numpy as np
            >>> from ostinato import Callback, CallbackSpec, hookimpl
            >>> class GradientNoise(Callback):
            ...     '''Adds normal noise of the given width to all gradients.'''
            ...     def __init__(self, width=0.01):
            ...         self.width = width
            ...     @hookimpl
            ...     def ostinato_after_backward(self, run, grads):
            ...         noise = run.when.rng("gradient_noise").normal(size=grads.arena.shape)
            ...         grads.arena[...] += self.width * noise
            >>> @hookimpl
            ... def ostinato_callbacks():
            ...     return [CallbackSpec("gradient_noise", GradientNoise)]
        """
        return []

    @hookspec
    def ostinato_commands(self) -> list[CommandSpec]:
        """Commands: `ostinato NAME ...` on the command line.

        If a plugin's command has the name of a built-in command, call it as `ostinato namespace/name`.

        Example:
            >>> from ostinato import CommandSpec, hookimpl
            >>> def greet(parser):
            ...     '''Print a greeting.'''
            ...     parser.add_argument("whom")
            ...     def run(options):
            ...         print(f"hello, {options.whom}")
            ...     return run
            >>> @hookimpl
            ... def ostinato_commands():
            ...     return [CommandSpec("greet", greet)]
        """
        return []
