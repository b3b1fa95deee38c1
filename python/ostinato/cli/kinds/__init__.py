"""What the commands do with each kind of estimator: `table` has one row for each.

`kind` says what a row is. `classifier`, `tagger` and `regressor` are `sequences` with answers, which may be
`labels`; `forecaster` and `state_space` are of `series`; `writers` write sequences. `fitted` is what a fit
gives, `parameter_flags` makes flags of an estimator's parameters. May use `reading`; imports no command.
"""
