"""Writes models of Keras and what they compute: `KERAS_BACKEND=numpy python tests/golden/keras_models.py`.

It needs keras==3.15.1 and h5py. The weights, also the biases, are normal numbers of SEED.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

SEED = 20
FOLDER = Path(__file__).with_name("keras")
L = keras.layers


def every_layer() -> keras.Model:
    """A Sequential of every layer that has weights here, in both forms of the GRU."""
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            L.Embedding(6, 3, name="words"),
            L.Bidirectional(L.LSTM(4, return_sequences=True), name="both"),
            L.GRU(3, return_sequences=True, name="after"),
            L.GRU(3, reset_after=False, return_sequences=True, name="before"),
            L.Dropout(0.5),
            L.LSTM(2, return_sequences=True, use_bias=False, name="no_bias"),
            L.SimpleRNN(3, return_sequences=True, activation="relu"),
            L.TimeDistributed(L.Dense(4, activation="tanh"), name="each_step"),
            L.Dense(2, name="head"),
        ]
    )


def branches() -> keras.Model:
    """A Functional model whose last step alone is classified, with weights in two directions."""
    x = keras.Input((None, 2))
    h = L.Bidirectional(L.GRU(3, reset_after=False, return_sequences=True), name="first")(x)
    h = L.Bidirectional(L.SimpleRNN(2, return_sequences=True), name="second")(h)
    last = L.GRU(4, name="last")(h)
    return keras.Model(x, L.Dense(3, activation="softmax", name="classes")(last))


def equal_branches() -> keras.Model:
    """Two equal layers of one input; `right` is the first in the file."""
    x = keras.Input((None, 2))
    right = L.ReLU()(L.Dense(2, name="right")(x))
    return keras.Model(x, L.Add()([right, L.Dense(2, name="left")(x)]))


def two_paths() -> keras.Model:
    """Two paths of equal layers, which their inputs distinguish."""
    x = keras.Input((None, 2))
    short = L.Dense(2, name="short")(L.Dense(3, name="to_3")(x))
    long = L.Dense(2, name="long")(L.Dense(3, name="from_4")(L.Dense(4, name="to_4")(x)))
    return keras.Model(x, L.Add()([short, long]))


def activations() -> dict[str, np.ndarray]:
    """Every activation of Keras that has the name of one here."""
    x = np.linspace(-4, 4, 33).reshape(1, 11, 3).astype(np.float32)
    names = "elu gelu leaky_relu linear log_softmax relu sigmoid silu softmax softplus tanh".split()
    made = {f"activation {name}": np.asarray(getattr(keras.activations, name)(x)) for name in names}
    slope = {"activation leaky_relu(0.01)": np.asarray(L.LeakyReLU(negative_slope=0.01)(x))}
    return {"activation x": x, **made, **slope}


def main() -> None:
    """Writes the folder `keras`."""
    rng = np.random.default_rng(SEED)
    ids, x = rng.integers(6, size=(3, 7)), rng.normal(size=(3, 7, 2)).astype(np.float32)
    results = {"ids": ids, "x": x}
    FOLDER.mkdir(exist_ok=True)
    for make, inputs in ((every_layer, ids), (branches, x)):
        model = make()
        model.set_weights([rng.normal(scale=0.7, size=one.shape) for one in model.get_weights()])
        name = make.__name__
        results[name] = np.asarray(model(inputs, training=False))
        model.save(FOLDER / f"{name}.keras")
        model.save_weights(FOLDER / f"{name}.weights.h5")
    for make in (equal_branches, two_paths):
        model = make()
        model.set_weights([rng.normal(scale=0.7, size=one.shape) for one in model.get_weights()])
        results[make.__name__] = np.asarray(model(x, training=False))
        model.save(FOLDER / f"{make.__name__}.keras")
    np.savez(FOLDER / "results.npz", **results, **activations())


if __name__ == "__main__":
    main()
