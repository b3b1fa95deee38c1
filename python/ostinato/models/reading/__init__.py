"""A caller's data as arrays, for several kinds of estimators; each function names the argument in its errors.

`intake` (sequences), `feature_names` (of tables), `series` (values over time), `long_table` with `times` (one
row for each step) and `long_rows` (its sequences), `columns`, `labels`, `numbers`, `weighing` (an answer or a
weight for each row), `vocabulary` (symbols as ids), `scaling`, `input_scaling` (of a whole
sequence), `size` (the largest numbers). Knows no estimator. What one kind alone reads is in its own room.
"""
