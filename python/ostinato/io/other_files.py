"""Files of other programs, known by their first bytes, that are given to `ostinato.load`."""

from __future__ import annotations

from typing import Final

from ostinato.errors import FormatError

_COPY: Final = "make the same network here, and copy the weights: net.load_state_dict(names_to_arrays)"
_TORCH: Final = (
    "a file of PyTorch; make the same network here, and copy the weights: "
    "net.load_state_dict(torch.load(path, weights_only=True))"
)
_LOAD_KERAS: Final = "make the same network here, and copy the weights: ostinato.io.load_keras(net, path)"
_KERAS: Final = f"a file of Keras; {_LOAD_KERAS}"
_ZIP: Final = b"PK\x03\x04"
_STARTS: Final = (
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file, as Keras writes; {_LOAD_KERAS}"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", _TORCH),
    (b"\x80\x02", f"a pickle of Python, or an old file of PyTorch; {_COPY}"),
    (b"\x80", f"a pickle of Python; unpickle it with pickle.load, or {_COPY}"),
    (b"\x93NUMPY", f"an array of NumPy; read it with numpy.load, and {_COPY}"),
    (b"GGUF", f"a file of llama.cpp; {_COPY}"),
    (b"{", f"a JSON text; {_COPY}"),
    (b"<", "a text, such as a web page; was the download complete?"),
    (b"\x08", f"a file of ONNX, perhaps; {_COPY}"),
)


def explained(path: str, error: FormatError) -> FormatError:
    """The error, with what the file is and what to do if it is one of another program."""
    try:
        with open(path, "rb") as file:
            start = file.read(4096)
    except OSError:
        return error
    if not start:
        return FormatError(f"{path}: the file is empty")
    if start[8:9] == b"{":  # safetensors, whose first bytes are a length
        return error
    if start.startswith(_ZIP):
        kind = f"a zip archive; {_COPY}"
        if b"data.pkl" in start or b"/byteorder" in start or b".format_version" in start:
            kind = _TORCH
        elif b"config.json" in start or b"metadata.json" in start or b".weights.h5" in start:
            kind = _KERAS
        elif b".npy" in start:
            kind = f"an archive of NumPy; read it with numpy.load, and {_COPY}"
        return FormatError(f"{path}: this is {kind}")
    for first, kind in _STARTS:
        if start.startswith(first):
            return FormatError(f"{path}: this is {kind}")
    return error
