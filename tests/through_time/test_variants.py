"""Variants of BPTT are objects; a variant of an author's own chooses among the built-in ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 12, 4))
TARGETS = RNG.normal(size=(3, 12, 5))


@dataclass(frozen=True)
class Chosen(ost.ThroughTime):
    """The variant that it is given; it remembers the sizes of batches."""

    variant: ost.ThroughTime
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def mode(self, rows: int, steps: int) -> Any:
        self.sizes.append((rows, steps))
        return self.variant.mode(rows, steps)


def grads(through_time: Any, x: Any = X, targets: Any = TARGETS) -> ost.Gradients:
    net = ost.GRU(4, 5, dtype="float64", seed=3)
    return net.value_and_grad(x, targets, loss="mse", through_time=through_time)[1]


@pytest.mark.parametrize(
    ("variant", "form"),
    [
        (ost.FullBPTT(), "ThroughTime.full()"),
        (ost.TruncatedBPTT(2, 5), "ThroughTime.truncated(2, 5)"),
        (ost.TruncatedBPTT(1, 2**63), f"ThroughTime.truncated(1, {2**62})"),
        (ost.CheckpointedBPTT("sqrt"), "ThroughTime.checkpointed(Budget.square_root())"),
        (ost.CheckpointedBPTT("1MB"), "ThroughTime.checkpointed(Budget.bytes(1000000))"),
    ],
)
def test_a_variant_has_a_mode_of_the_engine(variant: ost.ThroughTime, form: str) -> None:
    assert repr(variant.mode(3, 12)) == form


@pytest.mark.parametrize(
    "variant", [ost.FullBPTT(), ost.TruncatedBPTT(2, 5), ost.CheckpointedBPTT("sqrt")], ids=repr
)
def test_a_variant_of_your_own_gives_the_gradients_of_the_one_that_it_chooses(variant: Any) -> None:
    own = Chosen(variant)
    assert grads(own).arena.tobytes() == grads(variant).arena.tobytes()
    assert own.sizes == [(3, 12)]


def test_the_size_is_that_of_the_padded_batch() -> None:
    own = Chosen(ost.FullBPTT())
    lengths = (2, 7, 1)
    x, targets = ([row[:n] for row, n in zip(array, lengths, strict=True)] for array in (X, TARGETS))
    grads(own, x, targets)
    assert own.sizes == [(3, 7)]


def test_a_mode_that_is_none_is_named() -> None:
    class Wrong(ost.ThroughTime):
        def __repr__(self) -> str:
            return "Wrong()"

        def mode(self, rows: int, steps: int) -> Any:
            return "full"

    with pytest.raises(ost.ConfigError, match=r"Wrong\(\), whose mode\(3, 12\) returned 'full'; expected"):
        grads(Wrong())


def test_a_variant_without_a_mode_cannot_be_made() -> None:
    class Nothing(ost.ThroughTime):
        pass

    with pytest.raises(TypeError, match="mode"):
        Nothing()  # type: ignore[abstract]


def test_the_class_is_no_variant() -> None:
    with pytest.raises(ost.ConfigError, match="an instance of another subclass of ThroughTime"):
        grads(Chosen)
