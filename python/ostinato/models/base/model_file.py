"""`ModelFile`: estimators in one file, without pickle."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

from ostinato import _core, checks
from ostinato.errors import FormatError, OstinatoError, shown
from ostinato.errors import described as described_error
from ostinato.io.training_part import save_with_training
from ostinato.models.base.parameter_values import is_plain, made_of_form, objects_of, plain
from ostinato.models.base.parameters import Parameters
from ostinato.models.stored import Widths, check_network
from ostinato.network import Network

Self = TypeVar("Self", bound="ModelFile")

KEY: Final = "ostinato.estimator"
"""The key of `net.metadata` under which a model file describes its estimator."""

FORMAT_VERSION: Final = 1


class ModelFile(Parameters):
    """Base of the estimators: saving and loading what `fit` found."""

    network_: Any

    absent: ClassVar[Mapping[str, Any]] = {}
    """Parameters that files of earlier versions do not have, and what those versions did."""

    # What an estimator adds.

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """Fitted values for a model file, other than the network."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The fitted attributes of `_state`."""

    def _widths(self, attributes: Mapping[str, Any]) -> Widths | None:
        """What a network has that fits the fitted attributes; None for an estimator without this check."""
        return None

    def _check_states(self, net: Network, attributes: Mapping[str, Any]) -> None:
        """Raises FormatError for fitted states that the network does not have; here there are none."""

    # Files and copies.

    def save(self, path: str | os.PathLike[str], *, training: bool = True) -> None:
        """Writes one model file, which `ostinato.load` reads: no pickle, and no code of a plugin is needed.

        training: also what a further fit needs, so that `partial_fit`, and `fit` with warm_start=True, of the
        loaded model continue bit-identically: the state of the optimizer, the place in the training, its
        history, the states of callbacks, and the last parameters if the best ones are others. With Adam,
        the file is then three to four times as large. Without it, it holds what predictions need; of a
        `StateSpace`, which no fit continues, that is all there is.

        Raises OSError; ConfigError before `fit`, and for states of callbacks that a file cannot hold.
        """
        self._check_fitted("save")
        wanted = checks.flag(f"{type(self).__name__}.save", "training", training)
        found = self._training_for_file() if wanted else None
        if found is None:
            self.network_.save(path, metadata={KEY: self._described()})
        else:
            save_with_training(self.network_, path, {KEY: self._described()}, found)

    def _training_for_file(self) -> dict[str, Any] | None:
        """What a further fit needs, as a tree; None for an estimator or a model without it.

        Raises PluginError.
        """
        return None

    def _described(self) -> dict[str, Any]:
        """What a model file says of its estimator."""
        parameters = self.get_params()
        objects = objects_of(parameters)
        return {
            "version": FORMAT_VERSION,
            "class": type(self).__name__,
            "parameters": {name: plain(value) for name, value in parameters.items()},
            "objects": objects,
            "lost": [name for name, one in parameters.items() if not is_plain(one) and name not in objects],
            "state": self._state(),
        }

    @classmethod
    def _loaded(
        cls: type[Self], net: Network, described: Mapping[str, Any], training: Mapping[str, Any] | None
    ) -> Self:
        """The estimator of a model file. Raises FormatError."""
        try:
            known = cls._names()
            for name, one in described["parameters"].items():
                if name not in known:
                    raise FormatError(f"{cls.__name__} of this release has no {name}, which is {shown(one)}")
            given = {name: one for name, one in cls.absent.items() if name in known}
            given |= {name: _listed(cls, name, one) for name, one in described["parameters"].items()}
            lost = list(described.get("lost", []))  # files of earlier versions have neither this nor objects
            given |= {name: made_of_form(form) for name, form in described.get("objects", {}).items()}
            made = cls(**given)
            attributes = made._restore(described["state"])
            widths = made._widths(attributes)
            if widths is not None:
                check_network(net, widths)
            made._check_states(net, attributes)
            vars(made).update(attributes)
            vars(made).update(_fitted=None, network_=net)
            made._continue_from(described, training, attributes, {name: given[name] for name in lost})
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            message = error if isinstance(error, OstinatoError) else described_error(error)
            why = "The file is damaged"
            if net.release != _core.__version__:
                found = f"ostinato {net.release} wrote it, and this is {_core.__version__}"
                why += f", or of another release: {found}"
            raise FormatError(f"the estimator cannot be read: {message}. {why}") from error
        return made

    def _continue_from(
        self,
        described: Mapping[str, Any],
        training: Mapping[str, Any] | None,
        attributes: Mapping[str, Any],
        lost: Mapping[str, Any],
    ) -> None:
        """Sets what a further fit needs. lost: texts in place of parameters that were objects.

        Raises FormatError.
        """

    def __getstate__(self) -> dict[str, Any]:
        values = dict(vars(self))
        if "_fitted" in values:
            values["_fitted"] = None
            values.pop("trainer_", None)
        return values

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)

    def __copy__(self: Self) -> Self:
        """The same parameters, and copies of all that a fit changes."""
        values, made = self.__getstate__(), type(self).__new__(type(self))
        given = {name: values.pop(name) for name in self._names() if name in values}
        begun = getattr(values.get("_fitted"), "parameters", {})
        memo = {id(begun): dict(begun)}  # compared with the parameters, so they are the same objects
        made.__setstate__({**given, **copy.deepcopy(values, memo)})
        return made

    # What a fitted model says about itself.

    def explain(self) -> str:
        """The plan of the network: `network_.explain()`. Raises ConfigError before `fit`."""
        self._check_fitted("explain")
        plan: str = self.network_.explain()
        return plan


def _listed(kind: type[ModelFile], name: str, value: Any) -> Any:
    """A list of a file as a tuple, where the default is a tuple."""
    return tuple(value) if isinstance(value, list) and isinstance(getattr(kind, name, None), tuple) else value
