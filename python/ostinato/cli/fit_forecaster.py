"""`ostinato fit forecaster`: fits series, measures the model on their last steps, and saves it."""

from __future__ import annotations

import argparse
from typing import Any

import ostinato
from ostinato import checks
from ostinato.cli.column_roles import tell_roles
from ostinato.cli.fitted import FittedModel, fit_or_keep
from ostinato.cli.layout_flags import add_series_flags, layout_of
from ostinato.cli.parameter_flags import add_parameter_flags, given
from ostinato.cli.series import draw_forecasts, low_median_high, read_series
from ostinato.errors import ConfigError
from ostinato.models import Forecaster
from ostinato.models.forecasting.outputs.head import Head
from ostinato.models.forecasting.quality.levels import read_levels
from ostinato.models.forecasting.quality.skill import skill
from ostinato.models.forecasting.series.transform import Transform
from ostinato.sequences.arrays import Array

HORIZON = 12
LENGTH = 3
"""Series with at least so many horizons of steps have held-out steps."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato fit forecaster`, but those of every kind."""
    add_series_flags(parser)
    parser.add_argument(
        "--held-out",
        type=int,
        metavar="STEPS",
        help="the last steps of each series, which measure the model and do not train it; 0 for none "
        "(default: those of the horizon)",
    )
    group = parser.add_argument_group("parameters of the model")
    add_parameter_flags(group, Forecaster, {"horizon": HORIZON})


def fit(options: argparse.Namespace) -> FittedModel:
    """Reads, fits and measures; then the model reads the held-out steps too.

    Raises OstinatoError, OSError.
    """
    parameters = {"horizon": HORIZON, **given(options)}
    series = read_series(options.data, layout_of(options))
    tell_roles(options.data, series.roles)
    values, horizon = series.values, parameters["horizon"]
    steps = horizon if options.held_out is None else options.held_out
    if not 0 <= steps <= horizon:
        raise ConfigError(f"--held-out is {steps}; expected 0 to {horizon}, the steps of the horizon")
    lengths = sorted(map(len, values.values()))
    shape = f"{lengths[0]} to {lengths[-1]}" if lengths[0] < lengths[-1] else f"{lengths[0]}"
    print(f"{len(values)} series of {shape} steps")
    held = [name for name, one in values.items() if steps and len(one) >= LENGTH * horizon]
    training = {name: one[:-steps] if name in held else one for name, one in values.items()}
    model = ostinato.Forecaster(**{"random_state": options.seed, "verbose": not options.quiet, **parameters})
    if _reads_no_logarithms(options.data, model, values):
        model.transform = "none"
    fit_or_keep(model, training)
    print(f"trained on {len(values)} series in {model.n_iter_} epochs, season {model.season_}")
    print(_measured(model, training, values, held, steps))
    for name in held:
        model.update(name, values[name][-steps:])
    forecasts = low_median_high(model, model.predict_quantiles())
    return FittedModel(model, series.layout, lambda figure: draw_forecasts(figure, values, forecasts))


def _reads_no_logarithms(path: str, model: Forecaster, values: dict[str, Array]) -> bool:
    """Whether the values, also those of the held-out steps, rule out logarithms.

    Raises ConfigError for values that the model cannot read, before any training.
    """
    horizon = checks.count("fit", "--horizon", model.horizon, at_least=1)
    head = Head.of("fit", model.method, horizon, read_levels("fit", model.quantiles), model.distribution)
    if isinstance(model.transform, str) and model.transform == "log":
        for name, one in values.items():
            Transform(True).check(f"{path}: the series {name!r}", one)
    return not head.transform(path, model.transform, list(values), list(values.values())).positive


def _measured(
    model: Any, training: dict[str, Array], values: dict[str, Array], held: list[str], steps: int
) -> str:
    """The MASE of the held-out steps and of the rivals, in a line."""
    forecasts = dict(zip(training, model.predict(), strict=True))
    windows = [(training[name], values[name][-steps:], forecasts[name][:steps]) for name in held]
    found = skill(windows, model.season_) if windows else None
    if not steps:
        return "nothing is held out"
    if not windows:
        return f"no series has held-out steps: expected at least {LENGTH} horizons of steps"
    if found is None:
        return "the held-out steps have no MASE: they are missing, or the values before never change"
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in found.items() if name != "model")
    what = f"the last {steps} steps of {len(held)} of {len(values)} series"
    return f"held-out MASE {found['model']:.3f} ({what}); {rivals}"
