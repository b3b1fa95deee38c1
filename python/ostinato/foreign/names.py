"""Names that other frameworks give to what is called otherwise here: hints for an AttributeError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ostinato.suggest import did_you_mean

_RUN: Final = "net(x), or net.run(x) for the final state too"
_MODE: Final = "there is no mode to switch: net.run(x, training=True) regularizes, net.run(x) does not"
_TRAINER: Final = "use ostinato.Trainer(net, loss='mse').fit(x, targets, epochs=10)"
_DEVICE: Final = (
    "networks are on the CPU; a layer takes dtype= when it is made: ost.GRU(3, 4, dtype='float64')"
)
_GRADIENTS: Final = (
    "gradients are what net.value_and_grad(x, targets, loss='mse') returns, or "
    "net.run(x, training=True).backward(d_outputs)"
)
_TRAINABLE: Final = (
    "use net.freeze('0.*') and net.unfreeze('0.*') with names or patterns of parameters, or without any for "
    "all; the property frozen has the names"
)
_ADD: Final = "give all layers when it is made: ost.Sequential(ost.GRU(3, 8), ost.Dense(8, 2))"

NETWORK: Final = {
    "forward": f"use {_RUN}",
    "predict_proba": "use net(x), the logits; ost.Dense(8, 2, 'softmax') gives probabilities",
    "transform": f"use {_RUN}",
    "train": _MODE,
    "eval": _MODE,
    "training": _MODE,
    "fit": _TRAINER,
    "compile": _TRAINER,
    "score": "use ostinato.Trainer(net, loss='mse').evaluate(x, targets)",
    "evaluate": "use ostinato.Trainer(net, loss='mse').evaluate(x, targets)",
    "backward": _GRADIENTS,
    "zero_grad": _GRADIENTS,
    "grad": _GRADIENTS,
    "to": _DEVICE,
    "cpu": _DEVICE,
    "device": _DEVICE,
    "cuda": _DEVICE,
    "float": _DEVICE,
    "double": _DEVICE,
    "half": _DEVICE,
    "trainable": _TRAINABLE,
    "requires_grad": _TRAINABLE,
    "requires_grad_": _TRAINABLE,
    "trainable_weights": _TRAINABLE,
    "trainable_variables": _TRAINABLE,
    "stateful": "use net.run(x, state=run.final_state), which continues where a run ended",
    "reset_states": "use net.run(x), which starts from zeros, or stream.reset()",
    "flatten_parameters": "nothing is to be done: all parameters are in net.arena",
    "dropout": "give a layer regularizers=[ost.Dropout(0.5)] when it is made",
    "optimizer": _TRAINER,
    "loss": _TRAINER,
    "named_parameters": "use net.parameters(), a mapping of names to arrays",
    "get_weights": "use net.state_dict(), a dict of names to copies",
    "set_weights": "use net.load_state_dict(names_to_arrays)",
    "weights": "use net.parameters(), a mapping of names to arrays",
    "num_parameters": "use net.arena.size",
    "count_params": "use net.arena.size",
    "summary": "use print(net), or net.explain() for the plan",
    "clone": "use copy.deepcopy(net)",
    "save_weights": "use net.save(path)",
    "load_weights": "use net.load_state_dict(names_to_arrays), or ost.load(path)",
    "add": _ADD,
    "append": _ADD,
    "add_module": _ADD,
    "get_layer": "use net[0], or net['name'] for a layer that has one",
    "modules": "use net.layers, a dict of a Sequential or Graph",
    "children": "use net.layers, a dict of a Sequential or Graph",
}

_CLIP: Final = "use Trainer(net, clip_norm=...), which limits the global norm"
_RATE: Final = "use Trainer(net, optimizer=Adam(lr=...)), and schedule= for a rate that changes"
_FIT: Final = "it is an argument of fit(x, targets, epochs=..., batch_size=..., validation=...)"
_CALLBACKS: Final = "use Trainer(net, callbacks=[...]), with Progress() or EarlyStopping() among them"

TRAINER: Final = {
    "clipnorm": _CLIP,
    "global_clipnorm": _CLIP,
    "clipvalue": f"there is no clipping by value; {_CLIP}",
    "max_grad_norm": _CLIP,
    "gradient_clip_val": _CLIP,
    "lr": _RATE,
    "learning_rate": _RATE,
    "scheduler": _RATE,
    "lr_scheduler": _RATE,
    "epochs": _FIT,
    "max_epochs": _FIT,
    "batch_size": _FIT,
    "validation_data": _FIT,
    "verbose": _CALLBACKS,
    "callbacks": _CALLBACKS,
    "model": "trainer.net is the network that Trainer(net, ...) was given",
    "train": "use fit(x, targets, epochs=...)",
    "test": "use trainer.evaluate(x, targets)",
    "validate": "use trainer.evaluate(x, targets)",
    "score": "use trainer.evaluate(x, targets)",
    "save_checkpoint": "use trainer.save(path)",
    "load_checkpoint": "use trainer.load(path)",
}

_RATE_OF_RUN: Final = "set run.optimizer.lr, or write ost.Trainer(net, loss='mse', schedule='cosine')"
_STOP: Final = "call run.stop('reason'), or write the hook ostinato_should_stop"

RUN: Final = {
    "lr": _RATE_OF_RUN,
    "learning_rate": _RATE_OF_RUN,
    "should_stop": _STOP,
    "stop_training": _STOP,
    "model": "use run.net, the network",
    "loss": "the metrics of an update are an argument of ostinato_batch_end",
    "global_step": "use run.step, the number of updates",
    "current_epoch": "use run.epoch, the number of whole epochs",
}

_STEP: Final = "optimizer.step(net.parameters(), grads.params)"
_PER_EPOCH: Final = "use ost.Trainer(net, loss='mse', schedule='cosine'), which calls it"

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "optimizer": {
        "zero_grad": f"gradients are new in each call, so nothing is to be zeroed: write {_STEP}",
        "minimize": f"write {_STEP}",
        "apply_gradients": f"write {_STEP}",
        "param_groups": "use optimizer.lr, and groups= for options of some parameters",
        "learning_rate": "use optimizer.lr",
        "rate": "use optimizer.lr",
        "defaults": "use optimizer.options",
        "clipnorm": "write clip_norm= in step, or in ost.Trainer(net, loss='mse', clip_norm=1.0)",
        "clip_norm": "write clip_norm= in step, or in ost.Trainer(net, loss='mse', clip_norm=1.0)",
        "iterations": "optimizer.steps is the number of steps; load_state_dict sets it",
        "steps": "optimizer.steps is the number of steps; load_state_dict sets it",
    },
    "loss": {
        "backward": _GRADIENTS,
        "forward": "write net.loss_value(x, targets, loss='mse')",
        "weight": "write weights= in net.value_and_grad(x, targets, loss='mse', weights=weights)",
    },
    "schedule": {"step": _PER_EPOCH, "get_last_lr": "use trainer.history['lr']", "get_lr": _PER_EPOCH},
    "metric": {
        "update": "use ost.Trainer(net, loss='mse', metrics=['mae']).evaluate(x, targets)",
        "update_state": "use ost.Trainer(net, loss='mse', metrics=['mae']).evaluate(x, targets)",
        "compute": "use ost.Trainer(net, loss='mse', metrics=['mae']).evaluate(x, targets)",
        "result": "use ost.Trainer(net, loss='mse', metrics=['mae']).evaluate(x, targets)",
    },
}

_DENSE: Final = "write ost.Dense(input_size, output_size)"
_ACTIVATION: Final = (
    "write ost.Dense(input_size, output_size, 'relu'), or a function of ostinato.ops, such as ost.ops.relu, "
    "in a step"
)
_CELL: Final = "write ost.LSTM(input_size, hidden_size), and net.stream() for one step per call"
_MODULE: Final = (
    "write ost.Sequential(ost.GRU(3, 8), ost.Dense(8, 2)), an ost.Graph, or a subclass of ost.Layer"
)
_LOADER: Final = "write ost.data.Batches(x, targets, batch_size=32)"
_PAD: Final = "padding is not needed: write net.run(rows) with a list of rows, or ost.data.pack(rows)"
_ARRAYS: Final = "arrays of NumPy are what everything takes and returns: np.asarray(x)"
_CPU: Final = "networks are on the CPU: write ost.set_num_threads(2) to choose the number of threads"
_NO_GRAD: Final = "net(x) keeps nothing for gradients; net.run(x, training=True) does"
_SEED: Final = "seeds are arguments: ost.GRU(3, 4, seed=1), ost.Trainer(net, loss='mse', seed=1)"
_BATCH_NORM: Final = "rows do not see each other; write ost.GRU(3, 4, regularizers=[ost.LayerNorm()])"
_ATTENTION: Final = "write ost.Attention('dot', query_size, memory_size)"
_BCE: Final = "write ost.losses.BinaryCrossEntropy(), which takes logits"

ROOT: Final = {
    "Linear": _DENSE,
    "Lambda": "write ost.apply(ost.ops.tanh, symbol) in an ost.Graph",
    "Activation": _ACTIVATION,
    **dict.fromkeys(
        ("ReLU", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "GELU", "SiLU", "LeakyReLU"), _ACTIVATION
    ),
    **dict.fromkeys(
        ("relu", "tanh", "sigmoid", "softmax", "exp", "log", "sqrt", "where", "clip"), _ACTIVATION
    ),
    "SimpleRNN": "write ost.RNN(input_size, hidden_size)",
    **dict.fromkeys(("LSTMCell", "GRUCell", "RNNCell", "RNNBase"), _CELL),
    "BiLSTM": "write ost.LSTM(input_size, hidden_size, bidirectional=True)",
    "TimeDistributed": "a Dense runs at every step: ost.Dense(input_size, output_size)",
    "Masking": _PAD,
    "Flatten": "write ost.Last(), which keeps the last valid step, or ost.Mean()",
    "GlobalAveragePooling1D": "write ost.Mean()",
    "GlobalMaxPooling1D": "write ost.Max()",
    "RepeatVector": "write ost.repeat(row, like) in an ost.Graph",
    **dict.fromkeys(("BatchNorm1d", "BatchNormalization"), _BATCH_NORM),
    "LayerNormalization": "write ost.GRU(3, 4, regularizers=[ost.LayerNorm()])",
    **dict.fromkeys(
        ("MultiheadAttention", "MultiHeadAttention", "AdditiveAttention", "Transformer"), _ATTENTION
    ),
    **dict.fromkeys(("Module", "nn", "Model", "keras", "ModuleList", "Functional", "layers_"), _MODULE),
    **dict.fromkeys(
        ("cat", "concatenate", "Concatenate", "stack", "hstack"), "write ost.concat(a, b) in an ost.Graph"
    ),
    "flip": "write ost.reverse(symbol) in an ost.Graph",
    "CrossEntropyLoss": "write ost.CrossEntropy()",
    "NLLLoss": "write ost.CrossEntropy(), which takes logits",
    "CategoricalCrossentropy": "write ost.CrossEntropy(), with ids as targets",
    "SparseCategoricalCrossentropy": "write ost.CrossEntropy(), with ids as targets",
    **dict.fromkeys(("MSELoss", "MeanSquaredError"), "write ost.MSE()"),
    **dict.fromkeys(("BCELoss", "BCEWithLogitsLoss", "BinaryCrossentropy"), _BCE),
    **dict.fromkeys(("L1Loss", "MeanAbsoluteError"), "write ost.losses.MAE()"),
    "RMSProp": "write ost.RMSprop(lr=1e-2)",
    "Nadam": "write ost.Adam(lr=1e-3), or a subclass of ost.Optimizer",
    **dict.fromkeys(("optim", "Optimizers"), "write ost.Adam(lr=1e-3) or ost.SGD(lr=0.1)"),
    **dict.fromkeys(
        ("StepLR", "MultiStepLR", "lr_scheduler"), "write ost.schedules.Step(every=10, factor=0.1)"
    ),
    "ReduceLROnPlateau": "write ost.schedules.Plateau('val_loss')",
    "CosineAnnealingLR": "write ost.schedules.Cosine()",
    "ModelCheckpoint": "write ost.Checkpoints(path)",
    "clip_grad_norm_": "write ost.clip_norm(grads.params, 1.0), or clip_norm= of a Trainer",
    "save": "write net.save(path)",
    "save_model": "write net.save(path)",
    "load_model": "write ost.load(path)",
    "load_weights": "write net.load_state_dict(names_to_arrays)",
    **dict.fromkeys(("no_grad", "inference_mode", "GradientTape", "autograd"), _NO_GRAD),
    **dict.fromkeys(
        ("tensor", "Tensor", "from_numpy", "array", "zeros", "ones", "randn", "constant"), _ARRAYS
    ),
    **dict.fromkeys(("device", "cuda", "set_device"), _CPU),
    **dict.fromkeys(("manual_seed", "set_seed", "set_random_seed", "random"), _SEED),
    **dict.fromkeys(("DataLoader", "Dataset", "TensorDataset", "utils"), _LOADER),
    **dict.fromkeys(("pad_sequence", "pad_sequences", "pack_sequence"), _PAD),
    "pack_padded_sequence": "write ost.data.pack(x, lengths)",
    "pad_packed_sequence": "write ost.data.unpack(packed)",
    "train_test_split": "write ost.data.split(text, 0.1), or choose rows yourself",
    "compile": "nothing is to be compiled: write ost.Trainer(net, loss='mse')",
    "jit": "nothing is to be compiled: write ost.Trainer(net, loss='mse')",
    "Accuracy": "write metrics=['accuracy'] of a Trainer, or ost.metrics.Accuracy()",
    "GridSearchCV": "write ost.Trainer(net, loss='mse', seed=1) in a loop",
    "UnknownName": "write ost.plugins.UnknownName",
    "one_hot": "write ids as targets; ost.ops.one_hot(1, 3) is for steps",
}

_SORT: Final = (
    "the order of elements jumps where two are equal, and a step has no ids for whole vectors; write "
    "ost.ops.max(x), ost.ops.argmax(x), or ost.ops.softmax(x) for soft weights"
)

OPS: Final = {
    **dict.fromkeys(("sort", "argsort", "topk", "top_k", "median", "quantile"), _SORT),
    "ceil": "write -ost.ops.floor(-x)",
    "trunc": "write ost.ops.sign(x) * ost.ops.floor(ost.ops.abs(x))",
    "fmod": "write ost.ops.mod(x, 2.0), which has the sign of the divisor",
    "cumsum": "keep the sum as a State of the cell: state.sum + x; within a vector write ost.ops.sum(x)",
    "norm": "write ost.ops.sqrt(ost.ops.sum(x * x))",
    "std": "write ost.ops.layer_norm(x), or ost.ops.sqrt(ost.ops.mean(x * x))",
    "var": "write ost.ops.mean(x * x)",
    "prod": "write ost.ops.exp(ost.ops.sum(ost.ops.log(x)))",
    "cat": "write ost.ops.concat([x, x])",
    "concatenate": "write ost.ops.concat([x, x])",
    "stack": "write ost.ops.concat([x, x])",
    "mm": "write w @ x",
    "bmm": "write w @ x",
    "remainder": "write ost.ops.mod(x, 2.0)",
    "ger": "write ost.ops.outer(x, x)",
    "einsum": "write w @ x, or ost.ops.dot(x, x)",
    "linear": "write w @ x",
    "logit": "write ost.ops.log(x / (1 - x))",
    "log1p": "write ost.ops.log(1 + x)",
    "expm1": "write ost.ops.exp(x) - 1",
    "swish": "write ost.ops.silu(x)",
    "hardsigmoid": "write ost.ops.hard_sigmoid(x)",
    "hardtanh": "write ost.ops.clip(x, -1.0, 1.0)",
    "power": "write ost.ops.pow(x, 2.0)",
    "clamp": "write ost.ops.clip(x, -1.0, 1.0)",
    "detach": "write ost.ops.stop_gradient(x)",
    "dropout": "write regularizers=[ost.Dropout(0.5)] of a layer: ost.GRU(3, 4, "
    "regularizers=[ost.Dropout(0.5)])",
}


def no_attribute(module: str, name: str, known: Iterable[str], hints: Mapping[str, str]) -> AttributeError:
    """The error for a name that a module does not have, with what to write or the closest known name."""
    close, found, _ = did_you_mean(name, known).partition("?")
    hint = hints.get(name) or (f"{close}?" if found else f"dir({module}) lists the names")
    return AttributeError(f"module {module!r} has no attribute {name!r}; {hint}", name=name)
