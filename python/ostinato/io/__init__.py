"""Model files: a safetensors container whose metadata is strict, versioned JSON. Weights of other programs.

The file holds the structure of the network, the text of every step program and the parameters. So a model
with a plugin's cell loads, gives bit-identical results and trains where the plugin is not installed. Reading
a file never imports or runs code that the file names. `model.py` reads model files, which
`ostinato.network.model_file` writes; `tree.py` reads and writes checkpoints; `training_part.py` writes and
reads the training of an estimator in its model file; `tensors.py` reads safetensors files of any program,
`keras/` files of Keras.
"""

from ostinato.io.keras import load_keras
from ostinato.io.model import load_network, save
from ostinato.io.tensors import read_tensors

__all__ = ["load_keras", "load_network", "read_tensors", "save"]
