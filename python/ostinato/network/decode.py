"""Decoding: reads the arguments, and calls the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ostinato import _core, checks
from ostinato.decoding import Decoded, Penalty, Sample
from ostinato.decoding.decoded import decoded
from ostinato.errors import ConfigError, DTypeError, OstinatoError, ShapeError, a_type, shown
from ostinato.network.stepwise import Before, Stepwise, StepwiseNetwork
from ostinato.sequences.arrays import Array, as_integers

BEAM: Final = 5
"""The hypotheses of a search that says nothing else."""

MOST_NAME: Final = 1000
"""The characters of a name, at most."""


def decode(
    net: StepwiseNetwork,
    x: Any,
    begin: Any,
    end: int | None,
    max_length: Any,
    lengths: Any,
    beam: int | None,
    n_best: int,
    penalty: Penalty | None,
    sample: Sample | None,
    min_length: int,
    prefix: Any,
    ban: Sequence[int],
    no_repeat_ngram: int,
    row_ids: Any,
    alignments: bool | str,
) -> Decoded:
    """The work of `Network.decode`."""
    if not isinstance(alignments, (bool, str)) or alignments == "":
        raise DTypeError(
            f"decode: alignments is {shown(alignments)}; expected True, False, or the name of a memory"
        )
    if sample is None:
        _check_penalty(penalty)
    steps = _fed_with_ids("decode", net._stepwise())
    if alignments or (isinstance(penalty, Penalty) and penalty.coverage):
        argument = "alignments" if alignments else "the coverage of the penalty ost.Wu needs weights"
        steps = watching(net, "decode", argument, alignments if isinstance(alignments, str) else "")
    vocabulary = net.output_size
    forced = None if prefix is None else _forced(prefix, vocabulary)
    first = _begins("decode", begin, steps.fed.limit or 0)
    counts = (len(own) for own in (first, forced) if isinstance(own, np.ndarray))
    before = _given(steps, "decode", x, lengths, next(counts, None))
    most = _most(max_length, before)
    if forced is not None:
        forced = _checked_prefix(forced, before.rows, most)
    banned = _banned(ban, vocabulary)
    if sample is None:
        method = _beam(beam, n_best, penalty, row_ids)
    else:
        method = _sampling(sample, beam, n_best, penalty, row_ids, before.rows, vocabulary)
    asked = (
        _of_rows("decode", first, before.rows).tolist(),
        None if end is None else _id("end", end, vocabulary),
        most,
        checks.whole("decode", "min_length", min_length, at_least=0),
        banned,
        checks.whole("decode", "no_repeat_ngram", no_repeat_ngram, at_least=0),
        forced,
    )
    arena = net.arena
    return decoded(steps.core.decode(arena, steps.given(before, arena), asked, method), bool(alignments))


def watching(net: StepwiseNetwork, call: str, argument: str, name: str) -> Stepwise:
    """The steps with numbers on entries of this name; "" for the only ones.

    Raises ConfigError, naming the argument, for a network that has none of this name, or several.
    """
    if name and not (name.isidentifier() and len(name) <= MOST_NAME):
        raise ConfigError(f"{call}: {argument} is {shown(name)}; expected the name of a memory or a state")
    try:
        return net._stepwise(name)
    except ConfigError as error:
        error.args = (f"{call}: {str(error).replace('alignments:', f'{argument}:')}",)
        raise


def log_prob(net: StepwiseNetwork, x: Any, tokens: Any, begin: Any, lengths: Any) -> npt.NDArray[np.float64]:
    """The work of `Network.log_prob`."""
    steps = net._stepwise()
    inputs, extent, targets = fed_with("log_prob", steps, x, tokens, begin, lengths, net.output_size)
    call, batch = net._call("log_prob", inputs, extent, None, None, None, 0)
    logits = net._core().run(call, False, 0).outputs[0]
    of_fed = batch.of(steps.fed.axis)
    chosen = np.full((batch.rows, of_fed.steps), -1, np.int64)
    for place, row in zip(chosen, targets, strict=True):
        place[: len(row)] = row
    flat = logits.reshape(-1, logits.shape[-1]) if logits.size else logits.reshape(0, net.output_size)
    each = _core.token_log_probs(np.ascontiguousarray(flat), chosen.reshape(-1))
    total: npt.NDArray[np.float64] = np.add.accumulate(
        np.pad(each.reshape(chosen.shape), ((0, 0), (1, 0))), axis=1
    )[:, -1]
    return total


def fed_with(
    call: str, steps: Stepwise, x: Any, tokens: Any, begin: Any, lengths: Any, vocabulary: int
) -> tuple[Any, Any, list[Array]]:
    """All inputs and their lengths where a network is fed given tokens after `begin`; and the tokens by row.

    Raises ConfigError, ShapeError or DTypeError that names the argument.
    """
    argument = "tokens" if call == "log_prob" else "targets"
    _fed_with_ids(call, steps)
    begins = _begins(call, begin, steps.fed.limit or 0)
    rows = [_ids(call, argument, row) for row in _rows(call, argument, tokens)]
    targets = [np.array(row, np.int64) for row in rows]
    for number, row in enumerate(targets):
        if row.size and not 0 <= row.min() <= row.max() < vocabulary:
            wrong = row[(row < 0) | (row >= vocabulary)][0]
            raise ConfigError(
                f"{call}: {argument}[{number}] has the id {wrong}; expected ids from 0 to {vocabulary - 1}"
            )
    firsts = _of_rows(call, begins, len(targets))
    fed = [
        np.concatenate([[first], row[:-1]])[: len(row)].astype(np.int64)
        for first, row in zip(firsts, targets, strict=True)
    ]
    others = _named(steps, call, x)
    inputs: Any = {**others, steps.fed_name: fed} if others else fed
    return inputs, _with_fed(call, argument, steps, lengths), targets


def _with_fed(call: str, argument: str, steps: Stepwise, lengths: Any) -> Any:
    """The lengths of the other axes, where the fed sequence is a list of rows."""
    if lengths is None or isinstance(lengths, Mapping):
        return lengths
    others = [axis for axis in steps.ports.axes if axis != steps.fed.axis]
    if len(others) != 1:
        raise ConfigError(
            f"{call}: lengths is {a_type(lengths)}; expected a dict by axis, "
            f"of {', '.join(map(repr, others))}"
            if others
            else f"{call}: lengths is given, but every row of {argument} has its own; omit it"
        )
    return {others[0]: lengths}


def _fed_with_ids(call: str, steps: Stepwise) -> Stepwise:
    width = steps.ports.output.width
    if steps.fed.limit is None:
        raise ConfigError(
            f"{call}: the network is fed features ({shown(steps.fed_name)}); expected an input of ids on the "
            "axis of the output, such as ost.Input('words', ids=100, axis='target')"
        )
    if width > steps.fed.limit:
        raise ConfigError(
            f"{call}: the network predicts {width} ids, and {shown(steps.fed_name)} takes ids below "
            f"{steps.fed.limit}; expected as many, so that each id that is predicted can be fed"
        )
    return steps


def _named(steps: Stepwise, call: str, x: Any) -> dict[str, Any]:
    """What is given, by the name of the input."""
    names = steps.others.inputs
    if x is None and not names:
        return {}
    if x is not None and not names:
        raise ConfigError(f"{call}: x is given, but the network reads nothing except {shown(steps.fed_name)}")
    if x is None:
        raise ConfigError(f"{call}: x is missing; expected {', '.join(map(repr, names))}")
    return steps.others.by_name("x", x, names, plain=len(names) == 1)


def _given(steps: Stepwise, call: str, x: Any, lengths: Any, rows: int | None) -> Before:
    given = _named(steps, call, x)
    return steps.before_of(call, given, lengths, rows)


def _banned(ban: Any, vocabulary: int) -> list[bool]:
    """Of each id whether it is never chosen; empty if none is."""
    if type(ban) is tuple and not ban:
        return []
    banned = np.zeros(vocabulary, bool)
    for one in _ids("decode", "ban", ban):
        banned[_id("ban", int(one), vocabulary)] = True
    if banned.all():
        raise ConfigError(f"decode: ban has all {vocabulary} ids; expected to leave one")
    return banned.tolist() if banned.any() else []


def _most(max_length: Any, before: Before) -> list[int]:
    """The most tokens of each row."""
    if type(max_length) is int:  # the usual case: abstract classes take longer
        return [checks.count("decode", "max_length", max_length, at_least=0)] * before.rows
    if callable(max_length):
        own = before.batch.lengths
        if own is None:
            own = np.full(before.rows, before.batch.steps)
        return [_most_of(max_length, int(length)) for length in own]
    if isinstance(max_length, (Sequence, np.ndarray)) and not isinstance(max_length, str):
        each = as_integers("decode: max_length", max_length)
        if each.shape != (before.rows,):
            raise ShapeError(
                f"decode: max_length has the shape {each.shape}; expected one number for each of "
                f"{before.rows} rows"
            )
        return [checks.count("decode", "max_length", one, at_least=0) for one in each]
    return [checks.count("decode", "max_length", max_length, at_least=0)] * before.rows


def _most_of(max_length: Callable[[int], int], length: int) -> int:
    try:
        most = max_length(length)
    except OstinatoError as error:
        error.args = (f"decode: max_length({length}): {error}",)
        raise
    return checks.count("decode", "max_length", most, at_least=0)


def _forced(prefix: Any, vocabulary: int) -> Array:
    rows = [_ids("decode", "prefix", row) for row in _rows("decode", "prefix", prefix)]
    made = np.full((len(rows), max(map(len, rows), default=0)), -1, np.int64)
    for place, row in zip(made, rows, strict=True):
        place[: len(row)] = row
    wrong = made[(made < -1) | (made >= vocabulary)]
    if wrong.size:
        raise ConfigError(
            f"decode: prefix has the id {wrong[0]}; expected ids from 0 to {vocabulary - 1}, or -1 where the "
            "network chooses"
        )
    return made


def _checked_prefix(forced: Array, rows: int, most: Sequence[int]) -> Array:
    if len(forced) != rows:
        raise ShapeError(f"decode: prefix has {len(forced)} rows; expected {rows}, one for each row of x")
    for row, (ids, limit) in enumerate(zip(forced, most, strict=True)):
        length = int(np.flatnonzero(ids >= 0).max(initial=-1)) + 1
        if length > limit:
            raise ConfigError(
                f"decode: prefix[{row}] has {length} ids, and max_length is {limit}; expected a longer "
                "max_length"
            )
    return forced


def _check_penalty(penalty: Any) -> None:
    if penalty is not None and not isinstance(penalty, Penalty):
        raise DTypeError(
            f"decode: penalty is {a_type(penalty)}; expected ost.LengthNorm(), ost.Wu(), ost.TokenReward(0.1)"
        )


def _beam(beam: int | None, n_best: int, penalty: Penalty | None, row_ids: Any) -> _core.DecodeMethod:
    width = BEAM if beam is None else checks.count("decode", "beam", beam, at_least=1)
    best = checks.whole("decode", "n_best", n_best, at_least=1)
    if best > width:
        raise ConfigError(f"decode: n_best is {best} and beam is {width}; expected a beam of at least {best}")
    if row_ids is not None:
        raise ConfigError("decode: row_ids is given without sample; a search draws nothing, omit it")
    score = ("none", 0.0, 0.0) if penalty is None else (penalty.kind, penalty.value, penalty.coverage)
    return _core.DecodeMethod.beam(width, best, score)


def _sampling(
    sample: Sample,
    beam: int | None,
    n_best: int,
    penalty: Penalty | None,
    row_ids: Any,
    rows: int,
    vocabulary: int,
) -> _core.DecodeMethod:
    if not isinstance(sample, Sample):
        raise DTypeError(f"decode: sample is {a_type(sample)}; expected ost.Sample(temperature=1.0)")
    for argument, value, default in (("beam", beam, None), ("n_best", n_best, 1), ("penalty", penalty, None)):
        if value != default:
            raise ConfigError(
                f"decode: {argument} is {shown(value)} with sample; omit it"
                + (", and write Sample(count=...)" if argument != "penalty" else "")
            )
    own = np.arange(rows) if row_ids is None else as_integers("row_ids", row_ids)
    if own.shape != (rows,):
        raise ShapeError(f"decode: row_ids is {own.shape}; expected ({rows},)")
    if own.size and not 0 <= own.min() <= own.max() < 2**32:
        raise ConfigError("decode: row_ids: expected numbers from 0 to 2^32 - 1")
    top_k = vocabulary if sample.top_k is None else min(sample.top_k, vocabulary)
    top_p = 1.0 if sample.top_p is None else sample.top_p
    return _core.DecodeMethod.sampling(
        sample.count, sample.temperature, top_k, top_p, sample.seed, own.tolist()
    )


def _id(argument: str, value: Any, limit: int, call: str = "decode") -> int:
    found = checks.whole(call, argument, value, at_least=0)
    if found >= limit:
        raise ConfigError(f"{call}: {argument} is {found}; expected an id from 0 to {limit - 1}")
    return found


def _begins(call: str, begin: Any, limit: int) -> int | Array:
    """The first id of every row, or the one id of all of them."""
    if isinstance(begin, Iterable) and not isinstance(begin, Sequence) and not hasattr(begin, "__array__"):
        raise ConfigError(f"{call}: begin is {shown(begin)}; expected an id, or one for each row")
    if (
        type(begin) is int
        or not isinstance(begin, (Sequence, np.ndarray))
        or (isinstance(begin, np.ndarray) and begin.ndim == 0)
    ):
        return _id("begin", begin, limit, call)
    found = _ids(call, "begin", begin)
    wrong = found[(found < 0) | (found >= limit)]
    if wrong.size:
        raise ConfigError(f"{call}: begin has the id {wrong[0]}; expected ids from 0 to {limit - 1}")
    return found.astype(np.int64)


def _of_rows(call: str, begins: int | Array, rows: int) -> Array:
    """The first id of each row."""
    if isinstance(begins, int):
        return np.full(rows, begins)
    if len(begins) != rows:
        raise ShapeError(
            f"{call}: begin has {len(begins)} ids; expected one id, or one for each of {rows} rows"
        )
    return begins


def _rows(call: str, argument: str, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim != 2 and value.dtype != object:
        raise ShapeError(f"{call}: {argument} is {value.shape}; expected (N, T), or a list of rows")
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes, bytearray)):
        raise DTypeError(f"{call}: {argument} is {a_type(value)}; expected ids (N, T), or a list of rows")
    return value


def _ids(call: str, argument: str, row: Any) -> Array:
    """Ids (T,). Raises DTypeError, ShapeError that names the argument."""
    if not isinstance(row, (Sequence, np.ndarray, set, frozenset)) or isinstance(
        row, (str, bytes, bytearray)
    ):
        raise DTypeError(f"{call}: {argument} has {a_type(row)}; expected a list of ids")
    found = as_integers(argument, list(row) if isinstance(row, (set, frozenset)) else row)
    if found.ndim != 1:
        raise ShapeError(f"{call}: {argument}: a row is {found.shape}; expected (T,)")
    return found
