"""`SequenceGenerator`: a sequence of symbols or of numbers for a context, or for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.decoding import Decoded, Sample
from ostinato.decoding.sample import check_sample
from ostinato.errors import ConfigError, shown
from ostinato.layers import Dense, Embedding, Graph, Input, Recurrent, concat, repeat
from ostinato.models import stored
from ostinato.models.base.held_out import Divide, Parts, of_training
from ostinato.models.base.sequence_model import Examples, TrainingState
from ostinato.models.base.threads import with_jobs
from ostinato.models.reading.feature_names import Names, as_names, check_names
from ostinato.models.reading.intake import read_sequences
from ostinato.models.reading.scaling import Scaler
from ostinato.models.reading.size import check_size
from ostinato.models.reading.vocabulary import warn_of_strange
from ostinato.models.stored import Widths
from ostinato.models.writing.contexts import NOTHING, Contexts
from ostinato.models.writing.ids import (
    END,
    SHIFT,
    UNKNOWN,
    inputs_of,
    number_of_ids,
    symbols_of,
    targets_of,
    warn_of_unknown_targets,
)
from ostinato.models.writing.pairs import PairModel
from ostinato.models.writing.symbols import (
    ARRAYS,
    LEVELS,
    Lexicon,
    Symbols,
    check_level,
    holds_symbols,
    read_symbols,
)
from ostinato.models.writing.with_end import WithEnd, density, deviations
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="SequenceGenerator")

HOTTEST: Final = 1e3


class GeneratorState:
    """What a fitted model knows."""

    _contexts: Contexts
    _answers: Lexicon | Scaler
    """Symbols, or the scaling of numbers."""
    _answer_names: Names
    """Of the columns of numbers."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class SequenceGenerator(PairModel, GeneratorState):
    """A sequence for a context: `SequenceGenerator().fit(X, y).sample(X)`.

    The context is the initial state of a recurrent layer, and a part of its input at each step. Each step
    also reads what the step before wrote (the one-to-many network). Numbers of a step have a normal
    distribution each, whose mean and deviation depend on all that was written; when a sequence ends is
    learned.

    X is numbers (N, F), or labels (N,): texts, whole numbers or booleans; None for no context. y is N
    sequences: texts, lists of texts, lists of whole numbers; or arrays (T, K) of numbers. Whole numbers are
    symbols, in arrays too; write counts as floats.

    Args:
        level: of texts: "character" or "word", which needs texts. Words are separated by spaces.
        cell: of the recurrent layer: a name, a Cell class or an instance.
        hidden_size: units of each layer.
        num_layers: layers on top of each other.
        embedding_size: features of a symbol, and of the context.
        dropout: the fraction of the outputs of the layers that is dropped in training.
        beam_size: 1 to 1,000, of `predict` for symbols: the hypotheses of a search; 1 takes the likeliest at
            each step.
        length_penalty: 0 to 10, of `predict` for symbols: a search compares log-probability /
            length^length_penalty, as `ost.LengthNorm` does; 0 compares log-probabilities. Above 0, longer
            sequences win, which are less likely.
        max_length: the most symbols or steps that are written, at most 100,000; "auto" for one and a half
            times those of the longest sequence of training, plus 5.

    The other arguments are those of `SequenceModel`. Strategies are as in `Seq2Seq`; those that feed or draw
    ids need symbols.

    Attributes: context_form_, context_labels_, context_size_, n_iter_, loss_curve_ (nats per step),
    best_loss_, network_ (a Graph), trainer_.
    """

    level: str = "character"
    cell: Any = "gru"
    hidden_size: int = 64
    num_layers: int = 1
    embedding_size: int = 32
    dropout: float = 0.0

    dtype: ClassVar[str] = "float32"

    # Fitting.

    def _begin(
        self, X: Any, y: Any, continued: TrainingState | None, seed: int, divide: Divide
    ) -> tuple[Examples, TrainingState, Parts]:
        owner = type(self).__name__
        checks.choice(owner, "level", self.level, LEVELS)
        self._search_method(owner)
        known = None if continued is None else continued.attributes
        rows, names = self._read_answers(owner, y, known)
        parts = divide(len(rows))
        contexts = Contexts.of(owner, X, len(rows), parts) if known is None else known["_contexts"]
        given = contexts.read(owner, X, len(rows), self.dtype)
        if known is None:
            check_level(owner, self.level, y=rows.form if isinstance(rows, Symbols) else ARRAYS)
            if not isinstance(rows, Symbols):
                self._refuse_unused("y holds numbers, which are written without a search", "beam_size")
                if contexts.kind == NOTHING:
                    self._refuse_unused("y holds numbers, and there is no context", "embedding_size")
            lists: list[Any] = rows.rows if isinstance(rows, Symbols) else rows
            training = of_training(lists, parts)
            known = {
                "_contexts": contexts,
                "_answers": (
                    Lexicon.of(Symbols(training, rows.form), self.level)
                    if isinstance(rows, Symbols)
                    else Scaler.of(training)
                ),
                "_answer_names": names,
                "_longest": max(map(len, training)),
            }
            if isinstance(known["_answers"], Lexicon):
                known["_answers"].check(owner, "y")
        if isinstance(rows, list):
            known["_answers"] = known["_answers"].varied(rows)
        self._check_penalty(owner, known["_answers"])
        fed, targets = _teacher_forced(owner, known["_answers"], rows, self.dtype)
        if continued is not None and isinstance(rows, Symbols):
            warn_of_strange(owner, "y", [row[:-1] - SHIFT for row in targets], 5)
        self._most(known)
        fitting = continued or self._new(
            lambda seed: self._build(known, seed), parts is not None, known, seed
        )
        return Examples({**given, "written": fed} if given else fed, targets), fitting, parts

    def _check_penalty(self, owner: str, answers: Lexicon | Scaler) -> None:
        """Raises ConfigError if no search would read the penalty."""
        if self.length_penalty and not isinstance(answers, Lexicon):
            raise ConfigError(
                f"{owner}: length_penalty is {shown(self.length_penalty)}, but y holds numbers, which are "
                "written without a search; omit it"
            )

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        return "cross_entropy" if isinstance(attributes["_answers"], Lexicon) else WithEnd()

    def _read_answers(
        self, owner: str, y: Any, fitted: Mapping[str, Any] | None
    ) -> tuple[Symbols | list[Array], Names]:
        """Rows of symbols, or of numbers (T, K) with the names of their columns.

        fitted: what the first fit has learned. Raises ConfigError for the other kind, or other names.
        """
        known = None if fitted is None else fitted["_answers"]
        symbols = holds_symbols(y, isinstance(known, Lexicon))
        if known is not None and symbols != isinstance(known, Lexicon):
            kinds = ("numbers", "symbols")
            raise ConfigError(f"{owner}: y holds {kinds[symbols]}; the first fit had {kinds[not symbols]}")
        if isinstance(known, Lexicon):
            return known.read(owner, "y", y), None
        if symbols:
            return read_symbols(owner, "y", y, self.level), None
        width = None if known is None else len(known.mean)
        found = read_sequences(owner, y, name="y", width=width)
        if fitted is not None:
            check_names(found.names, fitted["_answer_names"], "y")
        for n, row in enumerate(found.rows):
            check_size(f"{owner}: y[{n}]", row)
        return found.rows, found.names

    def _build(self, known: Mapping[str, Any], seed: int) -> Network:
        """The network: what was written (N, T) or (N, T, K) -> (N, T, ids) or (N, T, 2 K + 1)."""
        width = self._size("embedding_size")
        share = self._dropout()
        answers = known["_answers"]
        if isinstance(answers, Lexicon):
            ids = number_of_ids(answers)
            read, features, outputs = Embedding(ids, width)(Input("written", ids=ids)), width, ids
        else:
            features = len(answers.mean)
            read, outputs = Input("written", size=features), 2 * features + 1
        context = known["_contexts"].symbol(width)
        if context is not None:
            read, features = concat(read, repeat(context, read)), features + width
        layer = Recurrent(
            self._copy("cell"),
            features,
            self._size("hidden_size"),
            self._size("num_layers"),
            regularizers=[Dropout(share, where="output")] if share else [],
        )
        start = None
        if context is not None:
            start = {
                name: [Dense(width, int(np.prod(shape[1:])), "tanh")(context) for _ in range(shape[0])]
                for name, shape in layer.state_shapes.items()
            }
        return Graph(Dense(layer.output_size, outputs)(layer(read, initial_state=start)), seed=seed)

    # Predictions.

    def predict(self, X: Any) -> list[Any]:
        """The likeliest sequence of each context, in the form of the y of training.

        X: contexts as in `fit`; without a context, the number of sequences. A sequence of symbols is the most
        likely one that a search finds, or a longer one with a `length_penalty`. A sequence of numbers (T, K)
        has the mean of each step, and ends when the probability of an end is above 0.5. A sequence does not
        depend on the others.

        Raises DTypeError, ShapeError, ConfigError.
        """
        owner, given, rows = self._read_contexts("predict", X)
        method = self._search_method(owner)
        self._check_penalty(owner, self._answers)
        if isinstance(self._answers, Lexicon):
            return self._texts(self._decoded(given, rows, **method))
        return self._drawn(given, rows, None, 1.0)

    def sample(
        self,
        X: Any,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> list[Any]:
        """A sequence for each context, drawn by its probability.

        Args:
            X: as for `predict`.
            temperature: below 1 draws likelier sequences: symbols as in `ost.Sample`; of numbers, it
                multiplies the deviations, and divides the log-odds of an end. 0 takes the likeliest.
            top_k: as in `ost.Sample`, for symbols alone.
            top_p: the same.
            seed: of the draws. The draws of a row depend on the seed, its place and its context alone.

        Raises DTypeError, ShapeError, ConfigError.
        """
        owner, given, rows = self._read_contexts("sample", X)
        heat = checks.number(owner, "temperature", temperature, at_least=0)
        if heat > HOTTEST:
            raise ConfigError(f"{owner}: temperature is {heat:g}; expected 0 to {HOTTEST:g}")
        start = checks.whole(owner, "seed", seed, at_least=0)
        if isinstance(self._answers, Lexicon):
            check_sample(owner, 1, heat, top_k, top_p, start)
            how = Sample(1, temperature=heat, top_k=top_k, top_p=top_p, seed=start)
            return self._texts(self._decoded(given, rows, sample=how))
        for name, one in (("top_k", top_k), ("top_p", top_p)):
            if one is not None:
                raise ConfigError(f"{owner}: {name} is {shown(one)}, but numbers are drawn; omit it")
        return self._drawn(given, rows, start, heat)

    def log_prob(self, X: Any, y: Any) -> Array:
        """Log-likelihoods (N,) float64 of whole sequences in nats, the ends included; of numbers, densities.

        Unknown symbols count as the symbol for unknown ones; a warning counts them. Raises the errors of
        `fit`.
        """
        return self._likelihoods("log_prob", X, y)[0]

    def score(self, X: Any, y: Any) -> float:
        """The mean log-likelihood of a step, in nats; an end of symbols is a step. Higher is better."""
        each, steps = self._likelihoods("score", X, y)
        return float(each.sum() / steps)

    def _likelihoods(self, call: str, X: Any, y: Any) -> tuple[Array, int]:
        """The log-likelihood of each sequence, and the number of all steps."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        rows, _ = self._read_answers(owner, y, vars(self))
        given = self._contexts.read(owner, X, len(rows), self.dtype)
        fed, targets = _teacher_forced(owner, self._answers, rows, self.dtype)
        steps = sum(map(len, targets))
        if isinstance(self._answers, Lexicon):
            warn_of_unknown_targets(owner, "y", targets, 5)
            work = partial(self.network_.log_prob, given or None, targets, begin=END)
            found: Array = with_jobs(owner, self.n_jobs, work)
            return found, steps
        inputs = {**given, "written": fed} if given else fed
        outputs = with_jobs(owner, self.n_jobs, lambda: self.network_.predict(inputs))
        scale = np.log(self._answers.unit).sum()
        each = [density(one, row) - len(row) * scale for one, row in zip(outputs, targets, strict=True)]
        return np.array(each, np.float64), steps

    def _read_contexts(self, call: str, X: Any) -> tuple[str, dict[str, Any], int]:
        """Contexts for the network, and the number of rows."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        rows = self._contexts.count(owner, X)
        return owner, self._contexts.read(owner, X if self._contexts.kind else None, rows, self.dtype), rows

    def _decoded(self, given: Mapping[str, Any], rows: int, **method: Any) -> Decoded:
        found: Decoded = with_jobs(
            type(self).__name__,
            self.n_jobs,
            lambda: self.network_.decode(
                given or None,
                begin=np.full(rows, END),
                end=END,
                max_length=self._most(vars(self)),
                ban=[UNKNOWN],
                **method,
            ),
        )
        return found

    def _texts(self, found: Decoded) -> list[Any]:
        assert isinstance(self._answers, Lexicon)
        known = self._answers
        return [known.joined(symbols_of(known, row)) for row in self._without_end(found)]

    def _drawn(self, given: Mapping[str, Any], rows: int, seed: int | None, temperature: float) -> list[Any]:
        """Numbers step by step: draws of a seed, or without one the means."""
        assert isinstance(self._answers, Scaler)
        width, most = len(self._answers.mean), self._most(vars(self)) - 1
        stream = self.network_.stream(rows, rows=given or None)
        random = [np.random.default_rng([seed or 0, row]) for row in range(rows)]
        written = np.zeros((rows, most, width), self.dtype)
        lengths = np.full(rows, most)
        last = np.zeros((rows, width), self.dtype)
        for step in range(most):
            outputs = stream.step(last).astype(np.float64)
            last = outputs[:, :width].copy()
            ends = outputs[:, -1] > 0
            if seed is not None and temperature > 0:
                for row, own in enumerate(random):
                    noise, coin = own.standard_normal(width), own.random()
                    last[row] += temperature * deviations(outputs[row]) * noise
                    ends[row] = np.log(coin / (1 - coin)) < outputs[row, -1] / temperature
            last = last.astype(self.dtype)
            written[:, step] = last
            lengths = np.minimum(lengths, np.where(ends, step + 1, most))
            if (lengths <= step + 1).all():
                break
        return [self._answers.undo(row[:count]) for row, count in zip(written, lengths, strict=True)]

    # What a fitted model knows.

    @property
    def context_form_(self) -> str:
        """What X was in fit: "numbers", "labels", or "" without contexts."""
        return self._contexts.kind

    @property
    def context_labels_(self) -> Array | None:
        """The labels (K,) that X had in fit; None if X had no labels."""
        return self._contexts.labels

    @property
    def context_size_(self) -> int | None:
        """The number of columns of X in fit; None if X had no numbers."""
        return None if self._contexts.scaling is None else len(self._contexts.scaling.mean)

    # Files.

    def _state(self) -> dict[str, Any]:
        return {
            "contexts": self._contexts.state(),
            "symbols": isinstance(self._answers, Lexicon),
            "answers": self._answers.state(),
            "answer_names": None if self._answer_names is None else list(self._answer_names),
            "longest": self._longest,
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        kind: Any = Lexicon if stored.flag("symbols", state["symbols"]) else Scaler
        return {
            "_contexts": Contexts.from_state(state["contexts"]),
            "_answers": kind.from_state(state["answers"]),
            "_answer_names": as_names(state.get("answer_names")),  # not in files of earlier versions
            "_longest": stored.whole("longest", state["longest"], at_least=1),
        }

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        answers, contexts = attributes["_answers"], attributes["_contexts"]
        context = {"context": contexts.width} if contexts.width else {}
        if isinstance(answers, Lexicon):
            ids = number_of_ids(answers)
            return {**context, "written": ids}, ids
        return {**context, "written": len(answers.mean)}, 2 * len(answers.mean) + 1


def _teacher_forced(
    owner: str, known: Lexicon | Scaler, rows: Symbols | list[Array], dtype: str
) -> tuple[list[Array], list[Array]]:
    """What each step reads, and what it should write."""
    if isinstance(known, Lexicon):
        assert isinstance(rows, Symbols)
        targets = targets_of(known, rows)
        return inputs_of(targets), targets
    assert isinstance(rows, list)
    scaled = known.apply(owner, rows, dtype, "y[{0}][{1}, {2}]")
    fed = [np.concatenate([np.zeros_like(row[:1]), row[:-1]]) for row in scaled]
    last = [np.arange(len(row))[:, None] == len(row) - 1 for row in scaled]
    return fed, [
        np.concatenate([row, end], axis=1).astype(dtype) for row, end in zip(scaled, last, strict=True)
    ]
