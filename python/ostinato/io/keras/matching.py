"""Which layer of a file is which layer of a network: the same kind, sizes, options and inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from ostinato.errors import ConfigError, shown
from ostinato.io.keras.file import KerasFile, KerasLayer
from ostinato.io.keras.network import Place

OF_LOSS: Final = ("softmax", "sigmoid")
"""Activations of a last layer that are part of a loss here."""

MOST_STEPS: Final = 200_000
"""Of a search; a model without equal branches needs a few for each layer."""


def matched(
    expected: Sequence[Place], file: KerasFile, named: Sequence[str] | None = None
) -> list[KerasLayer]:
    """The layers of the file, in the order of the network; `named` is that order, by their names.

    Raises ConfigError for another architecture, for an order that does not fit, and without `named` if more
    than one order fits.
    """
    if len(file.layers) != len(expected):
        raise _other(expected, file)
    if named is not None:
        return _named(expected, file, named)
    if not file.connected:
        return _by_class(expected, file)
    found = list(islice(_orders(expected, file), 2))
    if not found:
        raise _other(expected, file)
    if len(found) > 1:
        place = next(number for number, pair in enumerate(zip(*found, strict=True)) if pair[0] is not pair[1])
        raise ConfigError(
            f"{found[0][place].name} and {found[1][place].name} both fit {expected[place].layer} of the "
            f"parameters {', '.join(expected[place].names[0])}, because they read the same layers; "
            f"name the {len(expected)} layers with weights in the order of net.parameters(): layers=[...]"
        )
    return found[0]


def _named(expected: Sequence[Place], file: KerasFile, named: Sequence[str]) -> list[KerasLayer]:
    known = {one.name: one for one in file.layers}
    if sorted(named) != sorted(known):
        raise ConfigError(
            f"layers is {shown(list(named))}; expected each layer with weights of the file once: "
            f"{shown(list(known))}"
        )
    chosen = [known[name] for name in named]
    for at, (place, one) in enumerate(zip(expected, chosen, strict=True)):
        of = f"layers[{at}] is {shown(one.name)}, "
        if not _fits(place, one, place is expected[-1]):
            raise ConfigError(f"{of}a {one.layer}; expected a {place.layer} for {', '.join(place.names[0])}")
        read, wanted = set(one.before) - {one.name}, {named[other] for other in place.before}
        if file.connected and read != wanted:
            raise ConfigError(
                f"{of}which reads {shown(sorted(read))}; in this order the network reads "
                f"{shown(sorted(wanted))} there"
            )
    return chosen


def _orders(expected: Sequence[Place], file: KerasFile) -> Iterator[list[KerasLayer]]:
    """Every order of the layers in which each fits its place and reads the layers that its place reads."""
    found = file.layers
    number = {one.name: place for place, one in enumerate(found)}
    before = [{number[name] for name in one.before} for one in found]
    last = len(expected) - 1
    fitting = [
        [n for n, one in enumerate(found) if _fits(place, one, at == last)]
        for at, place in enumerate(expected)
    ]
    if not expected:
        yield []
        return
    chosen: list[int] = []
    left = [iter(fitting[0])]
    steps = 0
    while left:
        at = len(left) - 1
        del chosen[at:]
        for candidate in left[-1]:
            steps += 1
            if steps > MOST_STEPS:
                raise ConfigError(
                    "too many layers of the file are equal to say which is which; name the layers with "
                    "weights in the order of net.parameters(): layers=[...]"
                )
            if candidate not in chosen and all(
                (place in expected[at].before) == (other in before[candidate])
                and (at in expected[place].before) == (candidate in before[other])
                for place, other in enumerate(chosen)
            ):
                chosen.append(candidate)
                break
        else:
            left.pop()
            continue
        if at == last:
            yield [found[n] for n in chosen]
        else:
            left.append(iter(fitting[at + 1]))


def _by_class(expected: Sequence[Place], file: KerasFile) -> list[KerasLayer]:
    """The layers of a file that has an order only within each class, in the order of the network."""
    waiting = list(file.layers)
    chosen = []
    for place in expected:
        heads = {one.queue: one for one in reversed(waiting)}.values()
        fitting = [one for one in heads if _fits(place, one, place is expected[-1])]
        if len(fitting) > 1:
            names = " and ".join(one.name for one in fitting)
            raise ConfigError(
                f"{names} fit {place.layer}, and the file has no order of them; save the whole model: "
                "model.save('model.keras'), or name the layers in the order of net.parameters(): layers=[...]"
            )
        if not fitting:
            raise _other(expected, file)
        waiting.remove(fitting[0])
        chosen += fitting
    return chosen


def _fits(place: Place, one: KerasLayer, is_last: bool) -> bool:
    if is_last and one.layer.activation in OF_LOSS and place.layer.activation == "linear":
        return place.layer.fits(replace(one.layer, activation="linear"))
    return place.layer.fits(one.layer)


def _other(expected: Sequence[Place], file: KerasFile) -> ConfigError:
    theirs = ", ".join(f"{one.name}: {one.layer}" for one in file.layers) or "no layers with weights"
    order = "" if file.connected else ", by class,"
    here = ", ".join(str(one.layer) for one in expected) or "no layers with weights"
    same = sorted(str(one.layer) for one in file.layers) == sorted(str(one.layer) for one in expected)
    wanted = "the same order and the same inputs of each" if same else "the same layers"
    return ConfigError(f"the file has{order} {theirs}; the network has {here}; expected {wanted}")
