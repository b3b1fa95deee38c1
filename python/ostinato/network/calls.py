"""`Calls`: what a network computes over whole sequences."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ostinato import _core, checks
from ostinato._core import Program
from ostinato.errors import ConfigError
from ostinato.foreign.calls import hinted
from ostinato.network.arena import Array
from ostinato.network.freezing import Frozen
from ostinato.network.graph import Graph
from ostinato.network.losses import AnyLoss, Losses
from ostinato.network.objective import Objective
from ostinato.network.ports import Ports
from ostinato.network.predicting import BATCH_SIZE, Runs, predict
from ostinato.network.run import Facts, Gradients, Run
from ostinato.network.seeds import Seeds
from ostinato.network.states import from_slots, to_slots
from ostinato.network.through_time import ThroughTime, check_through_time, mode_of
from ostinato.sequences.batch import Batch

R = TypeVar("R")


class Calls:
    """Runs a network, and differentiates it: each call reads its arguments, and calls the core once."""

    batch_first: bool | None
    _arena: Array
    _compiled: dict[tuple[bool, bool, frozenset[int]], _core.Network]
    _dtype_name: str
    _frozen: Frozen
    _graph: Graph
    _lock: threading.RLock
    _noisy: bool
    _ports: Ports
    _regularized: bool
    _seeds: Seeds
    _traced: dict[tuple[str, str, str], Objective]

    @hinted("run")
    def run(
        self,
        x: Any,
        *,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
        first_step: int = 0,
        seed: int | None = None,
        training: bool = False,
        input_gradient: bool = True,
        regularize: bool = True,
    ) -> Run:
        """Runs the network over whole sequences.

        Args:
            x: (N, T, input_size) floats, converted to `dtype`; integer ids (N, T) where `takes_ids`; or a
                list of rows of different lengths. Of a Graph with several inputs a dict of them by name;
                all have the same N, sequences of one axis the same T; an input of rows is (N, size) floats
                or (N,) ids. Nothing may write to it during the call, no signal handler either.
            lengths: (N,) integers 0..T, or None for T; the same for all sequences of an axis. Of a graph with
                several axes a dict by axis; an axis that is left out has no padding. Past its
                length a row outputs zeros and holds its state, and what x holds there is not read. T = 0,
                N = 0 and length 0 are allowed.
            mask: (N, T) booleans in the axis order of x, or a list of rows if x is one; None for True
                everywhere. Of a graph with several axes a dict by axis, as `lengths` is. The network skips a
                step whose mask is False: the state holds, the output is zero, and x is not read there. A step
                is valid if it lies within `lengths` and its mask is True. A row gives the results of its
                valid steps, one after the other, bit for bit. So a row without a valid step is a row of
                length 0, and `Last` takes the last valid step.
            state: a dict as `Run.final_state` is, or None for zeros; without the states that start from a
                value of the graph.
            resets: (N, T) booleans, as x's axes go. Where True, a new sequence begins in the row: its state
                is zeros before that step, no gradient goes back beyond it, and layers that read backwards
                end there. So a row gives what its sequences would, each as a row of its own. `state` is for
                the first sequence of a row, `final_state` is of the last, and so are values of rows, such
                as those of `Last`. A reset at a masked step starts a sequence at the next valid step; without
                a next valid step that sequence is empty: its final state and values of rows are zeros.
            first_step: what step 0 of x counts as. Noise is drawn by row and step, so with one seed the
                pieces of a stream, each with the number of its first step, get the noise of the whole.
                Masked steps are not counted.
            seed: of the regularizers' noise. The same seed gives the same masks to the rows of a call, by
                their place in it. None takes the next of a series that the network's own seed decides.
            training: keep what `Run.backward` needs, and regularize.
            input_gradient: False leaves `Gradients.inputs` of `Run.backward` out, as in `value_and_grad`.
            regularize: False leaves regularizers at rest in training too, so that `Run.backward` is the
                gradient of what the network computes without training, such as a saliency.

        Raises ShapeError, DTypeError or ConfigError, naming the argument.
        """
        checks.flag("run", "training", training)
        checks.flag("run", "regularize", regularize)
        checks.flag("run", "input_gradient", input_gradient)
        call, batch = self._call("run", x, lengths, mask, state, resets, first_step)
        core, facts = self._engine(input_gradient, regularize or not training)
        result = self._with_seed(
            "run", seed, training and regularize, lambda drawn: core.run(call, training, drawn)
        )
        return Run(result, facts, batch, self._dtype_name, training)

    def predict(self, x: Any, *, lengths: Any = None, mask: Any = None, batch_size: int = BATCH_SIZE) -> Any:
        """The outputs for many rows, computed `batch_size` rows at a time, without training.

        x, lengths, mask: as in `run`. A list of rows gives a list of outputs (T_n, width), each with the
        steps of its row; arrays give arrays, as `run` does. A network of several outputs gives a dict of
        those. The results are those of one `run` over everything, bit for bit, with the memory of a batch.
        Raises ShapeError, DTypeError, ConfigError, naming the argument.
        """
        return predict(cast("Runs", self), x, lengths, mask, batch_size)

    @hinted("value_and_grad")
    def value_and_grad(
        self,
        x: Any,
        targets: Any,
        *,
        loss: AnyLoss,
        reduction: str = "mean",
        weights: Any = None,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
        first_step: int = 0,
        seed: int | None = None,
        through_time: ThroughTime | None = None,
        input_gradient: bool = True,
        regularize: bool = True,
    ) -> tuple[float, Gradients]:
        """The loss over a batch and all its gradients, in one call.

        This is the fast path for training: a row group runs forwards and backwards while it is in the cache.
        The loss includes the penalties of regularizers; `Gradients.penalty` is their sum.

        Args:
            x: see `run`.
            targets: (N, T) integer ids for losses with classes, else (N, T, output_size) floats; a list of
                rows if x is one. For an output of rows: (N,) ids, or (N, output_size) floats. For a network
                with several outputs: a dict by name, for the outputs that have a loss.
            loss: a name, a Loss class or an instance: "mse", MSE and MSE() mean the same. An Objective, which
                has its own reduction, saves work if you call often. For a network with several outputs: a
                dict by name; an output without a loss is omitted. The value is the sum of the losses.
                `weighted(loss, scale)` scales one of them, and `Gradients.losses` holds the terms.
            reduction: "mean" over the valid steps, or rows, of each output; or "sum". It also holds for the
                penalties of steps.
            weights: (N, T) floats, or (N,) for an output of rows: a factor for each step or row; a dict by
                name like `loss`. With "mean", the sum is divided by the sum of the weights, so only their
                proportions matter, and negative weights are an error. With "sum", weights may be negative.
                The target under a weight of 0 is not read: it may be NaN or any id. Penalties do not use
                weights.
            lengths: see `run`.
            mask: see `run`. Targets and weights are not read at masked steps.
            state: see `run`.
            resets: see `run`. TruncatedBPTT counts the steps of each sequence from its own first.
            first_step: see `run`.
            seed: see `run`.
            through_time: FullBPTT(), TruncatedBPTT(k1, k2), CheckpointedBPTT(budget) or another ThroughTime;
                None means the first.
            input_gradient: False leaves `Gradients.inputs` out, as PyTorch does where the input requires no
                gradient: a sixth of the products of one layer that is as wide as its input. Layers that are
                frozen, with all layers before them, then have no backward pass, and their states are left
                out of `Gradients.initial_state`.
            regularize: False leaves regularizers at rest: no noise, in losses neither, and no penalties in
                the loss, which is then that of `loss_value`.

        Raises ShapeError, DTypeError or ConfigError, naming the argument.
        """
        through_time = check_through_time(through_time)
        checks.flag("value_and_grad", "input_gradient", input_gradient)
        checks.flag("value_and_grad", "regularize", regularize)
        call, batch = self._call("value_and_grad", x, lengths, mask, state, resets, first_step)
        given = self._losses(loss, reduction)
        losses = given.arguments(batch, targets, weights, self._graph, self._arena, training=regularize)
        return self._differentiated(
            (call, batch), given, losses, seed, through_time, input_gradient, regularize
        )

    def _part_and_grad(
        self,
        rows: tuple[int, tuple[list[float], float]],
        x: Any,
        targets: Any,
        *,
        loss: AnyLoss,
        weights: Any,
        lengths: Any,
        mask: Any,
        state: Any,
        resets: Any,
        seed: int | None,
        through_time: ThroughTime | None,
    ) -> tuple[float, Gradients]:
        """`value_and_grad` of rows that are a part of a batch, without the gradient of x.

        rows: the number of the first one in the batch, by which noise is drawn, and the share that they have
        of penalties, as in `_core.Losses`.
        """
        first_row, share = rows
        read = self._call("value_and_grad", x, lengths, mask, state, resets, 0)
        given = self._losses(loss, "mean")
        losses = given.arguments(
            read[1], targets, weights, self._graph, self._arena, training=True, share=share
        )
        through_time = check_through_time(through_time)
        return self._differentiated(read, given, losses, seed, through_time, False, True, first_row)

    def _differentiated(
        self,
        read: tuple[Any, Batch],
        given: Losses,
        losses: _core.Losses,
        seed: Any,
        through_time: ThroughTime,
        input_gradient: bool,
        regularize: bool,
        first_row: int = 0,
    ) -> tuple[float, Gradients]:
        """`value_and_grad` of what was read."""
        call, batch = read
        # most calls have whole batches
        more = (first_row,) if first_row else ()
        core, facts = self._engine(input_gradient, regularize)
        mode = mode_of(through_time, batch.rows, batch.steps)
        value, parts, arena, inputs, d_state, final, penalty = self._with_seed(
            "value_and_grad",
            seed,
            regularize,
            lambda drawn: core.value_and_grad(call, losses, mode, drawn, *more),
            given.draw_noise,
        )
        states = (d_state, final)
        return value, Gradients.from_core(arena, inputs, states, facts, batch, penalty, parts)

    @hinted("loss_value")
    def loss_value(
        self,
        x: Any,
        targets: Any,
        *,
        loss: AnyLoss,
        reduction: str = "mean",
        weights: Any = None,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
    ) -> tuple[float, dict[str, Array]]:
        """The loss over a batch without gradients, and the final state. Regularizers and penalties are off.

        Arguments and errors as in value_and_grad.
        """
        call, batch = self._call("loss_value", x, lengths, mask, state, resets, 0)
        losses = self._losses(loss, reduction).arguments(batch, targets, weights, self._graph, self._arena)
        values, final = self._core().loss_value(call, losses)
        return sum(values), from_slots(final, self._graph, batch.rows)

    def _with_seed(
        self, call: str, seed: int | None, training: bool, work: Callable[[int], R], draws: bool = False
    ) -> R:
        """`work(seed)`, with the seed of a call. `draws`: whether a loss draws noise."""
        if seed is None and not (self._noisy or draws):
            return work(0)
        return self._seeds.during(call, seed, training, work)

    def _engine(self, input_gradient: bool = True, regularize: bool = True) -> tuple[_core.Network, Facts]:
        """The core's network for what is frozen now, made when it is first wanted; and what results need."""
        regularize = regularize or not self._regularized
        with self._lock:
            frozen = self._frozen.offsets
            core = self._compiled.get((input_gradient, regularize, frozen))
            if core is None:
                core = self._graph.compile(
                    self._dtype_name, self._ports.outputs, regularize, input_gradient, frozen
                )
                # Networks of what was frozen before would keep their memory.
                kept = {key: one for key, one in self._compiled.items() if key[2] == frozen}
                self._compiled = {**kept, (input_gradient, regularize, frozen): core}
            return core, Facts(self._graph, self._ports, frozen)

    def _core(self, input_gradient: bool = True) -> _core.Network:
        """The core's network, with the gradient of the input or without."""
        return self._engine(input_gradient)[0]

    def _call(
        self, call: str, x: Any, lengths: Any, mask: Any, state: Any, resets: Any, first_step: Any
    ) -> tuple[Any, Batch]:
        """The core's form of what every call reads, and the rows and steps of the inputs."""
        arrays, batch = self._ports.read(x, lengths, self._dtype_name, self.batch_first is not False, mask)
        if resets is not None and not self._ports.axes:
            raise ConfigError("resets is given, but no input of this network is a sequence; expected None")
        batch = batch.along(call, resets, first_step)
        slots = to_slots("state", state, self._graph, batch.rows, self._dtype_name)
        return (self._arena, arrays, batch.extent, slots), batch

    def _loss_programs(self, loss: Any) -> list[tuple[int, Program]]:
        return [] if loss is None else self._losses(loss, "sum").programs

    def _losses(self, loss: Any, reduction: str) -> Losses:
        return Losses.of(loss, reduction, self._ports, self._dtype_name, self._traced)
