"""Decoding: the options of a search over the predictions of a network, and its results."""

from ostinato.decoding.decoded import Decoded, Hypothesis
from ostinato.decoding.penalties import LengthNorm, Penalty, TokenReward, Wu
from ostinato.decoding.sample import Sample

__all__ = ["Decoded", "Hypothesis", "LengthNorm", "Penalty", "Sample", "TokenReward", "Wu"]
