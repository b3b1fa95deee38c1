"""Model files: a safetensors container whose metadata is strict, versioned JSON.

The file holds the structure of the network, the text of every step program and the parameters. So a model
with a plugin's cell loads, gives bit-identical results and trains where the plugin is not installed. Reading
a file never imports or runs code that the file names. `model.py` reads model files, which
`ostinato.network.model_file` writes; `tree.py` reads and writes checkpoints.
"""

from ostinato.io.model import load, save

__all__ = ["load", "save"]
