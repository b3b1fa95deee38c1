"""The tables of arguments: each parameter of an estimator with its default, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ostinato as ost
from ostinato.layers.decoder_step import MOST_LAYERS, QUERIES
from ostinato.models.base.held_out import ENOUGH
from ostinato.models.base.sequence_model import BATCH_SIZE, SequenceModel
from ostinato.models.forecasting.forecaster import ENOUGH as ENOUGH_SERIES
from ostinato.models.forecasting.outputs.distributions import DISTRIBUTIONS
from ostinato.models.forecasting.outputs.head import METHODS
from ostinato.models.forecasting.series.season import LONGEST_GIVEN
from ostinato.models.pooling.pooled import MOST as MOST_MEMBERS
from ostinato.models.pooling.pooled import REDUCTIONS, SCALES
from ostinato.models.tagging.tagger import TRANSITIONS
from ostinato.models.writing.language_model import ENOUGH_SYMBOLS, LEVELS
from ostinato.models.writing.pairs import LARGEST_BEAM, LARGEST_PENALTY, LONGEST_ANSWER
from ostinato.models.writing.seq2seq import BATCH_SIZE as PAIRS
from ostinato.threads import MOST as MOST_THREADS

DOCS = Path(__file__).parents[2] / "docs"
HEADER = ["argument", "default", "values", "what it does"]
COMMON = ("models.md", "Arguments of all estimators")
# The sections with the arguments of each estimator; a later table replaces rows of an earlier one.
SECTIONS = {
    "SequenceClassifier": (
        COMMON,
        ("sequence-classifier.md", "The network"),
        ("sequence-classifier.md", "The classes"),
    ),
    "SequenceRegressor": (
        COMMON,
        ("sequence-classifier.md", "The network"),
        ("sequence-regressor.md", "Arguments"),
    ),
    "SequenceTagger": (COMMON, ("sequence-tagger.md", "Arguments")),
    "LanguageModel": (COMMON, ("language-model.md", "Arguments")),
    "Seq2Seq": (COMMON, ("seq2seq.md", "Arguments")),
    "SequenceGenerator": (COMMON, ("sequence-generator.md", "Arguments")),
    "Forecaster": (COMMON, ("forecaster.md", "Arguments")),
    "StateSpace": (("forecaster.md", "Arguments of StateSpace"),),
}
TABLES = sorted({one for sections in SECTIONS.values() for one in sections})


class Row(NamedTuple):
    """A row of a table: cells of Markdown."""

    default: str
    values: str
    text: str


def table(page: str, heading: str) -> dict[str, Row]:
    """The rows of the table of arguments in a section, by the name of the argument."""
    section = re.search(
        rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", (DOCS / page).read_text("utf-8"), re.M | re.S
    )
    assert section is not None, f"{page} has no section {heading!r}"
    lines = [line for line in section[1].split("\n") if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert header == HEADER, f"{page}, {heading}"
    found = {name.strip("`"): Row(*cells) for name, *cells in rows}
    assert len(found) == len(rows), f"{page}, {heading}: an argument has two rows"
    return found


def defaults(kind: Any) -> dict[str, str]:
    return {name: repr(one.default) for name, one in inspect.signature(kind).parameters.items()}


def shown(name: str) -> dict[str, Row]:
    """All rows of an estimator."""
    return {argument: row for section in SECTIONS[name] for argument, row in table(*section).items()}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_tables_have_every_argument_with_its_default_and_no_other(name: str) -> None:
    found = {one: repr(ast.literal_eval(row.default.strip("`"))) for one, row in shown(name).items()}
    assert found == defaults(getattr(ost, name))


@pytest.mark.parametrize("name", SECTIONS)
def test_a_page_repeats_a_common_argument_only_if_it_differs(name: str) -> None:
    common = table(*COMMON)
    for section in SECTIONS[name]:
        same = {one for one, row in table(*section).items() if row == common.get(one)}
        assert section == COMMON or same == set(), section


def test_the_common_table_has_the_arguments_of_the_base_class() -> None:
    assert set(table(*COMMON)) == set(defaults(SequenceModel))


@pytest.mark.parametrize("name", [name for name in SECTIONS if name != "StateSpace"])
def test_the_learning_rate_is_that_of_the_estimator(name: str) -> None:
    assert f'`"auto"` is {getattr(ost, name).learning_rate:g}' in shown(name)["learning_rate_init"].text
    pages = {page for page, _ in SECTIONS[name]} - {COMMON[0]}
    link = f"{COMMON[0]}#{COMMON[1].lower().replace(' ', '-')}"
    assert any(f"]({link})" in (DOCS / page).read_text("utf-8") for page in pages)


# The texts that an argument takes, which are all that its cell of values has.
CHOICES: dict[tuple[str, str], Any] = {
    ("SequenceClassifier", "pooling"): REDUCTIONS,
    ("SequenceClassifier", "scale"): SCALES,
    ("SequenceRegressor", "scale"): SCALES,
    ("SequenceTagger", "transitions"): TRANSITIONS,
    ("LanguageModel", "level"): LEVELS,
    ("Seq2Seq", "level"): LEVELS,
    ("Seq2Seq", "query"): QUERIES,
    ("SequenceGenerator", "level"): LEVELS,
    ("Forecaster", "method"): METHODS,
    ("Forecaster", "distribution"): DISTRIBUTIONS,
}


@pytest.mark.parametrize(("name", "argument"), CHOICES)
def test_the_values_are_those_that_the_code_takes(name: str, argument: str) -> None:
    found = re.findall(r'`"(\w+)"`', shown(name)[argument].values)
    assert sorted(found) == sorted(CHOICES[name, argument])


# Numbers of the code that a row states.
NUMBERS: dict[tuple[str, str], str] = {
    ("SequenceClassifier", "n_members"): f"1 to {MOST_MEMBERS:,}",
    ("SequenceClassifier", "n_jobs"): f"1 to {MOST_THREADS:,}",
    ("SequenceClassifier", "batch_size"): f"8 to {BATCH_SIZE}",
    ("SequenceClassifier", "early_stopping"): f"from {ENOUGH:,} rows",
    ("LanguageModel", "early_stopping"): f"from {ENOUGH_SYMBOLS:,} symbols",
    ("Seq2Seq", "encoder_layers"): f"1 to {MOST_LAYERS}",
    ("Seq2Seq", "num_layers"): f"1 to {MOST_LAYERS}",
    ("Seq2Seq", "beam_size"): f"1 to {LARGEST_BEAM:,}",
    ("Seq2Seq", "length_penalty"): f"0 to {LARGEST_PENALTY:g}",
    ("Seq2Seq", "max_length"): f"1 to {LONGEST_ANSWER:,}",
    ("Seq2Seq", "batch_size"): f"8 to {PAIRS}",
    ("SequenceGenerator", "beam_size"): f"1 to {LARGEST_BEAM:,}",
    ("SequenceGenerator", "length_penalty"): f"0 to {LARGEST_PENALTY:g}",
    ("SequenceGenerator", "max_length"): f"1 to {LONGEST_ANSWER:,}",
    ("Forecaster", "season"): f"1 to {LONGEST_GIVEN:,}",
    ("Forecaster", "early_stopping"): f"from {ENOUGH_SERIES} series",
}


@pytest.mark.parametrize(("name", "argument"), NUMBERS)
def test_a_range_ends_where_the_code_ends_it(name: str, argument: str) -> None:
    row = shown(name)[argument]
    assert NUMBERS[name, argument] in f"{row.values} {row.text}"
