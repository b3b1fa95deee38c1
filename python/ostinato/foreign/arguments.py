"""Arguments that other frameworks have: how each call is written here, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Arguments(NamedTuple):
    """How a call is written, and what to write instead of arguments that other frameworks have."""

    usage: str
    hints: Mapping[str, str]


_RATE: Final = "write optimizer=Adam(lr=...), and schedule= for a rate that changes"
_CLIP: Final = "write clip_norm=..., which limits the global norm"
_CALLBACKS: Final = (
    "write Trainer(net, loss=..., callbacks=[...]), with Progress() or EarlyStopping() among them"
)
_FIT: Final = "it is an argument of fit(x, targets, epochs=...)"
_INPUT: Final = (
    "write ost.Input('x', size=3) for floats (N, T, 3), ost.Input('x', ids=20) for ids (N, T); axis='row' "
    "gives one value for each row"
)
_CONCAT: Final = "features are joined, the last axis: ost.concat(a, b)"
_GRAPH: Final = (
    "it finds the inputs, so give the outputs alone: ost.Graph(tags), or "
    "ost.Graph(outputs={'tags': tags, 'mood': mood})"
)
_LAYER: Final = "a layer takes the size of its input first: write ost.LSTM(input_size, hidden_size)"
_DENSE: Final = "a layer takes the size of its input first: write ost.Dense(input_size, output_size)"
_EMBEDDING: Final = "write ost.Embedding(num_embeddings, embedding_dim)"
_STATE: Final = "a layer holds no state: run = net.run(x), then net.run(x, state=run.final_state) goes on"
_INITIAL: Final = "write init=, such as ost.LSTM(input_size, hidden_size, init='xavier_uniform')"
_ENDS: Final = (
    "a layer returns the outputs of all steps; ost.Last() after it keeps the last one: "
    "ost.Sequential(ost.LSTM(input_size, hidden_size), ost.Last())"
)
_PADDING: Final = "padding is never read: write net.run(x, lengths=lengths), or give a list of rows"
_WEIGHTS: Final = "write weights=, one number for each step, such as weights=class_weights[ids]"
_PARAMETERS: Final = (
    "an optimizer is made without parameters: ost.Adam(lr=1e-3); step(params, grads) takes them"
)
_PLACE: Final = "networks are on the CPU, so there is no device: write ost.LSTM(input_size, hidden_size)"

_EVERY_LAYER: Final = {
    "input_shape": _LAYER,
    "batch_input_shape": _LAYER,
    "input_dim": _LAYER,
    "name": "layers are named by a Sequential: ost.Sequential({'rnn': ost.LSTM(input_size, hidden_size)})",
    "device": _PLACE,
    "trainable": "write net.freeze('0.*') after the network is made",
}

_DECODER: Final = "write ost.Decoder('gru', input_size, hidden_size, memory_size)"

_CELL: Final = Arguments(
    _LAYER,
    {
        **_EVERY_LAYER,
        "units": _LAYER,
        "hidden_dim": _LAYER,
        "return_sequences": _ENDS,
        "return_state": "write run = net.run(x): run.final_state has the states of every run",
        "stateful": _STATE,
        "unroll": "there is nothing to choose: write ost.LSTM(input_size, hidden_size)",
        "go_backwards": "write ost.Bidirectional(ost.LSTM(input_size, hidden_size)), or ost.reverse in "
        "a Graph",
        "recurrent_dropout": (
            "write ost.LSTM(input_size, hidden_size, regularizers=[ost.RecurrentDropout(0.2)])"
        ),
        "use_bias": "write bias=: ost.LSTM(input_size, hidden_size, bias=False)",
        "kernel_initializer": _INITIAL,
        "recurrent_initializer": (
            "write init={...}: ost.LSTM(input_size, hidden_size, init={'weight_hh_l*': 'orthogonal'})"
        ),
        "kernel_regularizer": "write ost.LSTM(input_size, hidden_size, regularizers=[ost.L2(1e-4)])",
        "activation": "write ost.RNN(input_size, hidden_size, nonlinearity='relu'); LSTM and GRU have tanh",
        "time_major": "write ost.LSTM(input_size, hidden_size, batch_first=False)",
    },
)

ARGUMENTS: Final[Mapping[str, Arguments]] = {
    "Trainer": Arguments(
        "write Trainer(net, loss='mse', optimizer=Adam(lr=1e-3), metrics=['rmse'])",
        {
            "model": "the network is the first argument: write ost.Trainer(net, loss='mse')",
            "criterion": "write loss=: ost.Trainer(net, loss='mse')",
            "loss_fn": "write loss=: ost.Trainer(net, loss='mse')",
            "loss_weights": "write loss={'mood': ost.weighted('cross_entropy', 0.3)}",
            "lr": _RATE,
            "learning_rate": _RATE,
            "scheduler": _RATE,
            "lr_scheduler": _RATE,
            "clipnorm": _CLIP,
            "max_grad_norm": _CLIP,
            "gradient_clip_val": _CLIP,
            "weights": f"{_FIT}; ost.weighted scales the loss of an output",
            "epochs": _FIT,
            "max_epochs": _FIT,
            "batch_size": _FIT,
            "validation": _FIT,
            "train_dataset": _FIT,
            "device": "networks are on the CPU: write ost.Trainer(net, loss='mse')",
        },
    ),
    "fit": Arguments(
        "write fit(x, targets, epochs=10, batch_size=32)",
        {
            "x": "write the data as the first argument",
            "y": "write the targets as the second argument, or targets=",
            "validation_data": "write validation=(x, targets), or (x, targets, lengths)",
            "validation_split": "divide the data, and write validation=(x, targets)",
            "sample_weight": "write weights=, one number for each step, or for each row of an output of rows",
            "class_weight": "write weights=, such as weights=class_weights[labels]",
            "callbacks": _CALLBACKS,
            "verbose": "write progress=False for no lines; Progress() among the callbacks is a bar",
            "shuffle": "write Trainer(net, loss=..., strategies=[ost.strategies.AllRows(shuffle=False)])",
            "resets": "give a list of batches: fit([ost.Batch(x, targets, resets=resets)], epochs=...)",
            "num_epochs": "write epochs=: trainer.fit(x, targets, epochs=10)",
            "n_epochs": "write epochs=: trainer.fit(x, targets, epochs=10)",
        },
    ),
    "EarlyStopping": Arguments(
        "write EarlyStopping('val_loss', patience=5)",
        {
            "monitor": "write EarlyStopping('val_loss'): the metric is the first argument",
            "restore_best_weights": "write restore_best=, which is True by default",
        },
    ),
    "Checkpoints": Arguments(
        "write ost.Checkpoints(path), or ost.Checkpoints(path, every_epochs=5)",
        {
            "filepath": "write ost.Checkpoints(path)",
            "dirpath": "write ost.Checkpoints(path)",
            "monitor": "write best=: ost.Checkpoints(path, best='val_loss')",
            "save_best_only": "write best=: ost.Checkpoints(path, best='val_loss')",
            "save_freq": "write every_epochs= or every_steps=: ost.Checkpoints(path, every_epochs=1)",
        },
    ),
    "Input": Arguments(
        _INPUT,
        {
            "shape": _INPUT,
            "batch_shape": _INPUT,
            "batch_size": "a network takes any number of rows",
            "dtype": "layers have a dtype; ids=20 makes an input of integers",
        },
    ),
    "concat": Arguments(_CONCAT, {"axis": _CONCAT, "dim": _CONCAT}),
    "Graph": Arguments(_GRAPH, {"inputs": _GRAPH, "name": _GRAPH}),
    "Recurrent": Arguments(
        "write Recurrent('lstm', input_size, hidden_size)", {"units": _LAYER, **_EVERY_LAYER}
    ),
    "Decoder": Arguments(_DECODER, {**_EVERY_LAYER, "units": _DECODER}),
    "cell": _CELL,
    "_BuiltIn": _CELL,
    "Dense": Arguments(
        _DENSE,
        {
            **_EVERY_LAYER,
            "units": _DENSE,
            "in_features": _DENSE,
            "out_features": _DENSE,
            "input_shape": _DENSE,
            "input_dim": _DENSE,
            "use_bias": "write bias=: ost.Dense(input_size, output_size, bias=False)",
            "kernel_regularizer": "write ost.Dense(input_size, output_size, regularizers=[ost.L2(1e-4)])",
        },
    ),
    "Embedding": Arguments(
        _EMBEDDING,
        {
            "input_dim": _EMBEDDING,
            "output_dim": _EMBEDDING,
            "padding_idx": _PADDING,
            "mask_zero": _PADDING,
            "input_length": _EMBEDDING,
            "device": _PLACE,
        },
    ),
    "Sequential": Arguments("write ost.Sequential(ost.LSTM(input_size, hidden_size), ost.Last())", {}),
    "Bidirectional": Arguments(
        "write ost.Bidirectional(ost.LSTM(input_size, hidden_size))",
        {
            "merge_mode": (
                "the directions are side by side: ost.Bidirectional(ost.LSTM(input_size, hidden_size))"
            ),
            "layer": "write ost.Bidirectional(ost.LSTM(input_size, hidden_size))",
        },
    ),
    "Dropout": Arguments("write ost.Dropout(0.5)", {"rate": "write ost.Dropout(0.5)"}),
    "Adam": Arguments(
        "write ost.Adam(lr=1e-3)",
        {
            "learning_rate": "write lr=: ost.Adam(lr=1e-3)",
            "params": _PARAMETERS,
            "beta_1": "write betas=: ost.Adam(betas=(0.9, 0.999))",
            "beta_2": "write betas=: ost.Adam(betas=(0.9, 0.999))",
            "epsilon": "write eps=: ost.Adam(eps=1e-8)",
            "clipnorm": "write ost.Trainer(net, loss='mse', clip_norm=1.0)",
            "amsgrad": "there is no amsgrad; write ost.Adam(lr=1e-3), or an optimizer of your own",
        },
    ),
    "SGD": Arguments(
        "write ost.SGD(lr=0.1)",
        {
            "learning_rate": "write lr=: ost.SGD(lr=0.1)",
            "params": _PARAMETERS,
            "dampening": "there is no dampening; write ost.SGD(lr=0.1, momentum=0.9)",
            "clipnorm": "write ost.Trainer(net, loss='mse', clip_norm=1.0)",
        },
    ),
    "CrossEntropy": Arguments(
        "write ost.CrossEntropy()",
        {
            "weight": "write ost.CrossEntropy(class_weight=[1.0, 2.0])",
            "ignore_index": "write ost.CrossEntropy(ignore=-100)",
            "from_logits": "it takes logits: write ost.CrossEntropy()",
            "reduction": "write ost.Trainer(net, loss='cross_entropy', reduction='sum')",
        },
    ),
    "MSE": Arguments("write ost.MSE()", {"reduction": "write ost.Trainer(net, loss='mse', reduction='sum')"}),
    "Plateau": Arguments(
        "write ost.schedules.Plateau('val_loss', factor=0.5, patience=5)",
        {"monitor": "the metric is the first argument: ost.schedules.Plateau('val_loss')"},
    ),
    "run": Arguments(
        "write net.run(x, lengths=lengths, state=state)",
        {
            "h0": "write state=: net.run(x, state=state)",
            "hx": "write state=: net.run(x, state=state)",
            "initial_state": "write state=: net.run(x, state=state), a dict as Run.final_state is",
            "return_state": "write net.run(x).final_state",
            "verbose": "write net.run(x)",
        },
    ),
    "value_and_grad": Arguments(
        "write net.value_and_grad(x, targets, loss='mse')",
        {"sample_weight": _WEIGHTS, "y": "write net.value_and_grad(x, targets, loss='mse')"},
    ),
    "loss_value": Arguments("write net.loss_value(x, targets, loss='mse')", {"sample_weight": _WEIGHTS}),
    "step of an optimizer": Arguments(
        "write loss, grads = net.value_and_grad(x, targets, loss='mse'), then "
        "optimizer.step(net.parameters(), grads.params)",
        {"closure": "write optimizer.step(net.parameters(), grads.params)"},
    ),
    "Batches": Arguments(
        "write ost.data.Batches(x, targets, batch_size=32)",
        {
            "collate_fn": "rows are padded for you: write ost.data.Batches(x, targets, batch_size=32)",
            "num_workers": "data in memory needs none: write ost.data.Batches(x, targets, batch_size=32)",
        },
    ),
}
