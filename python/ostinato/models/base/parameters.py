"""The arguments of an estimator as its parameters; what scikit-learn reads of an estimator."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ostinato.attribute_guard import CallMeta
from ostinato.checks import flag
from ostinato.errors import ConfigError, shown
from ostinato.foreign.calls import hinted_method
from ostinato.models.base.not_fitted import not_fitted
from ostinato.signature import InitSignature
from ostinato.suggest import did_you_mean

Self = TypeVar("Self", bound="Parameters")


class Parameters(metaclass=CallMeta):
    """Base of estimators. Each argument of `__init__` is stored unchanged under its name, and read by `fit`.

    Fitted attributes end in "_". Any other public attribute raises AttributeError.
    """

    if not TYPE_CHECKING:
        __signature__ = InitSignature()

    def __init_subclass__(cls, **options: Any) -> None:
        """Makes arguments that do not fit a method a CallError, which names the class that is used."""
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            if inspect.isfunction(method) and not name.startswith("_"):
                setattr(cls, name, hinted_method(method))

    estimator_type: ClassVar[str | None] = None
    """What scikit-learn calls it: "classifier", "regressor", or None."""

    @classmethod
    def _names(cls) -> list[str]:
        """The names of the arguments, in alphabetical order."""
        found = inspect.signature(cls.__init__).parameters.values()
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        return sorted(one.name for one in found if one.name != "self" and one.kind not in kinds)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name. deep: for scikit-learn; no parameter is an estimator itself."""
        flag(f"{type(self).__name__}.get_params", "deep", deep)
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self: Self, **params: Any) -> Self:
        """Sets parameters by name, and returns the estimator. Raises ConfigError for an unknown name."""
        known = self._names()
        for name in params:
            if name not in known:
                raise ConfigError(
                    f"{type(self).__name__}: no parameter {shown(name)}; "
                    f"{did_you_mean(name, known, 'parameters')}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        public = not name.startswith("_") and not name.endswith("_")
        if public and not hasattr(type(self), name) and name not in self._names():
            hint = did_you_mean(name, self._names(), "parameters")
            message = f"{type(self).__name__} has no parameter {shown(name)} to set; {hint}"
            raise AttributeError(message, name=name, obj=self)
        super().__setattr__(name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.endswith("_") and not name.startswith("_") and "_fitted" not in vars(self):
                message = f"{type(self).__name__} is not fitted, and has no {shown(name)} yet"
                raise AttributeError(message, name=name, obj=self)
            return object.__getattribute__(self, name)  # Python's own words

    def __repr__(self) -> str:
        signature = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if not _same(value, signature[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has been called."""
        return "_fitted" in vars(self)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn needs to know; imports scikit-learn, which calls it."""
        from sklearn.utils import (
            ClassifierTags,
            InputTags,
            RegressorTags,
            Tags,
            TargetTags,
            TransformerTags,
        )

        kind, transforms = self.estimator_type, callable(getattr(type(self), "transform", None))
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True, multi_output=kind == "regressor"),
            transformer_tags=TransformerTags(preserves_dtype=[]) if transforms else None,
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(two_d_array=True, three_d_array=True),
        )

    def _refuse_unused(self, why: str, *names: str) -> None:
        """Raises ConfigError for a parameter that is not its default, and has no effect with this data."""
        for name in names:
            if not _same(value := getattr(self, name), getattr(type(self), name)):
                raise ConfigError(f"{type(self).__name__}: {name} is {shown(value)}, but {why}; omit it")

    def _check_fitted(self, call: str) -> None:
        if "_fitted" not in vars(self):
            raise not_fitted(f"{type(self).__name__}.{call}: this estimator is not fitted; call fit first")


def _same(value: Any, default: Any) -> bool:
    try:
        return bool(value is default or (type(value) is type(default) and value == default))
    except Exception:  # arrays have no single truth
        return False
