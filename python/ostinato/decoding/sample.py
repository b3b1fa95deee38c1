"""`Sample`: ids drawn by their probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato import checks
from ostinato.errors import ConfigError

MOST_TEMPERATURE = 1e3


@dataclass(frozen=True)
class Sample:
    """Ids are drawn by their probabilities instead of searched for.

    A draw depends on `seed`, the row's id, the number of the sample and the step alone: the same row gives
    the same samples in any batch, on any number of threads.

    Args:
        count: samples of each row.
        temperature: ids are drawn from softmax(logits / temperature). 0 takes the most likely id, the first
            of equal ones. At most 1000.
        top_k: draw only from the k most likely ids; of equally likely ids, the lower ones. None: from all.
        top_p: draw only from the most likely ids that together have at least this probability, at least one
            (nucleus sampling, Holtzman et al. 2020). In this order: temperature, top_k, top_p.
        seed: of the draws.

    Raises ConfigError.
    """

    count: int = 1
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_sample("Sample", self.count, self.temperature, self.top_k, self.top_p, self.seed)


def check_sample(
    owner: str, count: object, temperature: object, top_k: object, top_p: object, seed: object
) -> None:
    """Raises ConfigError, which begins with `owner`, for arguments that `Sample` does not take."""
    checks.count(owner, "count", count, at_least=1)
    if checks.number(owner, "temperature", temperature, at_least=0) > MOST_TEMPERATURE:
        raise ConfigError(f"{owner}: temperature is {temperature}; expected 0 to {MOST_TEMPERATURE:g}")
    if top_k is not None:
        checks.whole(owner, "top_k", top_k, at_least=1)
    if top_p is not None and not 0 < checks.number(owner, "top_p", top_p) <= 1:
        raise ConfigError(f"{owner}: top_p is {top_p}; expected a number above 0, up to 1")
    checks.whole(owner, "seed", seed, at_least=0)
