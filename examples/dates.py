"""Dates as people write them in ten languages, to ISO: "lunedì 9 novembre 2026" to "2026-11-09".

The decoder attends to the characters. Dates from 1900 to 2099 are written in the long, medium and full forms
of `babel`. No date that is tested was in training, in any language or form. A date is right if all ten
characters and the end are right.

Run: python examples/dates.py [--seeds 3] [--short]
"""

from __future__ import annotations

import datetime
import itertools

import numpy as np
from encoder_decoder import Pairs, Parts, Result, Settings, Task, parser_of, run
from needs import missing

from ostinato.data import Alphabet

LANGUAGES = ("de", "en_GB", "en_US", "es", "fr", "it", "nl", "pl", "pt", "sv")
FORMS = ("full", "long", "medium")
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
ISO = Alphabet("-0123456789")


def written(date: datetime.date, form: str, language: str) -> str:
    """A date as people write it. Raises ConfigError without babel."""
    try:
        from babel.dates import format_date
    except ImportError as error:
        raise missing("babel") from error
    return str(format_date(date, form, language))


def rows(seed: int, short: bool) -> Parts:
    """Random dates, languages and forms; only English in a short run."""
    rng = np.random.default_rng(seed)
    counts = (2_000, 200, 200) if short else (20_000, 1_000, 1_000)
    days = rng.permutation((LAST - FIRST).days + 1)[: sum(counts)]
    dates = [FIRST + datetime.timedelta(int(day)) for day in days]
    languages = ("en_US",) if short else LANGUAGES
    texts = [
        written(date, FORMS[rng.integers(len(FORMS))], languages[rng.integers(len(languages))])
        for date in dates
    ]
    letters = Alphabet("".join(texts))
    pairs = Pairs(
        [letters.encode(text) for text in texts], [[ISO.encode(date.isoformat())] for date in dates]
    )
    cuts = np.cumsum([0, *counts])
    parts = [pairs.take(range(*cut)) for cut in itertools.pairwise(cuts)]
    return Parts(*parts, (letters.characters, ISO.characters))


TASK = Task("dates", rows, Settings(embedding=32, epochs=6), Settings(hidden=48, epochs=6))


def main(arguments: list[str] | None = None) -> list[Result]:
    """The command line."""
    return run(TASK, parser_of(TASK, __doc__).parse_args(arguments))


if __name__ == "__main__":
    main()
