"""Forecasts of series: `forecaster` on its base `forecasts` (what a fitted one does); `linear`: StateSpace.

A series flows through `series` (read, scaled, smoothed), the network, and `outputs` (quantiles and draws);
`quality` measures and corrects the forecasts. May use `base` and `reading`.
"""
