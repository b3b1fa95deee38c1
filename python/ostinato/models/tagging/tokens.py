"""Sentences as lists of words, in the form that a network with words and characters reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.models.reading.vocabulary import Vocabulary, check_learned
from ostinato.sequences.containers import rows_in

Sentences = list[list[str]]


def read_sentences(owner: str, x: Any) -> Sentences:
    """A list of sentences, each a list of words. Raises DTypeError, ShapeError that name row and place."""
    given = rows_in("X", x)
    if isinstance(given, (str, bytes)) or (
        not isinstance(given, Sequence) and not isinstance(given, np.ndarray)
    ):
        raise DTypeError(f"{owner}: X is {shown(x)}; expected a list of sentences, each a list of words")
    if not len(given):
        raise ShapeError(f"{owner}: X has 0 sample(s), no sentence; expected at least one")
    made: Sentences = []
    for n, sentence in enumerate(given):
        if isinstance(sentence, str):
            raise DTypeError(
                f"{owner}: X[{n}] is the text {shown(sentence)}; expected a list of words: text.split()"
            )
        if not isinstance(sentence, (Sequence, np.ndarray)) or not all(
            isinstance(one, str) for one in sentence
        ):
            place = next((k for k, one in enumerate(_listed(sentence)) if not isinstance(one, str)), 0)
            raise DTypeError(f"{owner}: X[{n}] has no text at place {place}; expected a list of words")
        if not len(sentence):
            raise ShapeError(f"{owner}: X[{n}] has no word; leave empty sentences out")
        if not all(sentence):
            raise ConfigError(f"{owner}: X[{n}][{list(sentence).index('')}] is empty; expected a word")
        made.append([str(one) for one in sentence])
    return made


def _listed(value: Any) -> Iterator[Any]:
    try:
        yield from value
    except TypeError:
        yield value


@dataclass(frozen=True)
class Tokens:
    """Words and characters as ids. A word that occurs once in training counts as unknown there."""

    words: Vocabulary
    characters: Vocabulary

    @classmethod
    def of(cls, sentences: Sentences) -> Tokens:
        """The vocabularies of training sentences."""
        words = [word for sentence in sentences for word in sentence]
        return cls(Vocabulary.of(words, least=2), Vocabulary.of((c for word in words for c in word), least=2))

    def check(self, owner: str, reads_characters: bool) -> None:
        """Raises ConfigError if no word, nor a character that is read, is known."""
        if not (reads_characters and self.characters.symbols):
            more = "" if reads_characters else ", or character_size above 0"
            check_learned(owner, "X", self.words, f"more sentences{more}")

    def encode(self, sentences: Sentences) -> dict[str, list[Any]]:
        """Inputs of the network: ids of words, of characters with 0 between words, and places of words."""
        made: dict[str, list[Any]] = {"words": [], "characters": [], "ends": []}
        for sentence in sentences:
            lengths = np.array([len(word) for word in sentence])
            starts = np.cumsum(lengths + 1) - lengths - 1
            ids = np.zeros(int(lengths.sum()) + len(sentence) - 1, np.int64)
            encoded = self.characters.encode("".join(sentence))
            inside = np.ones(len(ids), bool)
            inside[(starts + lengths)[:-1]] = False
            ids[inside] = encoded
            made["words"].append(self.words.encode(sentence))
            made["characters"].append(ids)
            made["ends"].append(np.stack([starts, starts + lengths - 1], axis=1).astype(np.float32))
        return made

    def state(self) -> dict[str, Any]:
        """The vocabularies, for a model file."""
        return {"words": list(self.words.symbols), "characters": list(self.characters.symbols)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Tokens:
        """The inverse of `state`."""
        names = ("words", "characters")
        return cls(*(Vocabulary.from_state(name, state[name]) for name in names))
