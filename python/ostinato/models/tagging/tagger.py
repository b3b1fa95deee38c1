"""`SequenceTagger`: a label for each step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, FormatError, shown
from ostinato.layers import Dense, Embedding, Graph, Input, Recurrent, concat
from ostinato.models import stored
from ostinato.models.base.held_out import Divide, Parts, of_training
from ostinato.models.base.loss_choice import check_classes
from ostinato.models.base.sequence_model import Examples, SequenceModel, TrainingState
from ostinato.models.base.softmax import softmax
from ostinato.models.base.threads import with_jobs
from ostinato.models.reading.feature_names import as_names, check_names
from ostinato.models.reading.intake import Intake, read_sequences
from ostinato.models.reading.labels import check_known, classes_of, encode, labels_from, labels_state
from ostinato.models.reading.long_rows import LongForm, rows_of_table, state_of
from ostinato.models.reading.scaling import Scaler
from ostinato.models.stored import Widths
from ostinato.models.tagging.tags import best_tags, check_iob2, iob2_rules, read_tags
from ostinato.models.tagging.tokens import Tokens, read_sentences
from ostinato.models.tagging.word_ends import WordEnds
from ostinato.network import Network
from ostinato.regularizers import Dropout, VariationalDropout
from ostinato.sequences.arrays import Array
from ostinato.sequences.containers import rows_in
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="SequenceTagger")

TRANSITIONS: Final = ("crf", "iob2")


class TaggerState:
    """What a fitted tagger knows."""

    classes_: Array
    """(K,) labels, sorted."""
    _tokens: Tokens | None
    """The vocabularies of words, or None for features."""
    _scaling: Scaler | None
    _long: LongForm | None
    _transitions: str | None
    """`transitions` of the fit."""
    _characters: bool
    """Whether the network reads the characters of words."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class SequenceTagger(SequenceModel, TaggerState):
    """A label for each step: `SequenceTagger().fit(X, y).predict(X)`.

    A sequence is a list of words, or an array (T, F) of features. A word is read as a whole and by its
    characters, so that words which training did not have are tagged by their form. Two bidirectional layers
    read the sentence.

    Args:
        cell: of the recurrent layers: a name, a Cell class or an instance.
        hidden_size: units of each layer and direction.
        num_layers: layers on top of each other.
        embedding_size: features of a word; not for features.
        character_size: features of a character, and units of the layer over characters; 0 for words alone.
            Not for features.
        dropout: the fraction of inputs, states and outputs that is dropped in training.
        transitions: None labels each step by itself. "crf" learns scores of labels after labels, and predicts
            the best sequence (Viterbi); "iob2" is the same for labels "O", "B-x", "I-x", and never predicts
            an "I-x" outside of a chunk of x.
        loss: "auto" is "crf" with transitions, else "cross_entropy".

    The other arguments are those of `SequenceModel`.

    Attributes: classes_, n_iter_, loss_curve_, best_loss_, network_ (a Graph), trainer_.
    """

    cell: Any = "gru"
    hidden_size: int = 100
    num_layers: int = 2
    embedding_size: int = 100
    character_size: int = 50
    dropout: float = 0.25
    transitions: str | None = None
    loss: Any = "auto"

    dtype: ClassVar[str] = "float32"

    def fit(
        self: Self,
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        id: str | None = None,
        time: str | None = None,
        target: str | None = None,
    ) -> Self:
        """Trains on sequences with a label for each step.

        Args:
            X: a list of sentences, each a list of words; or a list of arrays (T, F).
            y: for each sequence, an array of as many labels: texts, whole numbers or booleans.
            groups: (N,) of anything: sequences of one group are held out together.
            id: if X is a long table, a DataFrame or a dict of columns with one row for each sequence and
                step: the column with the names of sequences. Its other columns are features; one column of
                texts holds words. Other methods then read such tables too.
            time: the column of times, which rise within a sequence. Without it, rows are in order.
            target: the column of labels, in place of y.

        Raises ShapeError, DTypeError, ConfigError that name row and place; then nothing changes.
        """
        owner = type(self).__name__
        form = LongForm.of(owner, X, id, time, target)
        if form is not None:
            X, y, form = rows_of_table(owner, X, form, y, steps=True)
        continued = self._continues()
        seed = self._seed_for(continued)
        examples, fitting, parts = self._begin(X, y, continued, seed, lambda n: self._parts(n, seed, groups))
        fitting.attributes["_long"] = form
        held = None
        if parts is not None:
            examples, held = (examples.take(places) for places in parts)
        return self._train(
            fitting, checks.count(owner, "max_iter", self.max_iter, at_least=1), examples, held
        )

    def partial_fit(self: Self, X: Any, y: Any = None) -> Self:
        """One more epoch, on all of these sequences. The first call decides labels and vocabularies.

        Arguments and errors are those of `fit`.
        """
        X, y = self._from_table(type(self).__name__, X, y)
        continued = self._latest("partial_fit")
        examples, fitting, _ = self._begin(X, y, continued, self._seed_for(continued), lambda _: None)
        return self._train(fitting, 1, examples, None)

    def _begin(
        self,
        X: Any,
        y: Any,
        continued: TrainingState | None,
        seed: int,
        divide: Divide,
    ) -> tuple[Examples, TrainingState, Parts]:
        """Rows as the network takes them, the fitting, and the training part and held-out part.

        Vocabularies and scales are those of the training part. divide: the parts of so many rows.
        """
        owner = type(self).__name__
        checks.count(owner, "character_size", self.character_size, at_least=0)
        self._size("embedding_size")
        given = self.transitions
        if given is not None and not (isinstance(given, str) and given in TRANSITIONS):
            raise ConfigError(
                f"{owner}: transitions is {shown(given)}; expected one of {', '.join(TRANSITIONS)}, or None"
            )
        known = None if continued is None else continued.attributes
        sentences, intake, lengths = self._sequences(owner, X, known)
        rows = [] if intake is None else intake.rows
        tags = read_tags(owner, y, lengths)
        parts = divide(len(tags))
        if continued is None:
            if sentences is None:
                self._refuse_unused("X holds features, not words", "embedding_size", "character_size")
            labels = classes_of(owner, np.concatenate(tags))
            if self.transitions == "iob2":
                iob2_rules(owner, labels)
                check_iob2(owner, tags)
            tokens = None if sentences is None else Tokens.of(of_training(sentences, parts))
            if tokens is not None:
                tokens.check(owner, bool(self.character_size))
            scaling = None if sentences is not None else Scaler.of(of_training(rows, parts), compress=True)
            attributes: dict[str, Any] = {
                "classes_": labels,
                "_tokens": tokens,
                "_scaling": scaling,
                "_transitions": self.transitions,
                "_characters": tokens is not None and self.character_size > 0,
            }
            if intake is not None and intake.names is not None:
                attributes["feature_names_in_"] = np.array(intake.names, dtype=object)
        else:
            attributes = continued.attributes
        classes = attributes["classes_"]
        x = self._encoded(owner, attributes, sentences, rows)
        targets = [encode(owner, row, classes, f"y[{n}]") for n, row in enumerate(tags)]
        if continued is None:
            count, loss = len(classes), self._trainer_loss(attributes)
            if self.transitions:
                instead = "loss='auto' or 'crf', which reads scores of transitions too, or transitions=None"
                check_classes(owner, loss, count + count * count, count, instead)
            else:
                instead = "loss='auto', or a loss such as 'cross_entropy'; 'crf' needs transitions='crf'"
                check_classes(owner, loss, count, count, instead)
            continued = self._new(
                lambda seed: self._build(attributes, len(classes), seed),
                parts is not None,
                attributes,
                seed,
            )
        return Examples(x, targets), continued, parts

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        if isinstance(self.loss, str) and self.loss == "auto":
            return "crf" if self.transitions else "cross_entropy"
        return self.loss

    def _sequences(
        self, owner: str, X: Any, known: Mapping[str, Any] | None
    ) -> tuple[list[list[str]] | None, Intake | None, list[int]]:
        """Sentences or features, and their lengths. Raises ConfigError for the other kind than in fit."""
        words = _is_text(rows_in("X", X))
        fitted = None if known is None else known["_tokens"] is not None
        if fitted is not None and isinstance(X, (list, tuple)) and not any(map(_has_steps, X)):
            words = fitted  # without a step they are of neither kind, and are refused below
        if fitted is not None and fitted != words:
            raise ConfigError(
                f"{owner}: X holds {'words' if words else 'features'}; the first fit had "
                f"{'words' if fitted else 'features'}"
            )
        if words:
            sentences = read_sentences(owner, X)
            return sentences, None, [len(one) for one in sentences]
        width = None if known is None else len(known["_scaling"].mean)
        intake = read_sequences(owner, X, width=width)
        if known is not None:
            check_names(intake.names, known.get("feature_names_in_"))
        return None, intake, [len(one) for one in intake.rows]

    def _encoded(self, owner: str, attributes: Mapping[str, Any], sentences: Any, rows: list[Array]) -> Any:
        if sentences is None:
            return attributes["_scaling"].apply(owner, rows, self.dtype)
        made = attributes["_tokens"].encode(sentences)
        return made if attributes["_characters"] else made["words"]

    def _build(self, attributes: Mapping[str, Any], labels: int, seed: int) -> Network:
        """The network: words or features -> (N, T, labels)."""
        share = self._dropout()
        tokens: Tokens | None = attributes["_tokens"]
        if tokens is None:
            width = len(attributes["_scaling"].mean)
            read = Input("x", size=width)
        else:
            read = Embedding(len(tokens.words), self.embedding_size)(Input("words", ids=len(tokens.words)))
            width = self.embedding_size
            if self.character_size:
                characters = Input("characters", ids=len(tokens.characters), axis="characters")
                size = self.character_size
                over = Recurrent(self._copy("cell"), size, size, bidirectional=True)
                states = over(Embedding(len(tokens.characters), size)(characters))
                built = Recurrent(WordEnds, 2, size)(Input("ends", size=2), characters=states)
                read, width = concat(read, built), width + 2 * size
        if share:
            read = Dropout(share)(read)
        layer = Recurrent(
            self._copy("cell"),
            width,
            self._size("hidden_size"),
            self._size("num_layers"),
            bidirectional=True,
            regularizers=[VariationalDropout(share), Dropout(share, where="output")] if share else [],
        )
        outputs = layer(read)
        head: Network = (
            Recurrent("crf_scores", layer.output_size, labels)
            if self.transitions
            else Dense(layer.output_size, labels)
        )
        return Graph(head(outputs), seed=seed)

    def predict_proba(self, X: Any) -> list[Array]:
        """For each sequence the probabilities (T, K) float64, in the order of `classes_`.

        Raises ConfigError with transitions, which have probabilities of whole sequences only.
        """
        self._check_fitted("predict_proba")
        if self._transitions:
            raise ConfigError(
                f"{type(self).__name__}.predict_proba: transitions is {shown(self._transitions)}, which "
                "predicts whole sequences; use predict"
            )
        return [softmax(row) for row in self._outputs("predict_proba", X)]

    def predict(self, X: Any) -> list[Array]:
        """The labels of each sequence, a list of arrays (T,). A sequence does not depend on the others."""
        outputs = self._outputs("predict", X)
        if not self._transitions:
            return [self.classes_[row.argmax(-1)] for row in outputs]
        owner = f"{type(self).__name__}.predict"
        rules = iob2_rules(owner, self.classes_) if self._transitions == "iob2" else None
        return [self.classes_[ids] for ids in best_tags(outputs, rules)]

    def score(self, X: Any, y: Any = None) -> float:
        """The fraction of steps, over all sequences, whose label is predicted.

        Raises ConfigError if no label of y is a class, and the errors of `predict`.
        """
        self._check_fitted("score")
        X, y = self._from_table(f"{type(self).__name__}.score", X, y)
        found = self.predict(X)
        wanted = read_tags(f"{type(self).__name__}.score", y, [len(row) for row in found])
        check_known(f"{type(self).__name__}.score", np.concatenate(wanted), self.classes_)
        return float(np.mean(np.concatenate([a == b for a, b in zip(found, wanted, strict=True)])))

    def _outputs(self, call: str, X: Any) -> list[Array]:
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        X, _ = self._from_table(owner, X, None)
        names = vars(self).get("feature_names_in_")
        known = {
            "_tokens": self._tokens,
            "_scaling": self._scaling,
            "_characters": self._characters,
            "feature_names_in_": names,
        }
        sentences, intake, _ = self._sequences(owner, X, known)
        x = self._encoded(owner, known, sentences, [] if intake is None else intake.rows)
        found: list[Array] = with_jobs(owner, self.n_jobs, lambda: self.network_.predict(x))
        return found

    def _from_table(self, owner: str, X: Any, y: Any) -> tuple[Any, Any]:
        """The rows of a long table and its labels, if the model was fitted to such a table."""
        form = vars(self).get("_long")
        if form is None or not form.fits(X):
            return X, y
        found = rows_of_table(owner, X, form, y, steps=True)
        return found.x, found.y

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(state)
        values = vars(self)
        if "_tokens" in values:  # pickles of earlier versions have neither of these two
            values.setdefault("_transitions", self.transitions)
            values.setdefault("_characters", self._tokens is not None and self.character_size > 0)

    def _state(self) -> dict[str, Any]:
        tokens, scaling, names = self._tokens, self._scaling, vars(self).get("feature_names_in_")
        return {
            "classes": labels_state(self.classes_),
            "tokens": None if tokens is None else tokens.state(),
            "scaling": None if scaling is None else scaling.state(),
            "feature_names_in": None if names is None else list(names),
            "long": state_of(vars(self).get("_long")),
            "transitions": self._transitions,
            "characters": self._characters,
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        tokens, scaling = state["tokens"], state["scaling"]
        names = as_names(state.get("feature_names_in"))  # not in files of earlier versions
        # Those have neither of these two: there they are the parameters.
        transitions = state.get("transitions", self.transitions)
        characters = state.get("characters", tokens is not None and self.character_size > 0)
        return {
            **({} if names is None else {"feature_names_in_": np.array(names, dtype=object)}),
            "classes_": labels_from(state["classes"]),
            "_long": LongForm.from_state(state.get("long")),
            "_transitions": None
            if transitions is None
            else stored.choice("transitions", transitions, TRANSITIONS),
            "_characters": stored.flag("characters", characters),
            "_tokens": None if tokens is None else Tokens.from_state(tokens),
            "_scaling": None if scaling is None else Scaler.from_state(scaling),
        }

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        tokens, scaling, count = attributes["_tokens"], attributes["_scaling"], len(attributes["classes_"])
        if (tokens is None) == (scaling is None):
            raise FormatError("the estimator has no words and no features, or both; expected one of them")
        inputs = {"x": len(scaling.mean)} if scaling is not None else {"words": len(tokens.words)}
        if attributes["_characters"] and tokens is None:
            raise stored.wrong("characters", True, "False for features")
        if tokens is not None:
            inputs["characters"] = len(tokens.characters) if attributes["_characters"] else 0
        return inputs, count + count * count if attributes["_transitions"] else count


def _has_steps(one: Any) -> bool:
    return not isinstance(one, (list, tuple)) or len(one) > 0


def _has_values(one: Any) -> bool:
    return not isinstance(one, (list, tuple)) or any(value is not None for value in one)


def _is_text(given: Any) -> bool:
    """Whether the first sequence holds words, or is a text itself."""
    if isinstance(given, (str, bytes)):
        return True
    if isinstance(given, np.ndarray) and given.ndim == 0:
        return False
    if not isinstance(given, (Sequence, np.ndarray)) or not len(given):
        return False
    first = next(filter(_has_values, given), given[0])  # words after a gap are no features
    if isinstance(first, (list, tuple)):
        first = [one for one in first if one is not None]
    if isinstance(first, (str, list, tuple)) or (isinstance(first, np.ndarray) and first.dtype.kind in "OU"):
        return isinstance(first, str) or (len(first) > 0 and isinstance(first[0], str))
    return False
