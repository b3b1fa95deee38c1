"""One answer for each sequence, from states that are pooled over its steps: a class, or numbers.

`classifier` and `regressor` on their base `pooled`; `temperature` (how sure probabilities are), `importance`,
`dynamics` and `model_stream` (what a fitted model says). May use `base` and `reading`.
"""
