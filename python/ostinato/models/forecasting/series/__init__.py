"""A caller's series, and what a network reads of them.

`observations` with `covariates` and `dated` (the forms of a caller), `transform` and `season`, `smoothing` (a
level and a season by exponential smoothing) and `history` (features and targets of each step).
"""
