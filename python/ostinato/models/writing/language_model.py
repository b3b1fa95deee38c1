"""`LanguageModel`: the probability of the next character or word of a text."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.data import Streams
from ostinato.decoding import Sample
from ostinato.decoding.sample import check_sample
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.layers import Dense, Embedding, Recurrent, Sequential
from ostinato.models.base.best import Best
from ostinato.models.base.sequence_model import SequenceModel, TrainingState
from ostinato.models.base.threads import with_jobs
from ostinato.models.reading.vocabulary import UNKNOWN, Vocabulary, check_learned, warn_of_strange
from ostinato.models.stored import Widths
from ostinato.models.writing.held_blocks import held_blocks
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.schedules import Exponential, WarmUp
from ostinato.sequences.arrays import Array
from ostinato.sequences.containers import is_series
from ostinato.signature import with_field_types
from ostinato.strategies import TeacherForcing

Self = TypeVar("Self", bound="LanguageModel")

LEVELS: Final = ("character", "word")
ENOUGH_SYMBOLS: Final = 10_000
"""With early_stopping="auto", blocks of a text are held out from so many symbols on."""
MOST_HELD: Final = 50_000
"""With early_stopping="auto", the most symbols that are held out: more symbols do not improve the
measurement, and are lost for training."""
AT_A_TIME: Final = 4096
"""Symbols that are measured together."""


class TextState:
    """What a fitted language model knows."""

    _vocabulary: Vocabulary


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class LanguageModel(SequenceModel, TextState):
    """The probability of the next character, or word, of a text: `LanguageModel().fit(text).bits(other)`.

    Args:
        level: "character" or "word". Words are separated by spaces and ends of lines.
        cell: of the recurrent layers: a name, a Cell class or an instance.
        hidden_size: units of each layer.
        num_layers: layers on top of each other.
        embedding_size: features of a symbol.
        dropout: the fraction of the inputs of each layer that is dropped in training.
        window: steps of a batch: gradients stop at its border, states are carried over. With a strategy that
            feeds the network its own output ("sampling/scheduled_sampling"), each window starts anew.
        batch_size: parts of the text that are read in parallel; "auto" for 32.
        max_iter: epochs, each one pass over the text.
        early_stopping: True holds out `validation_fraction` of the text, in up to 10 blocks all over it, of
            at least 50 symbols, measures them after each epoch, and keeps the best parameters. "auto" does so
            from 10,000 symbols on, with at most 50,000 symbols. False learns the whole text.
        learning_rate_init: "auto" is 0.004.
        schedule: "auto" rises over 20 updates, then falls by 40 % each epoch.

    The other arguments are those of `SequenceModel`.

    Attributes: symbols_, n_iter_, loss_curve_ (nats per symbol), best_loss_, network_ (a Sequential),
    trainer_.
    """

    level: str = "character"
    cell: Any = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    embedding_size: int = 128
    dropout: float = 0.0
    window: int = 64
    max_iter: int = 5

    learning_rate: ClassVar[float] = 4e-3
    read_anew: ClassVar[tuple[str, ...]] = ("window",)

    def fit(self: Self, text: str | Sequence[str]) -> Self:
        """Trains on a text, or on texts, which are joined by ends of lines.

        Symbols that occur once are learned as unknown symbols. Raises DTypeError; ConfigError, also for a
        text in which no symbol occurs twice. Then nothing changes.
        """
        owner = type(self).__name__
        ids, fitting, held = self._begin(text, self._continues(), True)
        epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        if held is None:
            return self._read(fitting, epochs, ids, None)
        return self._read(fitting, epochs, ids[~held], ids[held])

    def partial_fit(self: Self, text: str | Sequence[str]) -> Self:
        """One more pass over a text. The first call decides the vocabulary: other symbols are unknown.

        A warning says how many there are, if one of them occurs twice, which a first fit would learn.
        Arguments and errors are those of `fit`.
        """
        ids, fitting, _ = self._begin(text, self._latest("partial_fit"), False)
        return self._read(fitting, 1, ids, None)

    def _begin(
        self, text: Any, continued: TrainingState | None, may_hold: bool
    ) -> tuple[Array, TrainingState, Array | None]:
        """The ids of a text, the fitting, and which ids are held out; None for none.

        The vocabulary is that of the training part.
        """
        owner = type(self).__name__
        symbols = self._symbols(owner, text)
        if len(symbols) < 3:
            raise ConfigError(f"{owner}: text has {len(symbols)} symbols; expected at least 3")
        held = self._held(owner, len(symbols)) if may_hold else None
        if continued is None:
            learned = symbols if held is None else compress(symbols, (~held).tobytes())
            known = Vocabulary.of(learned, least=2)
            more = ", or level='character'" if self.level == "word" else ""
            check_learned(owner, "text", known, f"a longer text{more}")
            continued = self._new(
                lambda seed: self._build(len(known), seed),
                held is not None,
                {"_vocabulary": known},
            )
            return known.encode(symbols), continued, held
        known = continued.attributes["_vocabulary"]
        ids = known.encode(symbols)
        learned = symbols if held is None else compress(symbols, (~held).tobytes())
        # A symbol that occurs once would be unknown in a first fit too; one that occurs twice would not.
        strange = Vocabulary.of(learned, least=2).symbols
        most = 0.5 if set(strange) <= set(known.symbols) else 0.0
        warn_of_strange(owner, "text", [ids], 5, most)  # 5 calls up is the caller of fit
        return ids, continued, held

    def _held(self, owner: str, symbols: int) -> Array | None:
        """Which symbols are held out, or None. Raises ConfigError for a text that is too short."""
        found, wanted = self._holds_out(0), int(symbols * self.validation_fraction)
        if self.early_stopping == "auto":
            found, wanted = symbols >= ENOUGH_SYMBOLS, min(wanted, MOST_HELD)
        return held_blocks(owner, symbols, wanted) if found else None

    def _build(self, symbols: int, seed: int) -> Network:
        share = self._dropout()
        width = self._size("embedding_size")
        drop = [Dropout(share)] if share else []
        units = self._size("hidden_size")
        layers = self._size("num_layers")
        layer = Recurrent(self._copy("cell"), width, units, layers, regularizers=drop)
        head = Dense(layer.output_size, symbols, regularizers=drop)
        return Sequential(Embedding(symbols, width), layer, head, seed=seed)

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        return "cross_entropy"

    def _schedule(self, best: Best, attributes: Mapping[str, Any]) -> Any:
        if isinstance(self.schedule, str) and self.schedule == "auto":
            return WarmUp(20, then=Exponential(0.6))
        return super()._schedule(best, attributes)

    def _read(self: Self, fitting: TrainingState, epochs: int, ids: Array, held: Array | None) -> Self:
        owner = type(self).__name__
        given = self.batch_size
        auto = isinstance(given, str) and given == "auto"
        rows = 32 if auto else checks.count(owner, "batch_size", given, at_least=1)
        window = checks.count(owner, "window", self.window, at_least=1)

        def streams(some: Array, steps: int) -> Streams:
            return Streams(some, min(rows, len(some) - 1), steps)

        measured = None if held is None else streams(held, 256)
        if isinstance(fitting.trainer.strategies.feeding, TeacherForcing):
            return self._train_batches(fitting, epochs, streams(ids, window), measured)
        # What reads its own output starts without a state: each window is a row of its own.
        starts = range(0, len(ids) - 1, window)
        x, targets = ([ids[n + k :][: min(window, len(ids) - 1 - n)] for n in starts] for k in (0, 1))
        return self._run(fitting, x, targets, epochs=epochs, batch_size=rows, validation=measured)

    def _symbols(self, owner: str, text: Any) -> Sequence[str]:
        checks.choice(owner, "level", self.level, LEVELS)
        if is_series(text) or (isinstance(text, np.ndarray) and text.ndim == 1):
            text = list(text)
        if isinstance(text, (list, tuple)) and text and all(isinstance(one, str) for one in text):
            text = "\n".join(text)
        if not isinstance(text, str):
            raise DTypeError(f"{owner}: text is {shown(text)}; expected a text, or a list of texts")
        return text if self.level == "character" else text.split()

    def bits(self, text: str | Sequence[str]) -> float:
        """Bits per character: -log2 of the probability of a text after its first symbol, per character.

        Unknown symbols count as the symbol for unknown ones, without their spelling; a warning
        says how many there are. With level="word", a text with unknown words has too few bits to be compared
        with those of level="character". Raises DTypeError; ConfigError for a text of fewer than two symbols.
        """
        return self._nats(text) / math.log(2.0)

    def score(self, text: str | Sequence[str]) -> float:
        """-`bits(text)`: higher is better, as scikit-learn wants it."""
        self._check_fitted("score")
        return -self.bits(text)

    def _nats(self, text: Any) -> float:
        self._check_fitted("bits")
        owner = f"{type(self).__name__}.bits"
        symbols = self._symbols(owner, text)
        if len(symbols) < 2:
            raise ConfigError(f"{owner}: text has {len(symbols)} symbols; expected at least 2")
        ids = self._vocabulary.encode(symbols)
        unknown = int((ids == UNKNOWN).sum())
        if unknown:
            warnings.warn(
                f"{owner}: {unknown} of {len(ids)} symbols are unknown", stacklevel=4
            )  # whoever calls bits
        total, state = 0.0, None
        for start in range(0, len(ids) - 1, AT_A_TIME):
            x, wanted = ids[start : start + AT_A_TIME], ids[start + 1 : start + AT_A_TIME + 1]
            part = x[None, : len(wanted)]
            run = with_jobs(owner, self.n_jobs, partial(self.network_.run, part, state=state))
            logits, state = run.outputs[0].astype(np.float64), run.final_state
            peak = logits.max(axis=-1)
            logs = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=-1))
            total += float((logs - logits[np.arange(len(wanted)), wanted]).sum())
        characters = sum(map(len, symbols)) + (len(symbols) - 1 if self.level == "word" else 0)
        return total / (characters - len(symbols[0]))

    def generate(
        self,
        prompt: str,
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """`length` symbols that follow a prompt, drawn one by one; the unknown symbol is never drawn.

        prompt: at least one symbol, each at least twice in the training text. temperature, top_k, top_p,
        seed: as in `ost.Sample`. Raises DTypeError, ConfigError.
        """
        self._check_fitted("generate")
        owner = f"{type(self).__name__}.generate"
        count = checks.count(owner, "length", length, at_least=0)
        check_sample(owner, 1, temperature, top_k, top_p, seed)
        if not isinstance(prompt, str) or not prompt:
            raise ConfigError(f"{owner}: prompt is {shown(prompt)}; expected a text of at least one symbol")
        symbols = self._symbols(owner, prompt)
        ids = self._vocabulary.encode(symbols)
        if not len(ids) or (ids == UNKNOWN).any():
            wrong = symbols[int(np.argmax(ids == UNKNOWN))] if len(ids) else prompt
            raise ConfigError(
                f"{owner}: prompt has the symbol {shown(wrong)}, which occurs fewer than twice in the "
                "training text"
            )
        if not count:
            return ""
        drawn = self.network_.decode(
            begin=int(ids[0]),
            end=None,
            max_length=len(ids) - 1 + count,
            prefix=ids[None, 1:],
            ban=[UNKNOWN],
            sample=Sample(1, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed),
        ).tokens[0][len(ids) - 1 :]
        made = [self._vocabulary.symbols[int(one) - 1] for one in drawn]
        return ("" if self.level == "character" else " ").join(made)

    @property
    def symbols_(self) -> tuple[str, ...]:
        """The characters or words of the fit, in code point order."""
        return self._vocabulary.symbols

    def _state(self) -> dict[str, Any]:
        return {"symbols": list(self._vocabulary.symbols)}

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {"_vocabulary": Vocabulary.from_state("symbols", state["symbols"])}

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        ids = len(attributes["_vocabulary"])
        return {"x": ids}, ids
