"""RNN, LSTM and GRU equal what PyTorch computed: outputs, final states and all gradients."""

import pytest

from tests.golden import archive, ours

CASES = archive.load()


def test_the_golden_file_covers_every_kind_depth_direction_and_length_zero():
    cases = [case for case, _ in CASES]
    assert len(cases) >= 60
    covered = {(case.kind, case.num_layers, case.bidirectional) for case in cases}
    assert len(covered) == 5 * 3 * 2
    assert sum(case.lengths is not None and 0 in case.lengths for case in cases) >= 15
    assert sum(case.hidden_size % 8 != 0 for case in cases) >= 40


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("case", "expected"), CASES, ids=[str(case) for case, _ in CASES])
def test_equals_pytorch(case, expected, dtype):
    assert ours.disagreements(ours.computed(case, dtype), expected, dtype) == []
