"""What every estimator has, whatever it predicts: parameters, a model file, and training.

`parameters` (get_params, set_params), on it `model_file` (save, load), on it `sequence_model` (fit), which
needs `adaptive` and `best` (the learning rate, early stopping), `held_out` (rows for it) and
`settings` (parameters at two fits); `routing` is for scikit-learn. `seeds`, `threads`, `loss_choice` and
`softmax` are small tools of several estimators. Knows no caller's data: `reading` does. scikit-learn is
imported only by methods that scikit-learn itself calls.
"""
