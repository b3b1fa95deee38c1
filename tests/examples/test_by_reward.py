"""The example of REINFORCE after likelihood, in its short form."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import ostinato as ost
from ostinato.metrics import edits


def _drawn(module: ModuleType, model: Any, pairs: Any) -> float:
    """The mean share of wrong phonemes in five texts that the network draws for each word."""
    found = model.net.decode(
        {"source": list(pairs.sources)},
        begin=model.end,
        end=model.end,
        max_length=lambda length: length + 4,
        sample=ost.Sample(5, seed=7),
    )
    shares = [
        edits(one.tokens[one.tokens != model.end], right[0]) / len(right[0])
        for row, right in zip(found, pairs.right, strict=True)
        for one in row
    ]
    return sum(shares) / len(shares)


def test_a_short_run_draws_better_texts_than_the_network_that_it_starts_from(
    load: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module, phonemes = load("phonemes_by_reward"), load("phonemes")
    (result,) = module.main(["--short", "--threads", "1", "--words", "640", "--lr", "1e-3"])
    (start,) = phonemes.main(["--short", "--threads", "1"])
    assert str(result) in capsys.readouterr().out
    assert result.start == start.greedy != result.reward != result.control != result.start
    held_out = phonemes.task().rows(0, True).dev
    assert _drawn(module, result.model, held_out) < _drawn(module, start.model, held_out)


@pytest.mark.parametrize("options", [[], ["--short", "--load", "model"]])
def test_it_starts_from_a_file_or_is_short(load: Any, options: list[str]) -> None:
    with pytest.raises(ost.ConfigError, match=r"--load FILE.*or --short"):
        load("phonemes_by_reward").main(options)
