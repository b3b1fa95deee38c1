"""`SavedTraining`: the training of an estimator from a file or a copy, which a fit continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostinato.checks import LARGEST_WHOLE
from ostinato.errors import FormatError, shown
from ostinato.models.base.best import Best
from ostinato.models.base.parameter_values import plain
from ostinato.models.base.settings import differing
from ostinato.network import Network
from ostinato.training import Trainer, checkpoint


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TRAINING: Final = "the training"
"""Its name in errors."""

MEASURED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "n_iter_": lambda value: type(value) is int and value >= 0,
    "loss_curve_": lambda value: isinstance(value, list) and all(map(_is_number, value)),
    "best_loss_": lambda value: value is None or _is_number(value),
}
"""What a fit says of itself: the attributes, and whether a value of a file is one of theirs."""


@dataclass(eq=False)
class SavedTraining:
    """A training without its trainer.

    record: of the trainer, as in a checkpoint, without the parameters of the network. best: the state of
    `Best`. held_out, seed, attributes, parameters: as of `TrainingState`. lost: the parameters that were
    objects which a file does not hold, and the texts in their place.
    """

    record: dict[str, Any]
    best: dict[str, Any]
    held_out: bool
    seed: int
    attributes: dict[str, Any]
    parameters: dict[str, Any]
    lost: dict[str, str]

    @classmethod
    def of(
        cls,
        trainer: Trainer,
        best: Best,
        seed: int,
        attributes: Mapping[str, Any],
        parameters: Mapping[str, Any],
    ) -> SavedTraining:
        """Of a training that has come to its end, or was interrupted. Raises PluginError.

        The rest of an interrupted epoch is skipped by the fit that continues, so nothing of it is saved.
        """
        hooks, run = trainer._hooks, trainer.run
        # `best`, the first of the callbacks, has the name of its class
        plugins = hooks.save(run, hooks.hearing("ostinato_save") - {type(best).__name__})
        record = checkpoint.record_of(trainer, plugins)
        for name in ("parameters", "frozen"):  # the network has them
            del record[name]
        record.update(carried=None, gathered=None, history=[dict(row) for row in run.history.rows])
        state = best.to_file(trainer.net)
        return cls(record, state, best.restore, seed, dict(attributes), dict(parameters), {})

    def to_file(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A tree. parameters: of the estimator now; those with which the training began may be others."""
        begun = {name: plain(self.parameters[name]) for name in differing(self.parameters, parameters)}
        same = [name for name in self.lost if name in begun and begun[name] == plain(parameters[name])]
        return {
            "record": self.record,
            "best": self.best,
            "held_out": self.held_out,
            "seed": self.seed,
            "began_with": {name: one for name, one in begun.items() if name not in same},
        }

    @classmethod
    def from_file(
        cls,
        tree: Mapping[str, Any],
        attributes: Mapping[str, Any],
        parameters: Mapping[str, Any],
        lost: Mapping[str, str],
    ) -> SavedTraining:
        """The inverse. Raises FormatError."""
        kinds = {"record": dict, "best": dict, "held_out": bool, "seed": int, "began_with": dict}
        for name, kind in kinds.items():
            if type(tree.get(name)) is not kind:
                raise FormatError(f"{name} of the training is {shown(tree.get(name))}")
        if not 0 <= tree["seed"] <= LARGEST_WHOLE:
            raise FormatError(f"seed of the training is {shown(tree['seed'])}")
        began = {name: tree["began_with"].get(name, one) for name, one in parameters.items()}
        return cls(
            tree["record"],
            tree["best"],
            tree["held_out"],
            tree["seed"],
            dict(attributes),
            began,
            dict(lost),
        )

    def give(self, trainer: Trainer, best: Best) -> None:
        """Makes a new trainer of the same network, and its `best`, those of this training.

        Raises ConfigError for other settings, FormatError for a damaged file; then neither may be used.
        """
        net: Network = trainer.net
        whole = {**self.record, "parameters": dict(net.parameters()), "frozen": list(net.frozen)}
        plugins = checkpoint.restore(TRAINING, whole, trainer, what=TRAINING)
        best.from_file(self.best, net)
        trainer._hooks.load(trainer.run, plugins)


def measured_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """What the fit of a file says of itself; files of earlier versions have none. Raises FormatError."""
    fit = described.get("fit", {})
    if not isinstance(fit, dict):
        raise FormatError(f"fit of the estimator is {shown(fit)}")
    for name, one in fit.items():
        if name in MEASURED and not MEASURED[name](one):
            raise FormatError(f"{name} of the estimator is {shown(one)}")
    return {name: fit[name] for name in MEASURED if name in fit}
