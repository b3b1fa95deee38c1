"""REINFORCE after likelihood: the reward is minus the share of wrong phonemes (ostinato-reinforce).

A network has learned the phonemes of words by likelihood (phonemes.py). From there, one copy is trained
with REINFORCE, and one with likelihood for at least as many seconds of CPU. Test words are written greedily.

Run: python examples/phonemes.py --save FILE; python examples/phonemes_by_reward.py --load FILE [--seeds 3]
     python examples/phonemes_by_reward.py --short
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import phonemes
from encoder_decoder import Errors, Model, Pairs, Parts, Settings
from needs import missing_package

import ostinato as ost
from ostinato.errors import ConfigError

TIMED = 640
"""Words whose training with likelihood is timed, to know how many the control reads."""


@dataclass(frozen=True)
class Result:
    """Errors after likelihood, after REINFORCE from there, and after more likelihood; CPU seconds of both.

    `model` is the one of REINFORCE.
    """

    seed: int
    start: Errors
    reward: Errors
    control: Errors
    seconds: tuple[float, float]
    model: Model

    def __str__(self) -> str:
        reward, control = (f"{one:.0f} s" for one in self.seconds)
        return (
            f"seed {self.seed}, wrong are {self.start}; then {self.reward} ({reward} of REINFORCE), "
            f"or {self.control} ({control} of likelihood)"
        )


def some(pairs: Pairs, words: int, seed: int) -> Pairs:
    """So many words, all of them equally often, in an order by the seed."""
    rng = np.random.default_rng(seed)
    rounds = -(-words // len(pairs))
    return pairs.take(np.concatenate([rng.permutation(len(pairs)) for _ in range(rounds)])[:words])


def compare(
    parts: Parts, measured: Pairs, model: Model, given: Settings, words: int, lrs: Sequence[float], seed: int
) -> Result:
    """Trains two copies: by REINFORCE on so many words, and by likelihood for as long. `lrs` are of both."""
    by_reward, by_likelihood, timed = (replace(model, net=copy.deepcopy(model.net)) for _ in range(3))
    chosen, control = (replace(given, lr=lr, epochs=1) for lr in lrs)
    chosen = replace(chosen, smoothing=0.0)  # the loss of what is drawn is its log-probability
    rewarded = by_reward.train(some(parts.train, words, seed), chosen, seed, [estimator(model)])
    one = timed.train(some(parts.train, TIMED, seed), control, seed) / TIMED
    controlled = 0.0
    for factor in (1.05, 1.3, 2.0):  # again if it was not as long
        if controlled < rewarded:
            by_likelihood = replace(model, net=copy.deepcopy(model.net))
            count = int(np.ceil(factor * rewarded / one))
            controlled = by_likelihood.train(some(parts.train, count, seed), control, seed)
    return Result(
        seed,
        model.errors(measured),
        by_reward.errors(measured),
        by_likelihood.errors(measured),
        (rewarded, controlled),
        by_reward,
    )


def estimator(model: Model) -> Any:
    """REINFORCE with minus the edits for each phoneme. Raises ConfigError without ostinato-reinforce."""
    try:
        from ostinato_reinforce import Reinforce
    except ImportError as error:
        raise missing_package("ostinato-reinforce") from error
    return Reinforce("edit", end=model.end, max_length=lambda length: length + 4)


def main(arguments: list[str] | None = None) -> list[Result]:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--load", metavar="FILE", help="the network that phonemes.py --save stored")
    parser.add_argument("--short", action="store_true", help="a run of seconds, with few words")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="so many runs, from --seed on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--dev", action="store_true", help="measure the development words, not the test words"
    )
    parser.add_argument("--words", type=int, default=5_000, help="that REINFORCE reads")
    parser.add_argument("--lr", type=float, default=1e-4, help="of REINFORCE")
    parser.add_argument("--control-lr", type=float, default=1e-4, help="of more likelihood")
    given = parser.parse_args(arguments)
    if bool(given.load) == given.short:
        raise ConfigError("expected --load FILE, with a network of phonemes.py --save; or --short")
    ost.set_num_threads(given.threads)
    task = phonemes.task()
    settings = task.short if given.short else task.long
    results = []
    for seed in range(given.seed, given.seed + given.seeds):
        parts = task.rows(seed, given.short)
        model = Model.new(parts, settings, seed)
        if given.load:
            model = replace(model, net=ost.load(given.load))
        else:
            model.train(parts.train, settings, seed)
        measured = parts.dev if given.dev else parts.test
        lrs = given.lr, given.control_lr
        results.append(compare(parts, measured, model, settings, given.words, lrs, seed))
        print(results[-1], flush=True)
    return results


if __name__ == "__main__":
    main()
