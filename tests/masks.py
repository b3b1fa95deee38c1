"""The oracle of masks: the same rows without their masked steps, one valid step after the other."""

from __future__ import annotations

import numpy as np


def mask_of(rows: int, steps: int, seed: int = 0) -> np.ndarray:
    """(N, T) booleans: row 0 has no step, row 1 all, the others some."""
    mask = np.random.default_rng([5, seed]).random((rows, steps)) < 0.6
    mask[:1], mask[1:2] = False, True
    return mask


def valid_of(mask: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """(N, T): the steps that the mask leaves within the lengths."""
    return mask if lengths is None else mask & (np.arange(mask.shape[1]) < np.asarray(lengths)[:, None])


def poisoned(array: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """A copy with NaN, or an id that no table has, at all other steps."""
    copied = array.copy()
    copied[~valid] = np.nan if array.dtype.kind == "f" else 10**6
    return copied


def compressed(array: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The valid steps of each row side by side at its start; NaN, or an id that no table has, after them."""
    made = poisoned(array, np.zeros_like(valid))
    for row, keep in enumerate(valid):
        made[row, : keep.sum()] = array[row, keep]
    return made


def scattered(array: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The reverse of `compressed`, with zeros at all other steps."""
    made = np.zeros_like(array)
    for row, keep in enumerate(valid):
        made[row, keep] = array[row, : keep.sum()]
    return made
