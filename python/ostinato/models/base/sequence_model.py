"""`SequenceModel`: what all estimators share: fitting, continuing, saving."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.data import ByLength
from ostinato.errors import ConfigError, DTypeError, FormatError, described, shown
from ostinato.models.base.adaptive import Adaptive
from ostinato.models.base.best import Best
from ostinato.models.base.held_out import ENOUGH, Parts, split
from ostinato.models.base.model_file import ModelFile
from ostinato.models.base.owner import errors_of, errors_of_checkpoint
from ostinato.models.base.parameter_values import plain
from ostinato.models.base.routing import MetadataRouting
from ostinato.models.base.saved_training import MEASURED, SavedTraining, measured_of
from ostinato.models.base.seeds import seed_of
from ostinato.models.base.settings import differing, equal, kept
from ostinato.models.base.threads import with_jobs
from ostinato.network import Network
from ostinato.optimizers import Optimizer
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types
from ostinato.strategy import Batch, Moment
from ostinato.training import Checkpoints, Trainer
from ostinato.training.choices import choose_optimizer, choose_plugins, choose_schedule

Self = TypeVar("Self", bound="SequenceModel")

READ_ANEW: Final = ("max_iter", "batch_size", "warm_start", "verbose", "n_jobs", "checkpoint")
"""Parameters that each fit reads."""
OF_TRAINER: Final = (
    *("optimizer", "learning_rate_init", "schedule", "strategies", "clip_norm", "callbacks"),
    *("n_iter_no_change", "tol"),
)
BATCH_SIZE: Final = 32
UPDATES: Final = 64
"""With batch_size="auto", the fewest updates of an epoch, as long as a batch has FEWEST rows."""
FEWEST: Final = 8
ADVICE: Final = "an estimator measures 'val_loss' with early_stopping=True, which holds out rows"
"""What to do for a measurement of validation that is not there."""


@dataclass(eq=False)
class TrainingState:
    """The training of an estimator, also between two fits.

    attributes: those that end in "_", and what else a model file holds. parameters: of the estimator, with
    which this training began.
    """

    network: Network
    trainer: Trainer
    best: Best
    seed: int
    attributes: dict[str, Any]
    parameters: dict[str, Any]

    @property
    def held_out(self) -> bool:
        """Whether rows are held out."""
        return self.best.restore

    def saved(self) -> SavedTraining:
        """Without the trainer. Raises PluginError."""
        return SavedTraining.of(self.trainer, self.best, self.seed, self.attributes, self.parameters)


@dataclass(eq=False)
class Examples:
    """Rows for a trainer, ready for its network: x and targets as `Trainer.fit` takes them."""

    x: Any
    targets: Any
    weights: Any = None

    @property
    def rows(self) -> int:
        """Their number."""
        targets = self.targets
        return len(next(iter(targets.values())) if isinstance(targets, dict) else targets)

    def take(self, places: Any) -> Examples:
        """Some of the rows."""
        return Examples(*(_taken(one, places) for one in (self.x, self.targets, self.weights)))


class FitState:
    """What `fit` sets."""

    network_: Any
    """The network with the best parameters."""
    trainer_: Trainer
    """The trainer; `trainer_.history` has the measurements of each epoch."""
    _fitted: TrainingState | SavedTraining | None
    n_iter_: int
    loss_curve_: list[float]
    best_loss_: float | None


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class SequenceModel(ModelFile, MetadataRouting, FitState):
    """Base of the estimators: the parameters of fitting, and what can be done with a fitted model.

    Args:
        optimizer: a name, an Optimizer class, or an instance, which is copied.
        learning_rate_init: the learning rate at the start. "auto" is `learning_rate`, 0.003 unless an
            estimator has another one, or the rate of an instance. A number replaces the rate of an instance.
        schedule: of the learning rate, as in `Trainer`. "auto" rises over 20 updates, and is halved when 5
            epochs do not improve the loss. It does not depend on max_iter, so two fits with warm_start equal
            one.
        strategies: of the trainer: names, classes or instances, such as "checkpointed".
        clip_norm: larger gradients are scaled down to this global norm; None does not.
        max_iter: the most epochs of a fit.
        batch_size: rows of a batch; "auto" for 8 to 32, by the number of rows; or a function of the lengths,
            such as `ost.data.ByLength`. Rows of similar length are put together.
        early_stopping: True holds out rows, measures them after each epoch, and keeps the best parameters.
            "auto" does so from 1,000 rows on. False uses all rows for training.
        validation_fraction: the fraction of the rows that is held out.
        n_iter_no_change: a fit ends after this many epochs in which the loss (of the held-out rows, or of
            training) did not fall by more than tol.
        tol: see n_iter_no_change.
        warm_start: a further fit continues training. Two fits are bit-identical to one of as many epochs,
            unless the first one ended early, or a schedule or strategy depends on the number of epochs of a
            fit. If optimizer, learning_rate_init, schedule, strategies, clip_norm, callbacks,
            n_iter_no_change or tol are others than at the fit before, a new trainer starts from its
            parameters: the moments of the optimizer, the schedule, n_iter_ and loss_curve_ start anew.
            Parameters of the network must be the same. Both hold for `partial_fit` too.
        random_state: an integer makes results reproducible, bit for bit.
        verbose: prints a line for each epoch.
        callbacks: further plugins of the training, as in `Trainer`; they are not copied.
        checkpoint: the path of a file that `fit` writes after each epoch, and removes at its end. If the file
            is there, because a `fit` with the same data and parameters was ended, this one continues with it:
            together they are bit-identical to one. It needs an integer as random_state.
        n_jobs: threads, -1 for one per processor. It changes the speed and never the results.
    """

    optimizer: Any = "adam"
    learning_rate_init: float | str = "auto"
    schedule: Any = "auto"
    strategies: Sequence[Any] = ()
    clip_norm: float | None = 1.0
    max_iter: int = 200
    batch_size: Any = "auto"
    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    warm_start: bool = False
    random_state: Any = None
    verbose: bool | int = False
    callbacks: Sequence[Any] = ()
    checkpoint: str | os.PathLike[str] | None = None
    n_jobs: int | None = None

    learning_rate: ClassVar[float] = 3e-3
    read_anew: ClassVar[tuple[str, ...]] = ()
    """Further parameters that each fit or prediction reads, so that they may change between two fits."""
    of_trainer: ClassVar[tuple[str, ...]] = OF_TRAINER
    """Parameters of a trainer: with other ones, a further fit makes a new trainer."""

    # Fitting.

    def _holds_out(self, count: int) -> bool:
        """Whether rows are held out for early stopping. Raises ConfigError."""
        owner = type(self).__name__
        checks.number(owner, "validation_fraction", self.validation_fraction, above=0, below=1)
        if isinstance(self.early_stopping, str) and self.early_stopping == "auto":
            return count >= ENOUGH
        if not isinstance(self.early_stopping, bool):
            raise ConfigError(
                f"{owner}: early_stopping is {shown(self.early_stopping)}; expected True, False or 'auto'"
            )
        return self.early_stopping

    def _continues(self) -> TrainingState | None:
        """What this fit continues, or None. Raises ConfigError for a model without its training."""
        if not checks.flag(type(self).__name__, "warm_start", self.warm_start):
            return None
        self._refuse_checkpoint("warm_start=True")
        return self._latest("warm_start")

    def _refuse_checkpoint(self, why: str) -> None:
        if self.checkpoint is not None:
            raise ConfigError(
                f"{type(self).__name__}: checkpoint is {shown(self.checkpoint)}, which is for a fit in one "
                f"call; with {why} expected checkpoint=None"
            )

    def _latest(self, why: str) -> TrainingState | None:
        """The fitting so far; None before the first. Raises ConfigError for a model without its training."""
        if why == "partial_fit":
            self._refuse_checkpoint(why)
        if "_fitted" not in vars(self):
            return None
        found, owner = self._fitted, type(self).__name__
        if found is None:
            raise ConfigError(
                f"{owner}: {why} continues a training, but the file of this model does not hold it; expected "
                "a file that was written with save(path, training=True), or a new estimator"
            )
        lost = self._lost(found)
        for name in (*self.of_trainer, "loss", *READ_ANEW, *self.read_anew):
            if name in lost and equal(getattr(self, name), lost[name]):
                raise ConfigError(
                    f"{owner}: {why} continues a training with {name}={lost[name]}, but files hold objects "
                    f"of the library alone, so {name} is a text now; set it again: "
                    f"model.set_params({name}=...)"
                )
        if self._is_other(found, why):
            return self._renewed(found)
        if isinstance(found, TrainingState):
            return replace(found, attributes=dict(found.attributes))
        return self._reopened(found, why)

    def _lost(self, found: TrainingState | SavedTraining) -> dict[str, str]:
        """Parameters that were objects, and the texts that a file has in their place."""
        return found.lost if isinstance(found, SavedTraining) else {}

    def _is_other(self, found: TrainingState | SavedTraining, why: str) -> bool:
        """Whether the parameters of now need a new trainer for the same network.

        Raises ConfigError for a parameter that is another one than at the first fit, and has no effect now.
        """
        changed, lost = differing(self.get_params(deep=False), found.parameters), self._lost(found)
        for name in changed:
            if name in lost and (name in self.of_trainer or plain(getattr(self, name)) == lost[name]):
                continue  # an object in place of its text; the trainer says if it is another one
            if name not in (*READ_ANEW, *self.of_trainer, *self.read_anew):
                raise ConfigError(
                    f"{type(self).__name__}: {why} continues a training that began with {name}="
                    f"{shown(found.parameters[name])}, but {name} is {shown(getattr(self, name))}; expected "
                    "the same, or a new estimator"
                )
        return any(name in self.of_trainer and name not in lost for name in changed)

    def _renewed(self, found: TrainingState | SavedTraining) -> TrainingState:
        """A new trainer with the parameters of now, which starts from the network as it is."""
        return self._new(lambda _: self.network_, found.held_out, dict(found.attributes), found.seed)

    def _reopened(self, found: SavedTraining, why: str) -> TrainingState:
        """The training of a file or a copy, with a trainer. Raises ConfigError, FormatError."""
        made = self._renewed(found)
        try:
            found.give(made.trainer, made.best)
        except (ConfigError, FormatError) as error:
            raise type(error)(f"{type(self).__name__}: {why} continues a training, but {error}") from error
        return made

    @abstractmethod
    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        """The loss as a trainer takes it. attributes: what the fit has learned so far."""

    def _seed_for(self, continued: TrainingState | None) -> int:
        """The seed of a fit: of the one that it continues, or a new one."""
        return continued.seed if continued else seed_of(type(self).__name__, self.random_state)

    def _parts(self, count: int, seed: int, groups: Any = None, strata: Array | None = None) -> Parts:
        """The rows that train and those that are held out.

        Raises ConfigError, ShapeError, also for groups without a held-out row.
        """
        owner = type(self).__name__
        if self._holds_out(count):
            return split(owner, count, self.validation_fraction, seed, strata, groups)
        if groups is not None:
            raise ConfigError(
                f"{owner}: groups is given, but no rows are held out of {count}; expected "
                "early_stopping=True, or groups=None"
            )
        return None

    def _new(
        self,
        build: Callable[[int], Network],
        held_out: bool,
        attributes: dict[str, Any],
        seed: int | None = None,
    ) -> TrainingState:
        """A new network with its trainer. build: the network of a seed, which is a new one by default."""
        owner = type(self).__name__
        seed = self._seed_for(None) if seed is None else seed
        with errors_of(owner):
            net = build(seed)
            best = self._best(held_out)
            trainer = Trainer(
                net,
                loss=self._trainer_loss(attributes),
                optimizer=self._optimizer(),
                schedule=self._schedule(best, attributes),
                strategies=self._strategies(attributes),
                clip_norm=self.clip_norm,
                callbacks=self._callbacks(best),
                seed=seed,
            )
        return TrainingState(net, trainer, best, seed, attributes, kept(self.get_params(deep=False)))

    def _callbacks(self, best: Best) -> list[Any]:
        path, given = self._checkpoint(), self._list("callbacks")
        choose_plugins(given)  # an error has the place in this list
        return [best, *given, *([] if path is None else [Checkpoints(path)])]

    def _checkpoint(self) -> str | None:
        """The path of the checkpoint. Raises ConfigError, DTypeError."""
        if self.checkpoint is None:
            return None
        owner = type(self).__name__
        if isinstance(self.random_state, bool) or not hasattr(self.random_state, "__index__"):
            raise ConfigError(
                f"{owner}: checkpoint is given, but random_state is {shown(self.random_state)}; expected an "
                "integer, so that the fit which continues is the same"
            )
        return checks.path_to_write(f"{owner}: checkpoint", self.checkpoint)

    def _strategies(self, attributes: Mapping[str, Any]) -> list[Any]:
        """The strategies of a new trainer. attributes: what the fit has learned so far."""
        return self._copies("strategies")

    def _best(self, held_out: bool) -> Best:
        owner = type(self).__name__
        return Best(
            "val_loss" if held_out else "loss",
            checks.whole(owner, "n_iter_no_change", self.n_iter_no_change, at_least=1),
            checks.number(owner, "tol", self.tol, at_least=0),
            held_out,
        )

    def _optimizer(self) -> Optimizer:
        owner, rate = type(self).__name__, self.learning_rate_init
        given = rate if not isinstance(rate, str) else None
        if given is None and rate != "auto":
            raise ConfigError(
                f"{owner}: learning_rate_init is {shown(rate)}; expected a number above 0, or 'auto'"
            )
        if given is not None:
            given = checks.number(owner, "learning_rate_init", given, above=0)
        if isinstance(self.optimizer, Optimizer):
            made: Optimizer = self._copy("optimizer")
        else:
            given = self.learning_rate if given is None else given
            made = choose_optimizer(self.optimizer, given)
        if given is not None:
            made.lr = given
        return made

    def _schedule(self, best: Best, attributes: Mapping[str, Any]) -> Any:
        """The schedule of a new trainer. attributes: as of `_strategies`. Raises ConfigError."""
        if isinstance(self.schedule, str) and self.schedule == "auto":
            return Adaptive(best)
        made = choose_schedule(self._copy("schedule"))
        try:
            rate = 0.0 if made is None else made(1.0, Moment())
        except Exception as error:
            raise ConfigError(
                f"{type(self).__name__}: schedule is {shown(made)}, which fails: {described(error)}"
            ) from error
        checks.number(type(self).__name__, "the value of schedule", rate, at_least=0)
        return made

    def _size(self, name: str, at_least: int = 1, at_most: int = checks.LARGEST_COUNT) -> int:
        """A parameter that is a size or a number of layers. Raises ConfigError."""
        owner, given = type(self).__name__, getattr(self, name)
        return checks.whole(owner, name, given, at_least=at_least, at_most=at_most)

    def _dropout(self) -> float:
        """The parameter `dropout` of an estimator that has it. Raises ConfigError."""
        share: Any = getattr(self, "dropout", 0.0)
        return checks.number(type(self).__name__, "dropout", share, at_least=0, below=1)

    def _copy(self, name: str) -> Any:
        """A copy of a parameter that may be an object with a state. Raises DTypeError."""
        value = getattr(self, name)
        try:
            return copy.deepcopy(value)
        except Exception as error:
            raise DTypeError(
                f"{type(self).__name__}: {name} is {shown(value)}, which cannot be copied: {described(error)}"
            ) from error

    def _copies(self, name: str) -> list[Any]:
        """The same of a list. Raises ConfigError."""
        self._list(name)
        return list(self._copy(name))

    def _list(self, name: str) -> list[Any]:
        """A parameter that is a list. Raises ConfigError."""
        value = getattr(self, name)
        if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Sequence):
            raise ConfigError(
                f"{type(self).__name__}: {name} is {shown(value)}; expected a list of objects or their names"
            )
        return list(value)

    def _rows_of_batch(self) -> int | None:
        """The rows of a batch; None for "auto" or a function. Raises ConfigError for another batch_size."""
        given = self.batch_size
        if callable(given) or (isinstance(given, str) and given == "auto"):
            return None
        return checks.whole(type(self).__name__, "batch_size", given, at_least=1)

    def _batches(self, count: int) -> Any:
        if callable(self.batch_size):
            return self.batch_size
        rows = self._rows_of_batch()
        return ByLength(min(BATCH_SIZE, max(FEWEST, count // UPDATES)) if rows is None else rows)

    def _train(
        self: Self,
        fitting: TrainingState,
        epochs: int,
        training: Examples,
        held: Examples | None,
        complete: Callable[[TrainingState], None] | None = None,
    ) -> Self:
        """Trains on rows, and makes the result that of this estimator.

        complete: sets attributes that need the trained network. An error leaves everything as before. Ctrl-C
        after an epoch leaves the best model so far. KeyboardInterrupt is raised in any case.
        """
        validation = None if held is None else [Batch(held.x, held.targets, weights=held.weights)]
        return self._run(
            fitting,
            training.x,
            training.targets,
            epochs=epochs,
            batch_size=self._batches(training.rows),
            weights=training.weights,
            validation=validation,
            complete=complete,
        )

    def _train_batches(self: Self, fitting: TrainingState, epochs: int, training: Any, held: Any) -> Self:
        """The same on iterables of batches."""
        return self._run(fitting, training, epochs=epochs, validation=held)

    def _prints(self) -> bool:
        """Whether a fit prints. Raises ConfigError for another `verbose`."""
        given = self.verbose
        if isinstance(given, bool):
            return given
        return checks.whole(type(self).__name__, "verbose", given, at_least=0) > 0

    def _run(
        self: Self,
        fitting: TrainingState,
        *data: Any,
        complete: Callable[[TrainingState], None] | None = None,
        **arguments: Any,
    ) -> Self:
        """`fit` of the trainer, between the last parameters and the best ones; then `complete`.

        Ctrl-C after an epoch leaves the best model so far; before that, everything is as before the call.
        """
        owner, verbose = type(self).__name__, self._prints()
        net, best, trainer, path = fitting.network, fitting.best, fitting.trainer, self._checkpoint()
        resume = path is not None and os.path.exists(path)
        before, begun = dict(vars(best)), trainer.run.epoch

        def is_kept() -> bool:
            return trainer.run.epoch > begun

        def work() -> None:
            best.resume(net)
            if resume:
                self._load_checkpoint(trainer, path)
            with errors_of(owner), errors_of_checkpoint(path):
                with_jobs(
                    *(owner, self.n_jobs),
                    lambda: trainer.fit(*data, progress=verbose, resume=resume, **arguments),
                )
            finish()

        def finish() -> None:
            best.finish(net)
            if complete is not None:
                complete(fitting)
            self._adopt(fitting)

        try:
            trainer._all_or_nothing(work, is_kept, ADVICE)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_kept():
                finish()
            else:
                vars(best).update(before)
            raise
        if path is not None:
            os.unlink(path)
        return self

    def _load_checkpoint(self, trainer: Trainer, path: Any) -> None:
        """Loads the file of a fit that did not end. Raises ConfigError, FormatError that name the file."""
        given = trainer.run.start_lr
        try:
            trainer.load(path)
            if trainer.run.start_lr != given:
                raise ConfigError(
                    f"it began with the learning rate {trainer.run.start_lr:g}, but learning_rate_init is "
                    f"now {given:g}; expected the same"
                )
        except (ConfigError, FormatError) as error:
            raise type(error)(
                f"{type(self).__name__}: checkpoint {path}: {error}. To begin anew, remove the file"
            ) from error

    def _adopt(self: Self, fitting: TrainingState) -> Self:
        """Sets the fitted attributes."""
        values, trainer = vars(self), fitting.trainer
        values.pop("feature_names_in_", None)  # an earlier fit may have had names
        values.update(fitting.attributes)
        values.update(_fitted=fitting, network_=fitting.network, trainer_=trainer)
        self._measure()
        return self

    def _measure(self) -> None:
        trainer, fitting = self.trainer_, self._fitted
        assert isinstance(fitting, TrainingState)
        losses = trainer.history["loss"] if len(trainer.history) else []
        best = fitting.best
        vars(self).update(
            n_iter_=len(losses),  # an epoch that was cut short by Ctrl-C has no loss
            loss_curve_=losses,
            best_loss_=best.best if np.isfinite(best.best) else None,
        )

    # Files and copies.

    def _training_for_file(self) -> dict[str, Any] | None:
        found = self._saved()
        return None if found is None else found.to_file(self.get_params())

    def _saved(self) -> SavedTraining | None:
        """The training, if this model has it. Raises PluginError."""
        found = self._fitted
        return found.saved() if isinstance(found, TrainingState) else found

    def _described(self) -> dict[str, Any]:
        numbers = {name: vars(self)[name] for name in MEASURED if name in vars(self)}
        made = {**super()._described(), "fit": numbers}
        if isinstance(self._fitted, SavedTraining):
            given = self._fitted.lost
            made["lost"] += [name for name, one in given.items() if equal(getattr(self, name), one)]
        return made

    def _continue_from(
        self,
        described: Mapping[str, Any],
        training: Mapping[str, Any] | None,
        attributes: Mapping[str, Any],
        lost: Mapping[str, Any],
    ) -> None:
        vars(self).update(measured_of(described))
        if training is not None:
            parameters = kept(self.get_params(deep=False))
            self._fitted = SavedTraining.from_file(training, attributes, parameters, lost)

    def __getstate__(self) -> dict[str, Any]:
        values = super().__getstate__()
        return {**values, "_fitted": self._saved()} if "_fitted" in values else values


def _taken(values: Any, places: Any) -> Any:
    if values is None:
        return None
    if isinstance(values, dict):
        return {name: _taken(one, places) for name, one in values.items()}
    return [values[n] for n in places] if isinstance(values, list) else values[places]
