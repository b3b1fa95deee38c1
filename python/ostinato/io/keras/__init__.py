"""Weights of Keras 3.

`layer.py` is the form in which a file and a network are compared; `file.py` reads a file to it, `network.py`
a network. `arrays.py` has the arrays of a layer under our names. `loading.py` puts the parts together.
"""

from ostinato.io.keras.loading import KerasWeights, load_keras

__all__ = ["KerasWeights", "load_keras"]
