"""Parameters of estimators are compared, whatever they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ostinato.models.base.settings import equal


@pytest.mark.parametrize("other", [[[1.0], [1.0, 2.0]], None, "x", {"a": 1}, np.array(["a", "b"])])
def test_an_array_differs_from_what_is_no_array_of_its_form(other: Any) -> None:
    assert not equal(np.zeros(2), other) and not equal(other, np.zeros(2))


def test_arrays_with_nan_are_equal() -> None:
    assert equal({"a": [np.array([1.0, np.nan])]}, {"a": [np.array([1.0, np.nan])]})
    assert not equal(np.array([1.0, np.nan]), np.array([2.0, np.nan]))
