"""A count that no network holds is refused before anything is made."""

from __future__ import annotations

import pytest

import ostinato as ost


@pytest.mark.parametrize("make", [ost.RNN, ost.LSTM, ost.GRU, ost.MinGRU])
@pytest.mark.parametrize("both_ways", [False, True])
def test_more_layers_than_a_network_holds_are_refused_before_any_is_made(make: type, both_ways: bool) -> None:
    most = 2**15 if both_ways else 2**16
    for count in (most + 1, 2**31 - 1):
        with pytest.raises(ost.ConfigError, match=rf"num_layers is {count}; expected at most {most}"):
            make(4, 4, count, bidirectional=both_ways)
