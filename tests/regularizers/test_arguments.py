"""What is not a regularizer, does not fit a cell, or would have no effect, is refused by name."""

import numpy as np
import pytest

import ostinato as ost


@pytest.mark.parametrize(
    ("regularizers", "error", "message"),
    [
        ("zoneout", ost.ConfigError, "expected a list"),
        (["zonout"], ost.ConfigError, "did you mean 'zoneout'"),
        ([3], ost.DTypeError, r"LSTM: regularizers\[0\] is 3; expected a name, a subclass of Regularizer"),
        (3, ost.ConfigError, "expected a list"),
    ],
)
def test_what_is_no_regularizer_is_refused(regularizers, error, message):
    with pytest.raises(error, match=message):
        ost.LSTM(3, 4, regularizers=regularizers)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ost.Dropout(1.0),
        lambda: ost.Dropout(-0.1),
        lambda: ost.Dropout(0.1, where="state"),
        lambda: ost.Dropout(0.1, per="step"),
        lambda: ost.VariationalDropout("0.1"),
        lambda: ost.RecurrentDropout(float("nan")),
        lambda: ost.WeightDrop(0.5, weights=3),
        lambda: ost.Zoneout(1.5),
        lambda: ost.Zoneout({"h": -1.0}),
        lambda: ost.SkipConnection(float("inf")),
    ],
)
def test_options_out_of_range_are_refused(make):
    with pytest.raises(ost.ConfigError):
        make()


def test_names_classes_and_instances_are_the_same():
    nets = [ost.LSTM(3, 4, regularizers=[one]) for one in ("zoneout", ost.Zoneout, ost.Zoneout())]
    assert len({net.programs["lstm_l0"].hash for net in nets}) == 1
    assert repr(nets[0]) == "LSTM(3, 4, regularizers=[Zoneout(p=0.1)])"


def test_a_place_that_a_cell_does_not_have_is_an_error():
    # IndRNN multiplies its state with a vector, never with a matrix
    with pytest.raises(ost.ConfigError, match="states that a matrix multiplies"):
        ost.Recurrent("indrnn", 3, 4, regularizers=[ost.RecurrentDropout()])
    with pytest.raises(ost.ConfigError, match="a state is multiplied with no matrix"):
        ost.Recurrent("indrnn", 3, 4, regularizers=[ost.WeightDrop()])
    with pytest.raises(ost.ConfigError, match="no state 'm'"):
        ost.GRU(3, 4, regularizers=[ost.SkipConnection(state="m")])


def test_the_error_of_a_wrong_option_names_no_line_of_the_package():
    with pytest.raises(ost.ConfigError, match="no state 'zz'") as caught:
        ost.GRU(3, 4, regularizers=[ost.Zoneout({"zz": 0.1})])
    assert "zoneout.py" not in str(caught.value) and "raise" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", True])
def test_a_seed_is_a_whole_number_of_64_bits(seed):
    net = ost.LSTM(3, 4, regularizers=["dropout"])
    with pytest.raises(ost.ConfigError, match="seed"):
        net.run(np.zeros((1, 2, 3)), training=True, seed=seed)


def test_a_seed_without_training_is_refused():
    with pytest.raises(ost.ConfigError, match="nothing is random"):
        ost.LSTM(3, 4, regularizers=["dropout"]).run(np.zeros((1, 2, 3)), seed=1)


def test_the_largest_seed_is_taken():
    net = ost.LSTM(3, 4, regularizers=["dropout"])
    net.run(np.zeros((1, 2, 3)), training=True, seed=2**64 - 1)


def test_a_regularizer_that_changes_a_shape_is_named():
    class Halved(ost.Regularizer):
        """Half of the output."""

        def output(self, y, noise):
            return y[0:2]

    with pytest.raises(ost.ShapeError, match=r"Halved\(\): output returns shape"):
        ost.GRU(3, 4, regularizers=[Halved()])


def test_a_regularizer_of_ones_own_can_be_combined_with_the_built_in():
    class Noisy(ost.Regularizer):
        """Training adds noise to the new states; inference adds its mean."""

        def update(self, name, new, old, noise):
            return new + 0.1 * noise.uniform(new.shape) if noise.training else new + 0.05

    net = ost.GRU(3, 4, regularizers=[Noisy(), ost.Dropout(0.2)])
    assert net.run(np.zeros((2, 3, 3)), training=True).outputs.shape == (2, 3, 4)
    assert ost.Bidirectional(net).run(np.zeros((2, 3, 3)), training=True).outputs.shape == (2, 3, 8)
