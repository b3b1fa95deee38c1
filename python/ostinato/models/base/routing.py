"""Metadata routing of scikit-learn: which of `sample_weight`, `lengths` and `groups` a method requests."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Final, TypeVar

from ostinato.errors import CallError, shown
from ostinato.suggest import did_you_mean

Self = TypeVar("Self", bound="MetadataRouting")

DATA: Final = ("self", "X", "y", "classes", "id", "time", "target")
METHODS: Final = ("fit", "partial_fit", "score", "predict", "predict_proba", "transform")


class MetadataRouting:
    """Base of estimators whose methods may request metadata. scikit-learn, which calls it, is imported."""

    def get_metadata_routing(self) -> Any:
        """The requests of each method, as scikit-learn has them."""
        kept = vars(self).get("_metadata_request")
        if kept is not None:
            return copy.deepcopy(kept)
        from sklearn.utils.metadata_routing import MetadataRequest

        made = MetadataRequest(owner=self)
        for method in METHODS:
            for name in self._metadata(method):
                getattr(made, method).add_request(param=name, alias=None)
        return made

    def set_fit_request(self: Self, **requests: bool | str | None) -> Self:
        """Requests metadata of `fit`: `set_fit_request(sample_weight=True)`; a text is an alias.

        Raises CallError for metadata that the method does not take.
        """
        return self._requesting("fit", requests)

    def set_partial_fit_request(self: Self, **requests: bool | str | None) -> Self:
        """The same for `partial_fit`."""
        return self._requesting("partial_fit", requests)

    def set_score_request(self: Self, **requests: bool | str | None) -> Self:
        """The same for `score`."""
        return self._requesting("score", requests)

    def set_predict_request(self: Self, **requests: bool | str | None) -> Self:
        """The same for `predict`."""
        return self._requesting("predict", requests)

    def _metadata(self, method: str) -> list[str]:
        function = getattr(type(self), method, None)
        return (
            [] if function is None else [n for n in inspect.signature(function).parameters if n not in DATA]
        )

    def _requesting(self: Self, method: str, requests: dict[str, Any]) -> Self:
        known = self._metadata(method)
        made = self.get_metadata_routing()
        for name, value in requests.items():
            if name not in known:
                raise CallError(
                    f"set_{method}_request: {method} takes no {shown(name)}; "
                    f"{did_you_mean(name, known, 'metadata')}"
                )
            getattr(made, method).add_request(param=name, alias=value)
        vars(self)["_metadata_request"] = made
        return self
