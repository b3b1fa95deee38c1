"""`export`: writes a network as an ONNX file."""

from __future__ import annotations

import errno
import json
import os

import ostinato as ost
from ostinato import ConfigError, DTypeError
from ostinato_onnx.graph import Exporter, Options
from ostinato_onnx.model_file import KEY, ModelFile
from ostinato_onnx.parts import parts

CELLS = ("auto", "scan")
LARGEST = 2**31 - 2**24  # protobuf's limit, and room for the nodes
PARTS = ("all", "encoder", "decoder")


def export(
    net: ost.Network,
    path: str | os.PathLike[str],
    *,
    cells: str = "auto",
    states: bool = False,
    lengths: bool = True,
    part: str = "all",
) -> None:
    """Write `net` as an ONNX file of operator set 21.

    Inputs and outputs have the names and shapes of the network: (N, T, F), ids (N, T) int64, rows (N, F).
    cells: "auto" uses the nodes LSTM, GRU and RNN where their equations are equal, "scan" never does.
    states: the initial states are inputs, (layers * directions, N, *shape), and the final states outputs with
    the ending `.next`. lengths: `lengths` (N,), int64, is an input; `lengths.AXIS` with several axes.

    part: "encoder" or "decoder" of a network whose output lies on an axis of its own and reads memories,
    initial states or rows of the others. The outputs of the encoder's file are inputs of the decoder's by the
    same names: `memory`, `row`, and the states. The decoder has its states as inputs and outputs, and no
    lengths of its own steps; with one step it is a step of decoding.

    The file holds the parameters under their names, and the texts of a model file as metadata, from which
    `load` makes the network again; that of a part holds what it computes with. At run time, N and T are at
    least 1.

    Raises DTypeError for something that is no network, ConfigError for what ONNX cannot express, OSError.
    """
    if not isinstance(net, ost.Network):
        raise DTypeError(
            f"export: net is a {type(net).__name__}; expected a Network (of an estimator: model.network_)"
        )
    place = _file_name(path)
    for name, flag in (("states", states), ("lengths", lengths)):
        if not isinstance(flag, bool):
            raise DTypeError(f"export: {name} is {flag!r}; expected True or False")
    if cells not in CELLS:
        raise ConfigError(f"export: cells is {cells!r}; expected one of {', '.join(map(repr, CELLS))}")
    if part not in PARTS:
        raise ConfigError(f"export: part is {part!r}; expected one of {', '.join(map(repr, PARTS))}")
    if part != "all" and states:
        raise ConfigError("export: states is True with a part; the decoder has its states in any case")
    if net.arena.nbytes > LARGEST:
        raise ConfigError(
            f"export: the parameters take {net.arena.nbytes:,} bytes; an ONNX file holds at most {LARGEST:,}"
        )
    file = ModelFile.of(net)
    text = file.texts.get("ostinato.graph")
    if text is None:
        raise ConfigError(
            f"export: {_in_python(net)} is written in plain NumPy and has no equations; "
            "write the step with the ops of docs/step-language.md"
        )
    options = Options(cells, states, lengths)
    exporter = Exporter(json.loads(text), file.arrays, net.dtype.name, options)
    if part == "all":
        data = exporter.model({KEY: file.header}).SerializeToString()
    else:
        data = parts(exporter, part).model({}).SerializeToString()
    target = os.path.realpath(place)  # a link stays one
    temporary = f"{target}.part"
    if os.path.exists(target) and not (os.path.isfile(target) or os.path.isdir(target)):
        raise OSError(errno.EINVAL, "it is no regular file; expected a file or a new name", place)
    try:
        with open(temporary, "wb") as written:
            written.write(data)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place) from error  # names the caller's path
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _file_name(path: object) -> str:
    """The name of a file as a text. Raises DTypeError, ConfigError for what no file can be called."""
    if not isinstance(path, (str, os.PathLike)):
        raise DTypeError(f"export: path is {path!r}; expected a text or a Path")
    found = os.fspath(path)
    if not isinstance(found, str) or not os.path.basename(found) or "\0" in found:
        raise ConfigError(f"export: path is {path!r}; expected the name of a file")
    try:
        os.fsencode(found)
    except UnicodeEncodeError as error:
        raise ConfigError(f"export: path is {path!r}, which no file can be called: {error}") from error
    if os.path.islink(found) and not os.path.exists(found):  # as `Network.save`
        raise ConfigError(f"export: path is {path!r}, a link to nothing; expected another name")
    return found


def _in_python(net: ost.Network) -> str:
    """The names of the steps without equations."""
    names = [name for name, program in net.programs.items() if "call(" in str(program)]
    return f"the step of {', '.join(names)}" if names else "a step"
