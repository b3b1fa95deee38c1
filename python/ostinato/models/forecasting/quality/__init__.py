"""How good forecasts are: `rivals` and `skill` (errors by those of rivals), and how often intervals hold.

`levels` (of quantiles), `conformal` (their correction), `windows` (the steps that measure both). May use
`series`.
"""
