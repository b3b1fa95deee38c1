"""Model files: a safetensors container whose metadata is strict, versioned JSON.

The file holds the network's make, the text of every step program and the parameters, so that a model whose
cell came from a plugin loads, predicts the same bits and trains where that plugin is not installed. Nothing
in a file makes Python import or evaluate anything. `model.py` reads model files, which
`ostinato.network.model_file` writes; `tree.py` reads and writes checkpoints.
"""

from ostinato.io.model import load, save

__all__ = ["load", "save"]
