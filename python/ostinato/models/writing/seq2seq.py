"""`Seq2Seq`: a sequence of symbols for a sequence, of another length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.analysis import Alignment, alignment
from ostinato.data import ByLength
from ostinato.decoding import Decoded
from ostinato.errors import ConfigError, shown
from ostinato.layers import Dense, Embedding, Graph, Input, Recurrent, concat
from ostinato.layers.bridge import Bridge
from ostinato.layers.decoder import Decoder
from ostinato.layers.decoder_step import MOST_LAYERS, QUERIES
from ostinato.losses import CrossEntropy
from ostinato.metrics import edits
from ostinato.models import stored
from ostinato.models.base.best import Best
from ostinato.models.base.held_out import Divide, Parts, of_training
from ostinato.models.base.sequence_model import OF_TRAINER, Examples, TrainingState
from ostinato.models.base.threads import with_jobs
from ostinato.models.reading.feature_names import Names, as_names, check_names
from ostinato.models.reading.intake import read_sequences
from ostinato.models.reading.scaling import Scaler
from ostinato.models.reading.vocabulary import warn_of_strange
from ostinato.models.stored import Widths
from ostinato.models.writing.halving import UPDATES as UPDATES_OF_HALF
from ostinato.models.writing.halving import UPDATES_BEFORE, Halving
from ostinato.models.writing.ids import (
    END,
    SHIFT,
    UNKNOWN,
    ids_of,
    inputs_of,
    number_of_ids,
    symbols_of,
    targets_of,
    warn_of_unknown_targets,
)
from ostinato.models.writing.pairs import PairModel, same_count, samples
from ostinato.models.writing.pointer import Pointer
from ostinato.models.writing.symbols import (
    ARRAYS,
    LEVELS,
    Lexicon,
    Symbols,
    check_level,
    holds_symbols,
    read_symbols,
    warn_of_unknown,
)
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="Seq2Seq")

BATCH_SIZE: Final = 64
UPDATES: Final = 64
"""With batch_size="auto", the fewest updates of an epoch, as long as a batch has FEWEST rows."""
FEWEST: Final = 8
AUTO: Final = "auto"
SMOOTHING: Final = 0.1
SMOOTHING_OF_ONE: Final = 0.0025
"""With label_smoothing="auto", the smoothing at most, and that of a single symbol."""

MOST_DRAWN: Final = 1000
"""Symbols of a side of a picture, at most."""


class Seq2SeqState:
    """What a fitted model knows."""

    _source: Lexicon | Scaler
    """Symbols, or the scaling of features."""
    _source_names: Names
    """Of the columns of features."""
    _target: Lexicon
    _attends: bool
    _points: bool
    _halving: int
    """The updates in which schedule="auto" halves the rate."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class Seq2Seq(PairModel, Seq2SeqState):
    """A sequence of symbols for a sequence: `Seq2Seq().fit(X, y).predict(X)`.

    A bidirectional encoder reads X. A decoder with an attention to it writes y, symbol by symbol, until it
    writes an end. It learns with teacher forcing, unless `strategies` name another way.

    X is a list of texts, of lists of texts, of lists of whole numbers, or of arrays (T, F) of features; y has
    as many rows, of one of the first three forms, none empty.

    Args:
        level: of texts: "character" or "word", which needs texts. Words are separated by spaces.
        attention: a scorer: a name, a Scorer class or an instance, of a plugin too. None: the decoder has the
            final states of the encoder only.
        query: "before", "between" or "after", as in `ost.Decoder`.
        input_feeding: as in `ost.Decoder`.
        cell: of all layers: a name, a Cell class or an instance.
        hidden_size: units of each layer; of the encoder, half of them in each direction.
        num_layers: of the decoder.
        encoder_layers: layers of the encoder on top of each other, at most 64.
        embedding_size: features of a symbol.
        dropout: the fraction of the outputs of each layer of the encoder and of the decoder that is dropped
            in training; half of it of embeddings.
        label_smoothing: as in `ost.CrossEntropy`; "auto" is 0.0025 for each id of the target, the end and the
            unknown symbol included, and at most 0.1 together; 0 with a strategy that learns from a reward.
        pointer: of symbols: each step may also copy a symbol of the source (Gulcehre et al. 2016), even one
            that training did not have. X and y then have the same form.
        beam_size: the hypotheses of a search, 1 to 1,000; 1 takes the most likely symbol at each step.
        length_penalty: 0 to 10; a search compares log-probability / length^length_penalty, as
            `ost.LengthNorm` does; 0 compares log-probabilities, which favors short answers.
        max_length: the most symbols that are written, at most 100,000; "auto" for one and a half times those
            of the longest target of training, plus 5.
        learning_rate_init: "auto" is 0.002.
        schedule: "auto" rises over 50 updates, then falls by half in 2.5 epochs or 1,200 updates, whichever
            takes longer.
        max_iter, n_iter_no_change, tol: 100, 4 and 0.001.

    The other arguments are those of `SequenceModel`. A strategy that is given by its name or its class gets
    its arguments `end` and `max_length` here: "reinforce". For an instance, the end is the id 0.

    Attributes: x_form_, y_form_, n_iter_, loss_curve_, best_loss_, network_ (a Graph), trainer_.
    """

    level: str = "character"
    attention: Any = "additive"
    query: str = "before"
    input_feeding: bool = True
    cell: Any = "gru"
    hidden_size: int = 192
    num_layers: int = 1
    encoder_layers: int = 2
    embedding_size: int = 64
    dropout: float = 0.2
    label_smoothing: float | str = "auto"
    pointer: bool = False
    length_penalty: float = 0.6
    max_iter: int = 100
    n_iter_no_change: int = 4
    tol: float = 1e-3

    absent: ClassVar[Mapping[str, Any]] = {"length_penalty": 0.0}
    learning_rate: ClassVar[float] = 2e-3
    of_trainer: ClassVar[tuple[str, ...]] = (*OF_TRAINER, "label_smoothing")
    dtype: ClassVar[str] = "float32"

    # Fitting.

    def _begin(
        self, X: Any, y: Any, continued: TrainingState | None, seed: int, divide: Divide
    ) -> tuple[Examples, TrainingState, Parts]:
        owner = type(self).__name__
        level = checks.choice(owner, "level", self.level, LEVELS)
        known = None if continued is None else continued.attributes
        read, names = self._read_source(owner, X, known)
        wanted = read_symbols(owner, "y", y, level) if known is None else known["_target"].read(owner, "y", y)
        same_count(owner, len(read), len(wanted))
        parts = divide(len(wanted))
        if known is None:
            source: Lexicon | Scaler
            if isinstance(read, Symbols):
                source = Lexicon.of(Symbols(of_training(read.rows, parts), read.form), level)
            else:
                source = Scaler.of(of_training(read, parts), compress=True)
            training = Symbols(of_training(wanted.rows, parts), wanted.form)
            known = {
                "_source": source,
                "_source_names": names,
                "_target": Lexicon.of(training, level),
                "_longest": max(map(len, training.rows)),
                "_attends": self.attention is not None,
                "_points": checks.flag(owner, "pointer", self.pointer),
                "_halving": UPDATES_OF_HALF,
            }
            check_level(owner, level, X=read.form if isinstance(read, Symbols) else ARRAYS, y=wanted.form)
            if not known["_points"]:  # a pointer learns to copy unknown symbols
                known["_target"].check(owner, "y", _or_copies(source, known["_target"]))
                if isinstance(source, Lexicon):
                    source.check(owner, "X", _or_copies(source, known["_target"]))
        targets = targets_of(known["_target"], wanted)
        inputs = self._inputs(owner, known, read)
        if continued is not None and not known["_points"]:  # a pointer learns to copy unknown symbols
            if isinstance(known["_source"], Lexicon):
                warn_of_strange(owner, "X", inputs["source"], 5)
            warn_of_strange(owner, "y", [row[:-1] - SHIFT for row in targets], 5)
        examples = Examples({**inputs, "words": inputs_of(targets)}, targets)
        self._search_method(owner)
        self._most(known)
        fitting = continued or self._new(
            lambda seed: self._build(known, seed), parts is not None, known, seed
        )
        return examples, fitting, parts

    def _read_source(
        self, owner: str, X: Any, fitted: Mapping[str, Any] | None, name: str = "X"
    ) -> tuple[Symbols | list[Array], Names]:
        """Rows of symbols, or of features with the names of their columns.

        fitted: what the first fit has learned. Raises ConfigError for the other kind, or other names.
        """
        known = None if fitted is None else fitted["_source"]
        symbols = holds_symbols(X, isinstance(known, Lexicon))
        if known is not None and symbols != isinstance(known, Lexicon):
            kinds = ("features", "symbols")
            raise ConfigError(
                f"{owner}: {name} holds {kinds[symbols]}; the first fit had {kinds[not symbols]}"
            )
        if isinstance(known, Lexicon):
            return known.read(owner, name, X), None
        if symbols:
            return read_symbols(owner, name, X, self.level), None
        width = None if known is None else len(known.mean)
        found = read_sequences(owner, X, name=name, width=width)
        if fitted is not None:
            check_names(found.names, fitted["_source_names"], name)
        return found.rows, found.names

    def _inputs(
        self, owner: str, known: Mapping[str, Any], read: Symbols | list[Array]
    ) -> dict[str, list[Array]]:
        """The inputs of the network that do not depend on targets. Raises ConfigError."""
        source, target = known["_source"], known["_target"]
        if isinstance(source, Lexicon):
            assert isinstance(read, Symbols)
            made = {"source": source.encode(read.rows)}
            if known["_points"]:
                if source.form != target.form:
                    raise ConfigError(
                        f"{owner}: pointer is True, but X is a list of {source.form} and y one of "
                        f"{target.form}, and a copied symbol has the form of X; expected both in one form, "
                        "or pointer=False"
                    )
                made["copies"] = [row[:, None].astype(self.dtype) for row in ids_of(target, read.rows)]
            return made
        if known["_points"]:
            raise ConfigError(
                f"{owner}: pointer is True, but X holds features, which cannot be copied; omit it"
            )
        assert isinstance(read, list)
        return {"source": source.apply(owner, read, self.dtype)}

    def _build(self, known: Mapping[str, Any], seed: int) -> Network:
        """The network: source (N, S), words (N, T) -> (N, T, ids)."""
        owner = type(self).__name__
        share = self._dropout()
        units = self._size("hidden_size", at_least=2)
        width = self._size("embedding_size")
        if units % 2:
            raise ConfigError(
                f"{owner}: hidden_size is {units}; expected an even number, half of it for each direction of "
                "the encoder"
            )

        def dropped(value: Any, rate: float) -> Any:
            return Dropout(rate)(value) if rate else value

        source, ids = known["_source"], number_of_ids(known["_target"])
        if isinstance(source, Lexicon):
            memory = Embedding(len(source), width)(Input("source", ids=len(source), axis="source"))
            memory, read = dropped(memory, share / 2), width
        else:
            read = len(source.mean)
            memory = Input("source", size=read, axis="source")
        for _ in range(self._size("encoder_layers", at_most=MOST_LAYERS)):
            encoder = Recurrent(self._copy("cell"), read, units // 2, bidirectional=True)
            encoded = encoder(memory)
            memory, read = dropped(encoded, share), units
        words = dropped(Embedding(ids, width)(Input("words", ids=ids, axis="target")), share / 2)
        decoder, memories = self._decoder(owner, width, units, memory)
        decoded = decoder(words, **memories, initial_state=Bridge(encoder, decoder)(encoded))
        decoded = dropped(decoded, share)
        if not known["_points"]:
            return Graph(Dense(decoder.output_size, ids)(decoded), seed=seed)
        copies = Input("copies", size=1, axis="source")
        head = Recurrent(Pointer(ids, units), decoder.output_size, units)
        return Graph(head(decoded, source=concat(memory, copies)), seed=seed)

    def _decoder(self, owner: str, width: int, units: int, memory: Any) -> tuple[Recurrent, dict[str, Any]]:
        """The decoder, and the memories that it reads."""
        layers = self._size("num_layers")
        feeding = checks.flag(owner, "input_feeding", self.input_feeding)
        query = checks.choice(owner, "query", self.query, QUERIES)
        if self.attention is not None:
            made = Decoder(
                self._copy("cell"),
                width,
                units,
                units,
                self._copy("attention"),
                query=query,
                input_feeding=feeding,
                num_layers=layers,
            )
            return made, {"source": memory}
        if query != "before" or not feeding:
            given = "input_feeding is False" if query == "before" else f"query is {shown(query)}"
            raise ConfigError(f"{owner}: {given}, but attention is None, which has none; omit it")
        return Recurrent(self._copy("cell"), width, units, layers), {}

    def _batches(self, count: int) -> Any:
        if isinstance(self.batch_size, str) and self.batch_size == "auto":
            return ByLength(min(BATCH_SIZE, max(FEWEST, count // UPDATES)))
        return super()._batches(count)

    def _schedule(self, best: Best, attributes: Mapping[str, Any]) -> Any:
        if isinstance(self.schedule, str) and self.schedule == "auto":
            return Halving(attributes.get("_halving", UPDATES_BEFORE))  # not in copies of earlier versions
        return super()._schedule(best, attributes)

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        return CrossEntropy(label_smoothing=self._smoothing(attributes))

    def _smoothing(self, attributes: Mapping[str, Any]) -> float:
        """The share of other symbols in a target. Raises ConfigError.

        With few symbols, 0.1 is much for each of them: it hides what is rare, as the end of a repetition is.
        """
        owner = type(self).__name__
        given: Any = self.label_smoothing
        if isinstance(given, str) and given == AUTO:
            rewarded = any(samples(one) for one in self._strategies(attributes))
            ids = number_of_ids(attributes["_target"])
            return 0.0 if rewarded else min(SMOOTHING, SMOOTHING_OF_ONE * ids)
        if isinstance(given, (str, bool)) or not isinstance(given, Real):
            raise ConfigError(
                f"{owner}: label_smoothing is {shown(given)}; expected a number 0..1, or {shown(AUTO)}"
            )
        return checks.number(owner, "label_smoothing", given, at_least=0, below=1)

    def _check_strategies(self, strategies: Sequence[Any]) -> None:
        rewarded = [one for one in strategies if samples(one)]
        if rewarded and self.label_smoothing not in (AUTO, 0):
            raise ConfigError(
                f"{type(self).__name__}: label_smoothing is {shown(self.label_smoothing)}, but "
                f"{shown(rewarded[0])} learns from log-probabilities; expected label_smoothing=0, or "
                f"{shown(AUTO)}"
            )

    # Predictions.

    def predict(self, X: Any, *, beam_size: int | None = None) -> list[Any]:
        """The best sequence that a search finds for each of X, in the form of the y of training.

        beam_size: another one than the estimator's. A sequence does not depend on the others. Raises
        DTypeError, ShapeError, ConfigError.
        """
        return [self._target.joined(row) for row in self._written("predict", X, beam_size)]

    def score(self, X: Any, y: Any) -> float:
        """The share 0..1 of sequences without an error."""
        found, wanted = self._compared("score", X, y)
        return float(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))

    def error_rate(self, X: Any, y: Any) -> float:
        """Insertions, deletions and substitutions for each symbol of y: the word, or phoneme, error rate."""
        found, wanted = self._compared("error_rate", X, y)
        places = {one: n for n, one in enumerate(sorted({s for row in (*found, *wanted) for s in row}))}

        def numbered(row: list[str]) -> Array:
            return np.array([places[one] for one in row], np.int64)

        total = sum(edits(numbered(a), numbered(b)) for a, b in zip(found, wanted, strict=True))
        return total / sum(map(len, wanted))

    def log_prob(self, X: Any, y: Any) -> Array:
        """Natural logarithms (N,) float64 of the probabilities of whole sequences y, the end included.

        Unknown symbols count as the symbol for unknown ones; a warning counts them. With pointer=True too: y
        with one unknown symbol, and y with another, have the same probability.
        """
        inputs, tokens, _, _ = self._read_pairs("log_prob", X, y)
        return with_jobs(
            type(self).__name__, self.n_jobs, lambda: self.network_.log_prob(inputs, tokens, begin=END)
        )

    def alignment(self, X: Any, y: Any = None) -> Alignment:
        """Where the decoder attends while it writes y, or what it predicts: weights (T + 1, S) of each row.

        The last step writes the end. Raises ConfigError without attention.
        """
        inputs, tokens, _, _ = self._read_pairs("alignment", X, y)
        return alignment(self.network_, inputs, tokens, begin=END, of="source")

    def plot_alignment(self, x: Any, y: Any = None) -> Any:
        """A picture of one pair, with its symbols; returns the axes. y: None for what is predicted.

        Raises ConfigError if matplotlib is missing, and without attention.
        """
        owner = f"{type(self).__name__}.plot_alignment"
        for name, one in (("x", x), ("y", y)):
            if hasattr(one, "__len__") and getattr(one, "shape", None) != () and len(one) > MOST_DRAWN:
                raise ConfigError(
                    f"{owner}: {name} has {len(one)} symbols; a picture shows {MOST_DRAWN} or fewer"
                )
        given = [x], None if y is None else [y]
        inputs, tokens, read, wanted = self._read_pairs("plot_alignment", *given, names=("x", "y"))
        found = alignment(self.network_, inputs, tokens, begin=END, of="source")
        labels = read.rows[0] if isinstance(read, Symbols) else None
        ax = found.plot(source=labels, target=[*wanted[0], "end"])
        ax.set(xlabel="read", ylabel="written")
        return ax

    def _read_pairs(
        self, call: str, X: Any, y: Any, names: tuple[str, str] = ("X", "y")
    ) -> tuple[dict[str, Any], list[Array], Symbols | list[Array], list[list[str]]]:
        """Inputs and targets of given pairs, and their symbols; y None for what is predicted, to look at."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        if not self._attends and call != "log_prob":
            raise ConfigError(f"{owner}: attention is None, so this decoder has no weights to show")
        predicted = y is None and call != "log_prob"
        if predicted:
            wanted = Symbols(self._written(call, X, None, name=names[0]), self._target.form)
        else:
            wanted = self._target.read(owner, names[1], y)
        read, _ = self._read_source(owner, X, vars(self), names[0])
        same_count(owner, len(read), len(wanted))
        inputs, tokens = self._inputs(owner, vars(self), read), targets_of(self._target, wanted)
        if not predicted:  # a prediction has warned of X
            self._warn(owner, names[0], inputs)
            warn_of_unknown_targets(owner, names[1], tokens, 5)
        return inputs, tokens, read, wanted.rows

    def _compared(self, call: str, X: Any, y: Any) -> tuple[list[list[str]], list[list[str]]]:
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        wanted = self._target.read(owner, "y", y)
        return self._written(call, X, None, wanted), wanted.rows

    def _written(
        self, call: str, X: Any, beam_size: int | None, wanted: Symbols | None = None, name: str = "X"
    ) -> list[list[str]]:
        """The symbols of each prediction. wanted: as many rows; name: of the argument X."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        read, _ = self._read_source(owner, X, vars(self), name)
        if wanted is not None:
            same_count(owner, len(read), len(wanted))
        inputs = self._inputs(owner, vars(self), read)
        self._warn(owner, "X", inputs)
        found = self._search(owner, inputs, beam_size)
        made = [symbols_of(self._target, row) for row in self._without_end(found)]
        if self._points:
            assert isinstance(read, Symbols) and found.alignments is not None
            _copy(made, found.tokens, found.alignments, read.rows)
        return made

    def _search(self, owner: str, inputs: Mapping[str, Any], beam_size: Any) -> Decoded:
        most, method = self._most(vars(self)), self._search_method(owner, beam_size)
        found: Decoded = with_jobs(
            owner,
            self.n_jobs,
            lambda: self.network_.decode(
                inputs,
                begin=END,
                end=END,
                max_length=most,
                **method,
                **({"alignments": _pointer(self._attends)} if self._points else {"ban": [UNKNOWN]}),
            ),
        )
        return found

    def _warn(self, owner: str, name: str, inputs: Mapping[str, Any]) -> None:
        if isinstance(self._source, Lexicon):
            warn_of_unknown(owner, name, inputs["source"], 6)

    # What a fitted model knows.

    @property
    def x_form_(self) -> str:
        """What X was in fit: "texts", "lists of texts", "lists of whole numbers", or "arrays of numbers"."""
        return self._source.form if isinstance(self._source, Lexicon) else ARRAYS

    @property
    def y_form_(self) -> str:
        """What y was in fit, and what predictions are: one of the first three of `x_form_`."""
        return self._target.form

    # Files.

    def _state(self) -> dict[str, Any]:
        symbols = isinstance(self._source, Lexicon)
        return {
            "source": self._source.state(),
            "source_names": None if self._source_names is None else list(self._source_names),
            "symbols": symbols,
            "target": self._target.state(),
            "longest": self._longest,
            "attends": self._attends,
            "points": self._points,
            "halving": vars(self).get("_halving", UPDATES_BEFORE),
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        kind: Any = Lexicon if stored.flag("symbols", state["symbols"]) else Scaler
        return {
            "_source": kind.from_state(state["source"]),
            "_source_names": as_names(state.get("source_names")),  # not in files of earlier versions
            "_target": Lexicon.from_state(state["target"]),
            "_longest": stored.whole("longest", state["longest"], at_least=1),
            "_attends": stored.flag("attends", state["attends"]),
            "_points": stored.flag("points", state["points"]),
            # not in files of earlier versions
            "_halving": stored.whole("halving", state.get("halving", UPDATES_BEFORE), at_least=1),
        }

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        source, ids = attributes["_source"], number_of_ids(attributes["_target"])
        read = len(source) if isinstance(source, Lexicon) else len(source.mean)
        return {"source": read, "words": ids, **({"copies": 1} if attributes["_points"] else {})}, ids


def _pointer(attends: bool) -> str:
    """The name of the weights of the pointer: those of the decoder's attention come first."""
    return "source_1" if attends else "source"


def _copy(
    made: list[list[str]], tokens: Sequence[Array], weights: Sequence[Array], sources: Sequence[list[str]]
) -> None:
    """Replaces unknown symbols by those of the source that are pointed at."""
    for row, ids, own, source in zip(made, tokens, weights, sources, strict=True):
        for place in np.flatnonzero(ids[: len(row)] == UNKNOWN):
            row[place] = source[int(own[place].argmax())]


def _or_copies(source: Lexicon | Scaler, target: Lexicon) -> str:
    """What an error adds where symbols can be copied."""
    can = isinstance(source, Lexicon) and source.form == target.form
    return ", or pointer=True to copy symbols" if can else ""
