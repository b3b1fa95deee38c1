"""Lines that users of PyTorch, Keras and scikit-learn type by habit: each runs, or names a line that runs."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato.errors import OstinatoError
from ostinato.foreign.arguments import ARGUMENTS
from ostinato.foreign.choices import CHOICES
from ostinato.foreign.names import KINDS, NETWORK, OPS, ROOT, TRAINER


class Habit(NamedTuple):
    """A line, and the line that its error names; "" if the line itself runs."""

    typed: str
    named: str = ""


DENSE = "ost.Dense(input_size, output_size)"
LSTM = "ost.LSTM(input_size, hidden_size)"
FIT = "ostinato.Trainer(net, loss='mse').fit(x, targets, epochs=10)"
STEP = "optimizer.step(net.parameters(), grads.params)"
BATCHES = "ost.data.Batches(x, targets, batch_size=32)"
TRAINING = "net.run(x, training=True)"
DEVICE = "ost.GRU(3, 4, dtype='float64')"
STACK = "ost.Sequential(ost.GRU(3, 8), ost.Dense(8, 2))"

LINES = {
    # Layers of PyTorch and Keras
    *(Habit(line, DENSE) for line in ("ost.Linear(3, 4)", "ost.Dense(2)", "ost.Dense(units=2)")),
    Habit("ost.Dense(in_features=3, out_features=2)", DENSE),
    Habit("ost.Dense(2, activation='relu')", DENSE),
    Habit("ost.Dense(3, 2, activation='relu')"),
    Habit("ost.Dense(3, 2, bias=False)"),
    Habit("ost.Dense(3, 2, use_bias=False)", "ost.Dense(input_size, output_size, bias=False)"),
    *(
        Habit(line, LSTM)
        for line in ("ost.LSTM(16)", "ost.LSTM(units=16)", "ost.LSTM(16, input_shape=(7, 3))")
    ),
    Habit("ost.LSTM(3, 4, batch_first=True)"),
    Habit("ost.LSTM(input_size=3, hidden_size=4, num_layers=2, bidirectional=True)"),
    Habit("ost.GRU(3, 4, 2)"),
    Habit("ost.LSTM(3, 4, dropout=0.0)"),
    Habit("ost.LSTM(3, 4, dropout=0.2)", "regularizers=[Dropout(p)]"),
    Habit(
        "ost.LSTM(3, 4, recurrent_dropout=0.2)",
        "ost.LSTM(input_size, hidden_size, regularizers=[ost.RecurrentDropout(0.2)])",
    ),
    Habit(
        "ost.LSTM(3, 4, return_sequences=True)",
        "ost.Sequential(ost.LSTM(input_size, hidden_size), ost.Last())",
    ),
    Habit("ost.LSTM(3, 4, return_state=True)", "run = net.run(x)"),
    Habit("ost.GRU(3, 4, stateful=True)", "run = net.run(x)"),
    Habit("ost.LSTM(3, 4, use_bias=False)", "ost.LSTM(input_size, hidden_size, bias=False)"),
    Habit(
        "ost.LSTM(3, 4, kernel_initializer='glorot_uniform')",
        "ost.LSTM(input_size, hidden_size, init='xavier_uniform')",
    ),
    Habit("ost.LSTM(3, 4, init='glorot_uniform')", "init='xavier_uniform'"),
    Habit("ost.RNN(3, 4, activation='relu')", "ost.RNN(input_size, hidden_size, nonlinearity='relu')"),
    Habit("ost.RNN(3, 4, nonlinearity='relu')"),
    Habit("ost.SimpleRNN(16)", "ost.RNN(input_size, hidden_size)"),
    Habit("ost.LSTMCell(3, 4)", LSTM),
    Habit("ost.Bidirectional(ost.LSTM(3, 4))"),
    Habit(
        "ost.Bidirectional(ost.LSTM(3, 4), merge_mode='concat')",
        "ost.Bidirectional(ost.LSTM(input_size, hidden_size))",
    ),
    Habit("ost.Embedding(10, 3)"),
    Habit("ost.Embedding(10)", "ost.Embedding(num_embeddings, embedding_dim)"),
    Habit("ost.Embedding(input_dim=10, output_dim=3)", "ost.Embedding(num_embeddings, embedding_dim)"),
    Habit("ost.Embedding(10, 3, padding_idx=0)", "net.run(x, lengths=lengths)"),
    Habit("ost.Embedding(10, 3, mask_zero=True)", "net.run(x, lengths=lengths)"),
    Habit("ost.Masking(0.0)", "net.run(rows)"),
    Habit("ost.TimeDistributed(ost.Dense(3, 2))", DENSE),
    Habit("ost.Flatten()", "ost.Last()"),
    Habit("ost.GlobalAveragePooling1D()", "ost.Mean()"),
    Habit("ost.ReLU()", "ost.Dense(input_size, output_size, 'relu')"),
    Habit("ost.relu(x)", "ost.ops.relu"),
    Habit("ost.BatchNorm1d(4)", "ost.GRU(3, 4, regularizers=[ost.LayerNorm()])"),
    Habit("ost.MultiheadAttention(4, 2)", "ost.Attention('dot', query_size, memory_size)"),
    Habit("ost.Dropout(rate=0.5)", "ost.Dropout(0.5)"),
    Habit("ost.Sequential([ost.LSTM(3, 4), ost.Dropout(0.1), ost.Dense(4, 2)])"),
    Habit("ost.nn.Module", STACK),
    Habit("ost.Module", STACK),
    Habit("ost.Model(inputs, outputs)", STACK),
    Habit("ost.keras.Sequential()", STACK),
    Habit("ost.Input(shape=(None, 3))", "ost.Input('x', size=3)"),
    Habit("ost.cat([symbol, symbol], -1)", "ost.concat(a, b)"),
    Habit("ost.concat([symbol, symbol], axis=-1)", "ost.concat(a, b)"),
    # Losses, optimizers and schedules
    Habit("ost.CrossEntropyLoss()", "ost.CrossEntropy()"),
    Habit("ost.MSELoss()", "ost.MSE()"),
    Habit("ost.BCEWithLogitsLoss()", "ost.losses.BinaryCrossEntropy()"),
    Habit("ost.CrossEntropy(weight=[1.0, 2.0])", "ost.CrossEntropy(class_weight=[1.0, 2.0])"),
    Habit("ost.CrossEntropy(ignore_index=-100)", "ost.CrossEntropy(ignore=-100)"),
    Habit("ost.CrossEntropy(label_smoothing=0.1)"),
    Habit("ost.Trainer(net, loss='MSE')", "did you mean 'mse'"),
    Habit("ost.Trainer(net, loss='mean_squared_error')", "loss='mse'"),
    Habit("ost.Trainer(net, loss='bce')", "loss='binary_cross_entropy'"),
    Habit("ost.Trainer(net, loss='mse', optimizer='RMSprop')", "did you mean 'rmsprop'"),
    Habit("ost.Trainer(net, loss='mse', metrics=['acc'])", "metrics=['accuracy']"),
    Habit("ost.AdamW(lr=1e-3, weight_decay=1e-2)"),
    Habit("ost.optim.Adam(net.parameters())", "ost.Adam(lr=1e-3)"),
    Habit("ost.Adam(learning_rate=1e-3)", "ost.Adam(lr=1e-3)"),
    Habit("ost.Adam(params=net.parameters(), lr=1e-3)", "ost.Adam(lr=1e-3)"),
    Habit("ost.Adam(net.parameters())", "step(net.parameters(), grads.params)"),
    Habit("ost.SGD(lr=0.1, momentum=0.9, nesterov=True)"),
    Habit("ost.SGD()", "ost.SGD(lr=0.1)"),
    Habit("optimizer.zero_grad()", STEP),
    Habit("optimizer.step()", STEP),
    Habit("optimizer.param_groups[0]['lr']", "optimizer.lr"),
    Habit("ost.MSE().backward()", "net.value_and_grad(x, targets, loss='mse')"),
    Habit("ost.clip_grad_norm_(net.parameters(), 1.0)", "ost.clip_norm(grads.params, 1.0)"),
    Habit("ost.StepLR(optimizer, 10)", "ost.schedules.Step(every=10, factor=0.1)"),
    Habit("ost.ReduceLROnPlateau(optimizer)", "ost.schedules.Plateau('val_loss')"),
    Habit("ost.schedules.Cosine().step()", "ost.Trainer(net, loss='mse', schedule='cosine')"),
    Habit("ost.schedules.Plateau(monitor='val_loss')", "ost.schedules.Plateau('val_loss')"),
    # Networks
    Habit("net.train()", TRAINING),
    Habit("net.eval()", TRAINING),
    Habit("net.fit(x, targets)", FIT),
    Habit("net.compile('adam', 'mse')", FIT),
    Habit("net.evaluate(x, targets)", "ostinato.Trainer(net, loss='mse').evaluate(x, targets)"),
    Habit("net.score(x, targets)", "ostinato.Trainer(net, loss='mse').evaluate(x, targets)"),
    Habit("net.predict(x)"),
    Habit("net.predict(rows)"),
    Habit("net.forward(x)", "net.run(x)"),
    Habit("net(x)"),
    Habit("net(x, lengths=lengths)"),
    Habit("net(x, state)", "net.run(x, state=state)"),
    Habit("net.run(x, state)", "net.run(x, lengths=lengths, state=state)"),
    Habit("net.run(x, initial_state=state)", "net.run(x, state=state)"),
    Habit("net.backward()", "net.value_and_grad(x, targets, loss='mse')"),
    Habit("net.zero_grad()", "net.value_and_grad(x, targets, loss='mse')"),
    Habit("net.value_and_grad(x, targets)", "net.value_and_grad(x, targets, loss='mse')"),
    Habit("net.value_and_grad(x, targets, loss='mse', sample_weight=weights)", "weights=class_weights[ids]"),
    Habit("net.summary()", "print(net)"),
    Habit("net.to('cuda')", DEVICE),
    Habit("net.half()", DEVICE),
    Habit("[p for p in net.parameters()]"),
    Habit("[p.shape for name, p in net.parameters().items()]"),
    Habit("list(net.named_parameters())", "net.parameters()"),
    Habit("net.load_state_dict(net.state_dict())"),
    Habit("net.get_weights()", "net.state_dict()"),
    Habit("net.count_params()", "net.arena.size"),
    Habit("net.requires_grad_(False)", "net.freeze('0.*')"),
    Habit("net.add(ost.Dense(2, 2))", "ost.Sequential(ost.GRU(3, 8), ost.Dense(8, 2))"),
    Habit("net[0], net[-1], len(net), list(net)"),
    Habit("net.get_layer('rnn')", "net[0]"),
    Habit("net.save_weights(path)", "net.save(path)"),
    Habit("net.save(path, metadata={'labels': ['no', 'yes']})"),
    Habit("ost.save(net.state_dict(), path)", "net.save(path)"),
    Habit("ost.load_model(path)", "ost.load(path)"),
    Habit("ost.no_grad()", "net(x)"),
    Habit("ost.tensor([1.0])", "np.asarray(x)"),
    Habit("ost.manual_seed(0)", "ost.GRU(3, 4, seed=1)"),
    Habit("ost.device('cuda')", "ost.set_num_threads(2)"),
    Habit("ost.cuda.is_available()", "ost.set_num_threads(2)"),
    # Data and training
    Habit("ost.DataLoader((x, targets), batch_size=32)", BATCHES),
    Habit("ost.TensorDataset(x, targets)", BATCHES),
    Habit("ost.data.Batches(x, targets, collate_fn=None)", BATCHES),
    Habit("ost.pad_sequence(rows)", "net.run(rows)"),
    Habit("ost.pack_padded_sequence(x, lengths)", "ost.data.pack(x, lengths)"),
    Habit("ost.Trainer(model=net, loss='mse')", "ost.Trainer(net, loss='mse')"),
    Habit("ost.Trainer(net, criterion='mse')", "ost.Trainer(net, loss='mse')"),
    Habit("trainer.fit(x, targets, epochs=1, validation_split=0.1)", "validation=(x, targets)"),
    Habit("trainer.fit(x, targets, num_epochs=1)", "trainer.fit(x, targets, epochs=10)"),
    Habit("trainer.predict(x)"),
    Habit("trainer.test(x, targets)", "trainer.evaluate(x, targets)"),
    Habit("ost.EarlyStopping(monitor='val_loss', restore_best_weights=True)", "EarlyStopping('val_loss')"),
    Habit("ost.EarlyStopping(patience=3)"),
    Habit("ost.ModelCheckpoint(path)", "ost.Checkpoints(path)"),
    Habit("ost.Checkpoints(path, save_best_only=True)", "ost.Checkpoints(path, best='val_loss')"),
    Habit("ost.train_test_split(text)", "ost.data.split(text, 0.1)"),
    Habit("ost.compile(net)", "ost.Trainer(net, loss='mse')"),
    # Steps
    Habit("ost.ops.sort(x)", "ost.ops.max(x)"),
    Habit("ost.ops.ceil(x)", "-ost.ops.floor(-x)"),
    Habit("ost.ops.clamp(x, -1, 1)", "ost.ops.clip(x, -1.0, 1.0)"),
    Habit("ost.ops.cat([x, x])", "ost.ops.concat([x, x])"),
    Habit("ost.ops.detach(x)", "ost.ops.stop_gradient(x)"),
    Habit("ost.ops.sum(x, dim=-1)", "its arguments are x, keepdims, axis"),
    Habit("ost.LSTN(3, 4)", "did you mean 'LSTM'"),
    Habit("ost.Trainr(net)", "did you mean 'Trainer'"),
}
# Named by a part of a call, or in words.
PARTS = {
    "did you mean 'mse'",
    "did you mean 'rmsprop'",
    "did you mean 'LSTM'",
    "its arguments are x, keepdims, axis",
    "did you mean 'Trainer'",
}
CALLS = {
    "step(": "optimizer.{part}",
    "loss='": "ost.Trainer({net}, {part})",
    "optimizer=": "ost.Trainer(net, loss='mse', {part})",
    "metrics=": "ost.Trainer(classes, loss='cross_entropy', {part})",
    "init=": "ost.LSTM(input_size, hidden_size, {part})",
    "regularizers=": "ost.LSTM(input_size, hidden_size, {part})",
    "weights=": "classes.value_and_grad(ids, ids, loss='cross_entropy', {part})",
    "validation=": "trainer.fit(x, targets, epochs=1, {part})",
    "EarlyStopping": "ost.{part}",
}


@pytest.fixture
def names(tmp_path: Any) -> dict[str, Any]:
    """What the lines speak of."""
    net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 2))
    x, targets = np.ones((5, 7, 3), "f4"), np.ones((5, 7, 2), "f4")
    state = net.run(x).final_state
    _, grads = net.value_and_grad(x, targets, loss="mse")
    path = tmp_path / "file"
    net.save(path)
    symbol = ost.Input("x", size=3)
    return {
        "ost": ost, "ostinato": ost, "np": np, "net": net, "x": x, "targets": targets, "state": state,
        "trainer": ost.Trainer(net, loss="mse"), "optimizer": ost.Adam(), "grads": grads, "path": path,
        "lengths": [7, 3, 2, 1, 1], "rows": [x[0], x[1, :2]], "symbol": symbol, "a": symbol, "b": symbol,
        "input_size": 3, "hidden_size": 4, "output_size": 2, "num_embeddings": 10, "embedding_dim": 3,
        "query_size": 3, "memory_size": 3, "ids": np.zeros((2, 3), int), "class_weights": np.ones(4),
        "classes": ost.Sequential(ost.Embedding(10, 3), ost.Dense(3, 4)), "text": "abcdefghijkl", "p": 0.5,
        "Dropout": ost.Dropout, "weights": np.ones((5, 7)), "inputs": symbol, "outputs": symbol,
    }  # fmt: skip


@pytest.mark.parametrize("habit", sorted(LINES), ids=lambda habit: habit.typed[:60])
def test_a_line_typed_by_habit_runs_or_names_the_line_that_does(habit: Habit, names: dict[str, Any]):
    if not habit.named:
        exec(habit.typed, names)
        return
    with pytest.raises((OstinatoError, AttributeError)) as caught:
        exec(habit.typed, names)
    assert habit.named in str(caught.value)
    assert len(str(caught.value)) < 500
    if habit.named in PARTS:
        return
    call = next((call for start, call in CALLS.items() if habit.named.startswith(start)), "{part}")
    net = "classes" if "cross_entropy" in habit.named else "net"
    exec(call.format(part=habit.named, net=net), names)


def test_there_are_many_lines():
    assert len(LINES) >= 60


HINTS = {
    f"{table} {name}": hint
    for table, hints in {
        "NETWORK": NETWORK, "TRAINER": TRAINER, "ROOT": ROOT, "OPS": OPS, **KINDS, **CHOICES,
        **{owner: arguments.hints for owner, arguments in ARGUMENTS.items()},
    }.items()
    for name, hint in hints.items()
}  # fmt: skip


@pytest.mark.parametrize("hint", sorted(set(HINTS.values())), ids=lambda hint: hint[:50])
def test_every_name_in_a_hint_exists(hint: str, names: dict[str, Any]):
    names = {**names, "stream": names["net"].stream(), "run": names["net"].run(names["x"])}
    for dotted in re.findall(
        r"\b((?:ost|ostinato|net|trainer|optimizer|stream|run|grads|copy)(?:\.\w+)+)", hint
    ):
        place: Any = names
        first, *rest = dotted.split(".")
        value = __import__(first) if first == "copy" else place[first]
        for one in rest:
            value = getattr(value, one)


def test_suggestions_ignore_case_and_separators():
    for typed, known in (
        ("MinGRU", "min_gru"),
        ("Min-LSTM", "min_lstm"),
        ("LSTM", "lstm"),
        ("IndRnn", "indrnn"),
    ):
        with pytest.raises(ost.ConfigError, match=f"did you mean '{known}'"):
            ost.Recurrent(typed, 2, 2)
    with pytest.raises(ost.ConfigError, match="did you mean 'sgd'"):
        ost.Trainer(ost.RNN(2, 2), loss="mse", optimizer="SGD")


def test_modules_show_public_names_alone_and_suggest_the_closest():
    assert {name for name in dir(ost) if not name.startswith("__")} == {
        *ost.__all__,
        *("losses", "optimizers"),
    } - {"__version__"}
    with pytest.raises(AttributeError, match="did you mean 'Embedding'"):
        _ = ost.Embeding
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        _ = ost.ops.softmx
    assert not hasattr(ost, "no_such_thing") and getattr(ost, "nothing_here", 3) == 3
    with pytest.raises(ImportError):
        exec("from ostinato import Linear", {})


def test_an_error_inside_a_call_stays_as_it_is():
    class Wrong(ost.Layer):
        input_size: int = 2

        def build(self, x: Any) -> Any:
            raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine"):
        Wrong()


def test_arguments_of_a_users_own_class_are_named_too():
    class Mine(ost.LSTM):
        kind = "mine_by_habit"

        def __init__(self, width: int) -> None:
            super().__init__(width, width)

    with pytest.raises(
        ost.ConfigError, match=r"Mine has no argument 'units'; a layer takes the size of its input"
    ):
        Mine(units=3)
    with pytest.raises(ost.ConfigError, match=r"Mine: missing a required argument: 'width'"):
        Mine()
