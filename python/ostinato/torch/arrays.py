"""Tensors as arrays, and arrays as tensors, without a copy where there need be none."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ostinato.errors import DTypeError
from ostinato.sequences.arrays import Array


def array_of(argument: str, tensor: Any, dtype: np.dtype[Any] | None) -> Array:
    """The array of a tensor on the CPU. dtype: of floats; None for what counts or is a class.

    Raises DTypeError for what is no tensor, is on another device, or has another dtype: PyTorch converts
    nothing by itself either.
    """
    if not isinstance(tensor, torch.Tensor):
        raise DTypeError(f"Module: {argument} is {type(tensor).__name__}; expected a tensor")
    if tensor.device.type != "cpu":
        raise DTypeError(
            f"Module: {argument} is on {tensor.device}; the network computes on the CPU. Expected "
            f"{argument}.cpu()"
        )
    wanted = None if dtype is None else getattr(torch, dtype.name)
    if wanted is not None and tensor.is_floating_point() and tensor.dtype != wanted:
        raise DTypeError(
            f"Module: {argument} is {tensor.dtype}; the network is {wanted}. Expected "
            f"{argument}.to({wanted}), and no autocast around the module"
        )
    made: Array = tensor.detach().numpy()
    return made


def tensor_of(array: Any) -> torch.Tensor:
    """The tensor of an array that nothing else writes to."""
    held = np.asarray(array)
    return torch.from_numpy(held if held.flags.writeable else held.copy())
