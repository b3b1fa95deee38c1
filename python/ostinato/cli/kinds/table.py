"""The kinds of estimators: one row for each."""

from __future__ import annotations

from typing import Final

from ostinato.cli.kinds.classifier import ClassifierKind
from ostinato.cli.kinds.forecaster import ForecasterKind
from ostinato.cli.kinds.kind import FitKind, Kind
from ostinato.cli.kinds.regressor import RegressorKind
from ostinato.cli.kinds.state_space import StateSpaceKind
from ostinato.cli.kinds.tagger import TaggerKind
from ostinato.cli.kinds.writers import GeneratorKind, LanguageModelKind, Seq2SeqKind
from ostinato.errors import ConfigError
from ostinato.models.base.model_file import ModelFile

KINDS: Final[tuple[Kind, ...]] = (
    ClassifierKind(),
    RegressorKind(),
    TaggerKind(),
    ForecasterKind(),
    StateSpaceKind(),
    Seq2SeqKind(),
    GeneratorKind(),
    LanguageModelKind(),
)

FITTED: Final = {one.name: one for one in KINDS if isinstance(one, FitKind)}
"""The kinds of `ostinato fit`, by name."""


def kind_of(model: ModelFile, path: str) -> Kind:
    """The kind of an estimator. Raises ConfigError for a class of another package."""
    for one in KINDS:
        if isinstance(model, one.estimator):
            return one
    raise ConfigError(
        f"{path} holds a {type(model).__name__}, which this command does not know; use it in Python: "
        "ostinato.load"
    )
