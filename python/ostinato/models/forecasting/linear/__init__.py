"""`state_space`: a linear state space for few or short series, by `kalman` (the filter) and `per_row` (BFGS).

May use `series` and `quality`.
"""
