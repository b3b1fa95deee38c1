"""Losses and metrics for ostinato, one per file; the hooks below register their names."""

from __future__ import annotations

from ostinato import LossSpec, MetricSpec, hookimpl
from ostinato_zoo_measures.bleu import Bleu
from ostinato_zoo_measures.crf import CRFLoss
from ostinato_zoo_measures.ctc import CTCLoss
from ostinato_zoo_measures.focal import Focal
from ostinato_zoo_measures.label_smoothing import LabelSmoothing
from ostinato_zoo_measures.perplexity import Perplexity
from ostinato_zoo_measures.pinball import Pinball
from ostinato_zoo_measures.quantiles import Quantiles
from ostinato_zoo_measures.token_f1 import TokenF1
from ostinato_zoo_measures.triplet import Triplet


@hookimpl
def ostinato_losses() -> list[LossSpec]:
    """The losses of this package."""
    losses = (Focal, LabelSmoothing, Pinball, Quantiles, Triplet, CTCLoss, CRFLoss)
    return [LossSpec.of(loss) for loss in losses]


@hookimpl
def ostinato_metrics() -> list[MetricSpec]:
    """The metrics of this package."""
    return [MetricSpec.of(metric) for metric in (Perplexity, TokenF1, Bleu)]
