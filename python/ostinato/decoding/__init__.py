"""Decoding: what a search over the predictions of a network is asked for, and what it finds."""

from ostinato.decoding.decoded import Decoded, Hypothesis
from ostinato.decoding.penalties import LengthNorm, Penalty, TokenReward, Wu
from ostinato.decoding.sample import Sample

__all__ = ["Decoded", "Hypothesis", "LengthNorm", "Penalty", "Sample", "TokenReward", "Wu"]
