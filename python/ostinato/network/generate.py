"""Sampling from a network that predicts the next id."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, NonFiniteError, ShapeError, shown
from ostinato.network.network import Network
from ostinato.sequences.arrays import as_array

LARGEST_TEMPERATURE = 1e3


def generate(
    net: Network,
    prompt: npt.ArrayLike,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> npt.NDArray[np.int64]:
    """`length` ids that follow a prompt, drawn one by one from the predictions of the network.

    Args:
        net: ids (N, T) -> logits (N, T, K), with K ids, such as an Embedding, a GRU and a Dense.
        prompt: ids (T,), or (N, T) for N rows, T at least 1.
        length: ids to draw, at least 0.
        temperature: ids are drawn from softmax(logits / temperature), computed in float64. 0 takes the most
            likely id, the first of equal ones. At most 1000.
        top_k: draw only from the k most likely ids. None draws from all of them.
        seed: of the draws. The draws of a row do not depend on the other rows.

    Returns the drawn ids (length,), or (N, length). Raises ConfigError, ShapeError, DTypeError, naming the
    argument; NonFiniteError for logits that are not finite.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"net is {shown(net)}; expected a Network")
    if len(net.inputs) != 1 or not net.takes_ids or net.output_size != net.input_size:
        raise ConfigError(
            f"generate: this network maps {net.input_size} {'ids' if net.takes_ids else 'features'} to "
            f"{net.output_size} features; expected ids, and one logit for each of them"
        )
    given = as_array("prompt", prompt)
    if given.dtype.kind not in "iu" and given.size:
        raise DTypeError(f"prompt is {given.dtype}; expected integer ids, such as Alphabet.encode returns")
    ids = given.reshape(1, -1) if given.ndim == 1 else given
    if ids.ndim != 2 or not ids.shape[1]:
        raise ShapeError(f"prompt is {given.shape}; expected ids (T,) or (N, T), with T at least 1")
    checks.count("generate", "length", length, at_least=0)
    heat = checks.number("generate", "temperature", temperature, at_least=0)
    if heat > LARGEST_TEMPERATURE:
        raise ConfigError(f"generate: temperature is {heat}; expected 0 to {LARGEST_TEMPERATURE:g}")
    most = net.output_size
    if top_k is not None:
        most = min(checks.whole("generate", "top_k", top_k, at_least=1), most)
    start = checks.whole("generate", "seed", seed, at_least=0)
    rows = len(ids)
    generators = [np.random.default_rng([start, row]) for row in range(rows)]

    drawn = np.zeros((rows, length), dtype=np.int64)
    if rows and length:
        run = net.run(ids if net.batch_first is not False else ids.T)
        outputs = run.outputs if net.batch_first is not False else np.swapaxes(run.outputs, 0, 1)
        logits = outputs[:, -1]
        stream = net.stream(rows)
        stream.state = run.final_state
        for step in range(length):
            if step:
                logits = stream.step(drawn[:, step - 1])
            for row in range(rows):
                drawn[row, step] = _draw(logits[row].astype(np.float64), heat, most, generators[row])
    return drawn[0] if given.ndim == 1 else drawn


def _draw(logits: npt.NDArray[Any], temperature: float, most: int, rng: np.random.Generator) -> int:
    """One id. Raises NonFiniteError for logits that are not finite."""
    if not np.isfinite(logits).all():
        wrong = float(logits[~np.isfinite(logits)][0])
        raise NonFiniteError(f"generate: the network predicts {wrong}; are its parameters finite?")
    if temperature == 0:
        return int(logits.argmax())
    logits = logits / max(temperature, 1e-300)
    weights = np.exp(logits - logits.max())
    if most < len(weights):
        keep = np.argsort(-weights, kind="stable")[:most]
        kept = np.zeros_like(weights)
        kept[keep] = weights[keep]
        weights = kept
    return int(rng.choice(len(weights), p=weights / weights.sum()))
