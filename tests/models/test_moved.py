"""Modules of estimators have the paths of earlier versions too, so that pickles and programs keep working."""

import pickle
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.moved import ROOMS

PATHS = [(name, f"{room}.{name}") for room, names in ROOMS.items() for name in names.split()]


@pytest.mark.parametrize(("old", "new"), PATHS)
def test_a_module_has_its_earlier_path(old, new):
    assert import_module(f"ostinato.models.{old}") is import_module(f"ostinato.models.{new}")


def test_the_first_import_of_a_program_may_be_an_earlier_path():
    code = "from ostinato.models.scaling import Scaler; from ostinato.models import pooled"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_pickle_with_earlier_paths_predicts_the_same():
    X = [np.arange(n, dtype=float) for n in (3, 4, 5, 6)]
    model = ost.SequenceRegressor(hidden_size=4, max_iter=2, random_state=0).fit(X, [1.0, 2.0, 3.0, 4.0])
    written = pickle.dumps(model, protocol=2)  # names of modules without their lengths
    for room in ROOMS:
        written = written.replace(f"ostinato.models.{room}.".encode(), b"ostinato.models.")
    assert b"ostinato.models.scaling" in written
    np.testing.assert_array_equal(pickle.loads(written).predict(X), model.predict(X))
