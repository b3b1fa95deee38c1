"""What a forecasting network says: `head` (its outputs and their loss), and what follows from them.

`distributions` and `forecast_loss` of the next value; `standing` (where a series is after its last step) and
`roll_out` (draws that are fed back). May use `series`.
"""
