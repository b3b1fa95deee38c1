"""The loop: epochs, batches, updates, and everything composed around them."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from ostinato import checks
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.foreign import names
from ostinato.foreign.calls import hinted
from ostinato.metrics import Metric
from ostinato.network import Network
from ostinato.network.losses import AnyLoss
from ostinato.network.predicting import BATCH_SIZE
from ostinato.network.through_time import ThroughTime
from ostinato.no_copies import NoCopies
from ostinato.optimizers import Optimizer
from ostinato.plugins.run_hooks import RunHooks
from ostinato.schedules import Schedule
from ostinato.strategy import Batch, Lesson, Moment, Strategy
from ostinato.training import checkpoint, same_data
from ostinato.training.alone import Alone
from ostinato.training.choices import (
    Strategies,
    choose_optimizer,
    choose_plugins,
    choose_schedule,
)
from ostinato.training.columns import validated
from ostinato.training.core import NetworkCore
from ostinato.training.epoch_lines import EpochLines
from ostinato.training.epoch_metrics import EpochMetrics
from ostinato.training.form import Form
from ostinato.training.history import History
from ostinato.training.interrupts import Interrupts
from ostinato.training.measure import Measure
from ostinato.training.measured import Measured
from ostinato.training.processes import Processes
from ostinato.training.run import TrainingRun
from ostinato.training.source import Batcher, Rows, Source, read_source, read_validation, with_last
from ostinato.training.terms import Terms
from ostinato.training.train_step import TrainStep
from ostinato.training.undo import Cut, Undo

Metrics: TypeAlias = Sequence[str | type[Metric] | Metric]


class Trainer(NoCopies, AttributeGuard):
    """Trains a network: `Trainer(net, loss="mse", optimizer="adam").fit(x, targets, epochs=10)`.

    Args:
        net: the network; its parameters are changed in place.
        loss: a name, a Loss class or an instance: "mse", MSE and MSE() mean the same. Of a network with
            several outputs a dict by output, {"tags": "cross_entropy", "mood": ost.weighted("mse", 0.3)};
            an output that is left out is not trained.
        optimizer: a name, an Optimizer class or an instance such as Adam(lr=1e-2).
        schedule: of the learning rate: a name, a Schedule class or an instance, or a function
            (start, when) -> lr; None keeps it.
        strategies: names, classes or instances, at most one of each role (`ostinato.strategy`); ways through
            time too.
        through_time: FullBPTT(), TruncatedBPTT(k1, k2) or CheckpointedBPTT(budget): short for the estimator.
        clip_norm: larger gradients are scaled down to this global norm; None does not.
        accumulate: how many batches make one update. Its gradient is that of one batch of all their rows, up
            to rounding; at the end of an epoch, fewer batches may be left, which make an update too. Only 1
            with an estimator that `samples` and also uses the loss of the targets.
        reduction: of the loss, "mean" over the valid steps or "sum"; "mean" with an estimator that `samples`.
        metrics: names, Metric classes or instances, measured on validation data; in training where the loss
            decides them. Of a network with several outputs a dict of lists by output.
        callbacks: plugins of this run: objects or modules with lifecycle hooks, or names of installed
            plugins. Nothing else is active, whatever is installed. They are called in this order.
        seed: of everything random in the training: order, noise, strategies.

    The arguments become attributes, which cannot be set later: AttributeError, as for unknown ones.

    Raises ConfigError or DTypeError, naming the argument; PluginError for a callback that cannot be enabled.
    """

    _foreign_names = names.TRAINER
    _fixed = (
        "net",
        "loss",
        "optimizer",
        "schedule",
        "strategies",
        "clip_norm",
        "accumulate",
        "reduction",
        "metrics",
        "run",
    )
    _instead = "make a new one: Trainer(net, ...)"
    _instead_of_a_copy = (
        "write trainer.save(path), and load or fit(resume=path) of an equal trainer; its network, "
        "trainer.net, "
        "can be pickled and copied"
    )

    def __init__(
        self,
        net: Network,
        *,
        loss: AnyLoss,
        optimizer: str | type[Optimizer] | Optimizer = "adam",
        schedule: str | type[Schedule] | Callable[[float, Moment], float] | None = None,
        strategies: Sequence[str | type[Strategy] | Strategy | ThroughTime] = (),
        through_time: ThroughTime | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        reduction: str = "mean",
        metrics: Metrics | Mapping[str, Metrics] = (),
        callbacks: Sequence[Any] = (),
        seed: int = 0,
    ) -> None:
        if not isinstance(net, Network):
            raise DTypeError(f"net is {shown(net)}; expected a Network")
        self.net = net
        self._terms = terms = Terms.of(net, loss, metrics, reduction)
        self.loss, self.metrics = terms.loss, terms.metrics
        self.optimizer = choose_optimizer(optimizer)
        self.schedule = choose_schedule(schedule)
        self.strategies = Strategies(strategies, through_time)
        self.clip_norm = (
            None if clip_norm is None else checks.number("Trainer", "clip_norm", clip_norm, above=0)
        )
        self.accumulate = checks.whole("Trainer", "accumulate", accumulate, at_least=1)
        self.reduction = reduction
        of_rows = (name for name, one in terms.objectives.items() if one.per_row)
        ignored = {name: one.ignore for name, one in terms.objectives.items() if one.ignore is not None}
        self._form = Form(net, frozenset(of_rows), ignored)
        self._measure = Measure(net, terms)
        self._interrupts = Interrupts()
        core = self.strategies.execution.core(NetworkCore(net, terms.objectives))
        self._step = step = TrainStep(
            self.strategies.estimator,
            core,
            self.schedule,
            self.clip_norm,
            reduction == "sum",
            tuple(terms.objectives),
            terms.several,
            self.accumulate,
            self._interrupts,
        )
        step.check_terms()
        plugins = choose_plugins(callbacks)
        self._hooks = step.hooks = RunHooks(plugins, own=step)
        self._plugin_states: Mapping[str, Any] | None = None
        self._training_metrics = False
        self._cut = Cut()
        self._advice = ""  # of `Measured`
        self._alone = Alone("trainer")
        whole = checks.whole("Trainer", "seed", seed, at_least=0)
        self.run = TrainingRun(net, self.optimizer, whole, self.optimizer.lr)
        self.run.chief = self.strategies.execution.chief
        self._processes = Processes(self)
        self.run.others_measure = any(_may_measure(one) for one in plugins.values())

    def __repr__(self) -> str:
        when = f"epoch {self.run.epoch}, step {self.run.step}"
        text = call(self, self.net, loss=self.loss, optimizer=self.optimizer, metrics=self.metrics or None)
        return f"{text}: {when}"

    @property
    def history(self) -> History:
        """The measurements of each epoch so far."""
        return self.run.history

    @hinted("fit")
    def fit(
        self,
        data: Any,
        targets: Any = None,
        *,
        epochs: int,
        batch_size: int | Batcher | None = None,
        lengths: Any = None,
        weights: Any = None,
        mask: Any = None,
        validation: Any = None,
        resume: bool | str | os.PathLike[str] = False,
        progress: bool = True,
        training_metrics: bool = False,
    ) -> History:
        """Trains for `epochs` epochs, and returns the history of all epochs so far.

        Args:
            data: x as `Network.run` takes it, a dict for several inputs, with targets (and lengths, weights);
                or an iterable of `Batch` or of tuples (x, targets[, lengths[, weights]]), gone through once
                in each epoch. If the first sequence of an axis is a list of rows, all on that axis are.
            targets: as `Network.value_and_grad` takes them, and so are lengths and weights: one for each
                step, or, for an output of rows, one label for each row, (N,) or (N, K). A dict for several
                outputs.
            epochs: how many more; with resume, how many in all since the `fit` that is resumed began.
            batch_size: rows of a batch, None for 32; or a function from the lengths of the rows, in the order
                in which they are to be learned, to batches of places in it, each place once, none empty; with
                an attribute drop_last = True, some may be left out in training, and none in measurements. Not
                for iterables of batches.
            lengths: see targets; a dict by axis for sequences on several axes.
            weights: see targets.
            mask: as `Network.run` takes it, a dict by axis for several axes: the steps to skip in training.
            validation: measured after each epoch: a tuple like data, or an iterable of batches. With a mask,
                a list of one batch: `[ost.Batch(x, targets, mask=mask)]`.
            resume: continue where a checkpoint (its path) or the last `fit` (True) stopped, within the epoch.
            training_metrics: after each epoch, also measure on the training data the metrics that the loss
                does not decide, such as accuracy: as validation does, without regularizers and over all
                rows, which costs another forward pass. The data are rows in memory.
            progress: print a line for each epoch to standard error, and why the run ended early.

        All rows in memory are read and checked before anything changes.
        An error, or Ctrl-C, leaves everything as after the last whole update or epoch: network, optimizer,
        schedule, strategies, history, and callbacks that save and load their states; or as before the call,
        if there was none.
        Raises ShapeError, DTypeError, ConfigError, naming the argument; NonFiniteError, naming the array, in
        the step that meets a NaN; PluginError when a hook fails; FormatError for a damaged checkpoint.
        """
        with self._processes.ending():
            epochs = checks.count("fit", "epochs", epochs, at_least=0)
            checks.flag("fit", "progress", progress)
            checks.flag("fit", "training_metrics", training_metrics)
            self.strategies.check()  # options of an estimator may be set after it is made
            self._step.check_terms()
            form = self._form
            source = read_source(
                "fit", form, data, targets, lengths=lengths, weights=weights, mask=mask, batch_size=batch_size
            )
            measured = None if validation is None else read_validation(form, validation, batch_size)
            if batch_size is not None and not any(isinstance(one, Rows) for one in (source, measured)):
                raise ConfigError(
                    f"fit: batch_size is {shown(batch_size)}, but the data is an iterable of batches; omit it"
                )
            if training_metrics and not isinstance(source, Rows):
                raise ConfigError(
                    "fit: training_metrics is True, but the data is an iterable of batches, which runs once "
                    "in each epoch; expected rows in memory, or validation=data"
                )

            def work() -> None:
                self._training_metrics = training_metrics
                self._fit(source, measured, epochs, resume, EpochLines(self.run, progress and self.run.chief))

            self._alone.run("fit", lambda: self._interrupts.during(work))
        return self.run.history

    def _fit(
        self,
        source: Source,
        measured: Source | None,
        epochs: int,
        resume: bool | str | os.PathLike[str],
        lines: EpochLines,
    ) -> None:
        """`fit` of data that was read."""
        run, hooks = self.run, self._hooks
        self._measure.check(source, "fit")
        if measured is not None:
            self._measure.check(measured, "validation")
        columns = self._measured(measured is not None)
        seen = same_data.seen(source, measured, self.net.dtype)
        goal = {
            "epochs": epochs,
            "resume": resume if isinstance(resume, bool) else "a path",
            "validation": measured is not None,
            "training_metrics": self._training_metrics,
        }
        self._processes.begin(seen, goal)
        if resume is True and self._cut.start:
            resume = False
        elif resume is True and self._plugin_states is None and not run.last:
            raise ConfigError(
                "fit: resume is True, but this trainer has not started or loaded a run; give the path of "
                "a checkpoint, or omit resume"
            )
        if resume is True:
            same_data.check_seen(run.seen, seen)
        states, started = self._plugin_states, False
        undo = Undo(self, (source,) if measured is None else (source, measured))
        self._step.defers = undo.defers
        self._step.planned = None
        try:
            # What comes before the first update may write parameters.
            if hooks.names or resume is not False:
                undo.keep()
            if not isinstance(resume, bool):
                self._load(checks.path("fit: resume", resume), seen)
            elif resume:
                run.expected = same_data.of_current(run)
            cut = self._cut if resume is True else Cut()
            run.history.measured = columns
            run.seen = seen
            run.begin(epochs, bool(resume))
            run.stopped, run.done_early = cut.stopped, cut.early
            self._processes.started()
            started = True
            self._run(source, measured, undo, bool(resume), lines)
            lines.end()
            self._cut = Cut()
        except BaseException as error:
            self._interrupts.holding = True
            undo.restore(error)
            if started:
                self._processes.undone(error)
            if undo.commits:
                self._cut = Cut(stopped=run.stopped, early=run.done_early)
            else:
                self._plugin_states = states
                if started and not resume:
                    self._cut = Cut(start=True)
            if started:
                hooks.tell_error(run, error)
            raise

    def _run(
        self, source: Source, measured: Source | None, undo: Undo, resume: bool, lines: EpochLines
    ) -> None:
        """The run of a `fit`, from its first hook to its last."""
        run, hooks = self.run, self._hooks
        if resume:
            source.load_state_dict(run.data)
        # A copy: a plugin may reset the object that it returned when the run starts.
        states = copy.deepcopy(self._states_of_plugins()) if resume else None
        hooks.call("ostinato_run_start", run=run)
        if states is not None:
            hooks.load(run, states)
        self._plugin_states = None
        while run.epoch < run.last and not run.stopped:
            self._epoch(source, measured, undo, lines)
        self._processes.finished()
        if hooks.names:
            undo.keep()
        hooks.call("ostinato_run_end", run=run)

    def _measured(self, validation: bool) -> Measured:
        """The measurements of each epoch. Raises ConfigError if the schedule watches something else."""
        terms = self._terms
        ones = dict.fromkeys(terms.objectives, 1.0)
        known = dict.fromkeys(self._while_training(ones))
        if self._training_metrics:
            known |= dict.fromkeys(terms.measured)
        names = (*terms.losses, *known, "grad_norm", "lr")
        if validation:
            names = (*names, *map(validated, (*terms.losses, *terms.measured)))
        made = Measured(names, terms.losses, terms.measured, validation, terms.better, self._advice)
        watched = self.schedule.watched if isinstance(self.schedule, Schedule) else ()
        for name in watched:
            if not made.has(name):
                raise ConfigError(
                    f"the schedule watches {shown(name)}, which is not measured; {made.missing(name)}"
                )
        if isinstance(self.schedule, Schedule):
            self.schedule.begin(made.better)
        return made

    def _epoch(self, source: Source, measured: Source | None, undo: Undo, lines: EpochLines) -> None:
        """One epoch, or the rest of an interrupted one."""
        run, hooks = self.run, self._hooks
        if run.lesson is None:
            if hooks.names:
                undo.keep()
            run.data = source.state_dict()
            run.lesson = self._lesson(source)
            hooks.call("ostinato_epoch_start", run=run, epoch=run.epoch)
        else:
            same_data.check_rows(run, source)
        run.batches = same_data.counted(run, source)
        for piece in self._pieces(source):
            self._update(piece, undo)
            if run.stopped:
                return
        if hooks.names:
            undo.keep()
        metrics: Any = EpochMetrics(self._end_of_epoch(source, measured))
        epoch = run.epoch - 1
        hooks.call("ostinato_epoch_end", run=run, epoch=epoch, metrics=metrics)
        run.history.replace_last(metrics)  # plugins may have added columns
        lines.epoch(metrics)
        metrics = MappingProxyType(metrics)
        reason = hooks.call("ostinato_should_stop", run=run, epoch=epoch, metrics=metrics)
        if reason:
            run.stop(reason if isinstance(reason, str) else "ostinato_should_stop")
            run.done_early = True
        self._save_if_asked()
        undo.commit(epoch=True)

    def _lesson(self, source: Source) -> Lesson:
        """What the curriculum chooses for the epoch that starts."""
        curriculum, losses = self.strategies.curriculum, None
        if curriculum.reads_losses and isinstance(source, Rows):
            losses = self._measure.of_rows(source, "fit")
        return curriculum.next_lesson(self.run.when, source.lengths, losses)

    def _pieces(self, source: Source) -> Iterator[Batch]:
        """The pieces that make one update each, starting at the position in the epoch."""
        run = self.run
        assert run.lesson is not None
        waits = self.accumulate > 1 or self.strategies.estimator.waits
        batches = source.batches(run.lesson, run.position.batch)
        for batch, is_last in with_last(batches, run.position.batch, run.batches, waits):
            same_data.check_batch(run, batch, source)
            done = run.position.piece
            pieces = list(self.strategies.estimator.pieces(batch))
            if any(piece.carries for piece in pieces):
                self._form.check_carries()
            if is_last and pieces:
                pieces[-1] = pieces[-1].replace(is_last=True)
            yield from pieces[done:]
            run.position = run.position.after_batch()
        if run.gathered is not None:
            raise ConfigError(
                f"accumulate: the length of the data is {run.batches}; {run.position.batch} batches came; "
                "give data whose len() is the number of its batches, or that has none"
            )

    def _update(self, piece: Batch, undo: Undo) -> None:
        """Feed a piece to the network and learn from it."""
        run, hooks, step = self.run, self._hooks, self.run.step
        batch = run.starting(piece).replace(seed=run.when.draw_seed("noise"))
        batch = self.strategies.feeding.feed(batch, run.when)
        hooks.call("ostinato_batch_start", run=run, step=step, batch=batch)
        metrics = hooks.train(run=run, step=step, batch=batch)
        planned, self._step.planned = self._step.planned, None
        if not undo.defers:
            self._interrupts.settle()  # an interrupt in the middle waits for the end of this method
        hooks.call("ostinato_batch_end", run=run, step=step, metrics=MappingProxyType(metrics))
        if undo.defers and planned is not None and run.save_to:
            undo.keep()
            planned.take(run.optimizer)
        self._save_if_asked()
        undo.commit(planned=planned)
        self._interrupts.release()

    def _while_training(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The metrics that the losses decide; none if the estimator has a loss of its own."""
        return {} if self.strategies.estimator.samples else self._measure.while_training(losses)

    def _end_of_epoch(self, source: Source, measured: Source | None) -> dict[str, float]:
        """Measures, and finishes the epoch. Returns its row of the history."""
        run, totals = self.run, self.run.totals
        measure = self._measure
        measure.check_counts(totals.counts, f"fit: epoch {run.epoch}")
        losses = totals.mean_losses
        metrics = {"loss": totals.mean_loss, **measure.losses(losses), **self._while_training(losses)}
        if self._training_metrics:
            over = measure.over(source, "fit")
            metrics |= {name: over[name] for name in self._terms.measured if name not in metrics}
        if measured is not None:
            self._hooks.call("ostinato_validation_start", run=run, epoch=run.epoch)
            over = measure.over(measured, "validation")
            found = {validated(name): value for name, value in over.items()}
            read_only = MappingProxyType(found)
            self._hooks.call("ostinato_validation_end", run=run, epoch=run.epoch, metrics=read_only)
            metrics |= found
        if totals.penalty:
            metrics["penalty"] = totals.mean_penalty
        metrics |= {"grad_norm": totals.grad_norm, "lr": self.optimizer.lr}
        if isinstance(self.schedule, Schedule):
            self.schedule.observe(metrics)
        run.history.append({"epoch": run.epoch, "step": run.step, **metrics})
        run.next_epoch()
        run.data = source.state_dict()
        return metrics

    def evaluate(
        self,
        data: Any,
        targets: Any = None,
        *,
        batch_size: int | Batcher | None = None,
        lengths: Any = None,
        weights: Any = None,
        mask: Any = None,
    ) -> dict[str, float]:
        """The loss per valid step and each metric over data, in inference mode.

        Of a network with several outputs, "loss" is the sum, "mood.loss" the loss of an output. Arguments and
        errors as in `fit`.
        """
        source = read_source(
            "evaluate",
            self._form,
            data,
            targets,
            lengths=lengths,
            weights=weights,
            mask=mask,
            batch_size=batch_size,
            once=True,
        )
        if batch_size is not None and not isinstance(source, Rows):
            raise ConfigError(
                f"evaluate: batch_size is {shown(batch_size)}, but the data is an iterable of batches; "
                "omit it"
            )
        return self._measure.over(source, "evaluate")

    def predict(self, x: Any, *, lengths: Any = None, mask: Any = None, batch_size: int = BATCH_SIZE) -> Any:
        """`net.predict(x, ...)`: the outputs of the network as it is now."""
        return self.net.predict(x, lengths=lengths, mask=mask, batch_size=batch_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a checkpoint, completely or not at all; `fit(resume=path)` continues bit-identically.

        It holds parameters, optimizer, schedule, strategies, position, sums of the epoch, carried state,
        history and the states of plugins; not the data, and not the trainer's arguments. Within a hook use
        `run.save`. Of several processes, the chief writes, and may call it alone.

        Raises OSError, ConfigError, and RankError if a `fit` failed and left the processes at other places.
        """

        def work() -> None:
            self._processes.check_whole()
            self._write((path,), self._states_of_plugins)

        self._alone.run("save (in a hook: run.save)", work)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Loads the file of `save` into a trainer with equal arguments; `fit(..., resume=True)` continues.

        Raises OSError, FormatError; DTypeError for a path that is none; ConfigError for a name that no file
        has, and if the trainer has other arguments.
        """

        def work() -> None:
            self._load(checks.path("load: path", path))
            self._cut = Cut()

        self._alone.run("load", work)

    def _load(self, path: str | os.PathLike[str], seen: Mapping[str, Any] | None = None) -> None:
        self._plugin_states = self._processes.read(path, lambda here: checkpoint.load(here, self, seen))
        self.run.whole = True

    def _all_or_nothing(
        self, work: Callable[[], None], is_kept: Callable[[], bool], advice: str = ""
    ) -> None:
        """`work()`, which may call `fit`: an error leaves everything as before.

        is_kept: whether Ctrl-C leaves what is done. advice: that of `Measured` in this `fit`.
        """
        undo, cut, states = Undo(self, ()), self._cut, self._plugin_states
        undo.keep()
        self._advice = advice
        try:
            work()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_kept():
                raise
            undo.restore(error)
            self._cut, self._plugin_states = cut, states
            raise
        finally:
            self._advice = ""

    def _states_of_plugins(self) -> Mapping[str, Any]:
        """The states of plugins; before their run starts, the states that they will receive."""
        return self._hooks.save(self.run) if self._plugin_states is None else self._plugin_states

    def _save_if_asked(self) -> None:
        paths, self.run.save_to = self.run.save_to, ()
        if paths:
            self._processes.gather()
            self._write(paths, lambda: self._hooks.save(self.run))

    def _write(
        self, paths: Sequence[str | os.PathLike[str]], states: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Write a checkpoint; of several processes, the chief does."""
        if self.run.chief:
            for path in paths:
                checkpoint.save(path, self, states())


def _may_measure(plugin: Any) -> bool:
    """Whether it receives the metrics of an epoch, to which it may add."""
    hook = getattr(plugin, "ostinato_epoch_end", None)
    if hook is None or not getattr(plugin, "adds_metrics", True):
        return False
    return "metrics" in inspect.signature(hook).parameters
