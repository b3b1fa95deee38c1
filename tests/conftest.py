"""Fixtures of all tests."""

import pytest

import ostinato as ost


@pytest.fixture
def threads():
    """Sets the number of threads; the one found before comes back after the test."""
    before = ost.get_num_threads()
    yield ost.set_num_threads
    ost.set_num_threads(before)
