"""Feedings in a run: what the network is fed, and that nothing else changes it."""

from typing import Any

import numpy as np
import pytest
from ostinato_sampling import FreeRunning, ScheduledSampling

import ostinato as ost

IDS = 6
ROWS = 12


def writer(dtype: str = "float64", seed: int = 0, **options: Any) -> ost.Graph:
    """source (N, S) and words (N, T) in, the logits of the next word (N, T, 6) out."""
    source, words = ost.Input("source", ids=IDS, axis="source"), ost.Input("words", ids=IDS, axis="target")
    encoder = ost.GRU(4, 5, dtype=dtype)
    decoder = ost.Decoder("gru", 4, 5, 5, dtype=dtype, **options)
    encoded = encoder(ost.Embedding(IDS, 4, dtype=dtype)(source))
    start = ost.Bridge(encoder, decoder, dtype=dtype)(encoded)
    decoded = decoder(ost.Embedding(IDS, 4, dtype=dtype)(words), source=encoded, initial_state=start)
    net = ost.Graph(ost.Dense(5, IDS, dtype=dtype)(decoded))
    net.arena[...] = np.random.default_rng(seed).normal(size=net.arena.shape) * 0.8
    return net


def data(form: str = "arrays", rows: int = ROWS) -> tuple[Any, Any, Any]:
    """x, targets and lengths, as arrays or as lists of rows. Rows begin with two different ids."""
    rng = np.random.default_rng(1)
    source, targets = rng.integers(1, IDS, (rows, 7)), rng.integers(1, IDS, (rows, 9))
    lengths = {"source": rng.integers(1, 8, rows), "target": rng.integers(1, 10, rows)}
    lengths["target"][0] = 0
    first = np.arange(rows)[:, None] % 2 * 5
    words = np.concatenate([first, targets[:, :-1]], 1)
    if form == "arrays":
        return {"source": source, "words": words}, targets, lengths

    def listed(value: Any, axis: str) -> Any:
        return [row[:length] for row, length in zip(value, lengths[axis], strict=True)]

    return (
        {"source": listed(source, "source"), "words": listed(words, "target")},
        listed(targets, "target"),
        None,
    )


class Watch:
    """Notes the batches of a run."""

    def __init__(self):
        self.batches = []

    @ost.hookimpl
    def ostinato_batch_start(self, batch):
        self.batches.append(batch)


def trained(strategies, form="arrays", net=None, dtype="float64", **options):
    """A trainer of the encoder-decoder after two epochs, and the batches that it fed."""
    watch = Watch()
    made = ost.Trainer(
        writer(dtype) if net is None else net,
        loss="cross_entropy",
        strategies=strategies,
        seed=3,
        callbacks=[watch, *options.pop("callbacks", [])],
    )
    x, targets, lengths = data(form)
    made.fit(x, targets, lengths=lengths, batch_size=5, progress=False, **{"epochs": 2, **options})
    return made, watch.batches


def core_of(net):
    """The core of a trainer of the network, as an estimator gets it."""

    class Took(ost.Estimator):
        def estimate(self, core, batch):
            self.core = core
            return core.value_and_grad(batch)

    took = Took()
    x, targets, lengths = data()
    ost.Trainer(net, loss="cross_entropy", optimizer=ost.SGD(lr=1e-30), strategies=[took]).fit(
        x, targets, lengths=lengths, epochs=1, progress=False
    )
    return took.core


def batch_of(form="arrays"):
    x, targets, lengths = data(form)
    axes = ost.Axes({"source": "source", "words": "target"}, {"output": "target"})
    return ost.Batch(x, targets, lengths, seed=5, axes=axes, places=np.arange(ROWS) * 3)


def free(net, batch):
    """The most likely ids when every step is fed the one before, by hand: one more step for each."""
    fed = np.array(batch.x["words"])
    for step in range(1, fed.shape[1]):
        own = {"source": batch.lengths["source"], "target": np.full(ROWS, step)}
        logits = net({"source": batch.x["source"], "words": fed[:, :step]}, lengths=own)
        fed[:, step] = logits[:, step - 1].argmax(-1)
    return fed


STEPS = np.arange(9) < data()[2]["target"][:, None]


def test_where_the_coin_says_truth_the_true_id_is_fed_else_the_networks_own():
    """S21. The prediction of a step is that of the network after all that it was fed before."""
    net, batch = writer(), batch_of()
    core, made = core_of(net), ScheduledSampling("constant", start=0.5, temperature=0.0)
    given = made.feed(batch, ost.Moment(step=2))
    words = core.fed(given).x["words"]
    assert np.array_equal(words[:, 0], batch.x["words"][:, 0])
    logits = net({**batch.x, "words": words}, lengths=batch.lengths)
    own = np.concatenate([words[:, :1], logits[:, :-1].argmax(-1)], 1)
    expected = np.where(given.truth, batch.x["words"], own)
    expected[:, 0] = words[:, 0]
    assert np.array_equal(words[STEPS], expected[STEPS])
    coins = given.truth[:, 1:][STEPS[:, 1:]]
    assert 0.3 < coins.mean() < 0.7 and (words != batch.x["words"])[STEPS].any()


def test_free_running_feeds_every_prediction_and_a_predicted_end_ends_nothing():
    """S21, p = 0."""
    net, batch = writer(), batch_of()
    found = free(net, batch)
    common = np.bincount(found[:, 1:-1][STEPS[:, 2:]]).max()
    assert common > ROWS  # whichever id the end is, rows go on after it
    for made in (FreeRunning(), ScheduledSampling("constant", start=0.0, temperature=0.0)):
        words = core_of(net).fed(made.feed(batch, ost.Moment())).x["words"]
        assert np.array_equal(words[STEPS], found[STEPS])


@pytest.mark.parametrize("form", ["arrays", "rows"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_the_probability_1_the_run_has_the_bits_of_teacher_forcing(form, dtype):
    """S21, p = 1."""
    forced, _ = trained([], form, dtype=dtype)
    sampled, batches = trained([ScheduledSampling("constant")], form, dtype=dtype)
    assert all(batch.truth.all() for batch in batches)
    assert np.array_equal(forced.net.arena, sampled.net.arena)
    assert forced.history == sampled.history


def test_nothing_is_decoded_where_every_coin_says_truth(monkeypatch):
    net, calls = writer(), []
    whole = type(net).decode
    monkeypatch.setattr(type(net), "decode", lambda *a, **k: calls.append(k["max_length"]) or whole(*a, **k))
    core, batch = core_of(net), batch_of()
    assert core.fed(batch.replace(truth=np.ones((ROWS, 9), bool))).x is batch.x and not calls
    truth = np.ones((ROWS, 9), bool)
    truth[3, 4] = truth[5, 8] = False  # row 3 has steps enough, row 5 has not
    truth[:, 0] = False  # the first id has no prediction
    lengths = {**batch.lengths, "target": np.where(np.arange(ROWS) == 5, 6, 9)}
    core.fed(batch.replace(truth=truth, lengths=lengths))
    assert calls == [[4]]  # of row 3 alone, and no step beyond its last prediction


def test_lists_of_rows_are_fed_as_arrays_are():
    net = writer()
    core, made = core_of(net), ScheduledSampling("constant", start=0.5)
    when = ost.Moment(step=1)
    words = core.fed(made.feed(batch_of(), when)).x["words"]
    rows = core.fed(made.feed(batch_of("rows"), when)).x["words"]
    for row, whole, steps in zip(rows, words, STEPS, strict=True):
        assert np.array_equal(row, whole[steps])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_is_fed_the_same_ids_alone_in_any_order_and_on_any_threads(temperature):
    core, made = core_of(writer()), ScheduledSampling("constant", start=0.4, temperature=temperature)
    batch, when = batch_of(), ost.Moment(step=6)
    words = core.fed(made.feed(batch, when)).x["words"]
    order = np.random.default_rng(0).permutation(ROWS)
    threads = ost.get_num_threads()
    try:
        for number in (1, 3):
            ost.set_num_threads(number)
            found = core.fed(made.feed(batch.take(order), when)).x["words"]
            assert np.array_equal(found, words[order])
    finally:
        ost.set_num_threads(threads)
    for row in range(ROWS):
        alone = core.fed(made.feed(batch.take(np.array([row])), when)).x["words"]
        assert np.array_equal(alone, words[[row]])


def test_draws_differ_by_update_and_row_and_those_of_temperature_0_do_not():
    core, batch = core_of(writer()), batch_of()
    one, other = (core.fed(FreeRunning(1.0).feed(batch, ost.Moment(step=n))).x["words"] for n in (0, 1))
    assert not np.array_equal(one, other)
    one, other = (core.fed(FreeRunning().feed(batch, ost.Moment(step=n))).x["words"] for n in (0, 1))
    assert np.array_equal(one, other)


def test_the_gradient_is_that_of_an_update_on_the_ids_that_were_fed():
    """S21: none through the choice, but into the embedding of the fed id: central differences, frozen ids."""
    net, batch = writer(), batch_of()
    core = core_of(net)
    given = ScheduledSampling("constant", start=0.4).feed(batch, ost.Moment(step=8))
    frozen = core.fed(given)
    loss, grads = core.value_and_grad(given)
    assert loss == core.value_and_grad(frozen)[0]
    own = frozen.x["words"] != batch.x["words"]
    arena, rng = net.arena, np.random.default_rng(0)
    for place in rng.choice(arena.size, 40, replace=False):
        kept, values = arena[place], []
        for step in (1e-5, -1e-5):
            arena[place] = kept + step
            values.append(
                net.loss_value(frozen.x, batch.targets, loss="cross_entropy", lengths=batch.lengths)[0]
            )
        arena[place] = kept
        assert abs((values[0] - values[1]) / 2e-5 - grads.arena[place]) < 1e-8
    assert own.any()


@pytest.mark.parametrize("strategy", [ScheduledSampling(k=9), FreeRunning(0.7)])
def test_a_resumed_run_is_the_one_that_was_not_cut(tmp_path, strategy):
    path = tmp_path / "checkpoint"
    whole, batches = trained([strategy], callbacks=[ost.Checkpoints(path, every_steps=2)], epochs=3)
    resumed, _ = trained([type(strategy)(**strategy.options)], resume=path, epochs=3)
    assert len({batch.sample.seed for batch in batches}) == len(batches)
    assert np.array_equal(resumed.net.arena, whole.net.arena)
    assert resumed.history == whole.history


def test_validation_is_teacher_forced_and_a_language_model_may_be_fed_too():
    net = ost.Sequential(ost.Embedding(IDS, 4), ost.GRU(4, 5), ost.Dense(5, IDS))
    ids = np.random.default_rng(0).integers(0, IDS, (20, 8))
    trainer = ost.Trainer(net, loss="cross_entropy", strategies=["sampling/free_running"])
    trainer.fit(ids[:, :-1], ids[:, 1:], epochs=2, progress=False, validation=(ids[:, :-1], ids[:, 1:]))
    found = net.loss_value(ids[:, :-1], ids[:, 1:], loss="cross_entropy")[0]
    assert trainer.history["val_loss"][-1] == pytest.approx(found, rel=1e-6)


def fit(**changes):
    """Scheduled sampling with a batch that has something else."""
    x, targets, lengths = data()
    batch = ost.Batch(x, targets, lengths).replace(**changes)
    ost.Trainer(writer(), loss="cross_entropy", strategies=[FreeRunning()]).fit(
        [batch], epochs=1, progress=False
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": {"target": np.ones((ROWS, 9), bool)}}, "the batch has mask, which decoding does not read"),
        ({"sample": ost.Sample()}, "the batch has sample, which only a strategy of the role 'feeding' sets"),
        ({"truth": np.ones((ROWS, 9), bool)}, "the batch has truth, which only"),
    ],
)
def test_what_is_not_fed_is_refused_by_name(changes, message):
    with pytest.raises(ost.ConfigError, match=message):
        fit(**changes)


def test_networks_that_are_not_fed_their_output_are_refused():
    x = np.zeros((4, 5, 2), "float32")
    features = ost.Trainer(ost.GRU(2, 2), loss="mse", strategies=[FreeRunning()])
    with pytest.raises(ost.ConfigError, match="x has features, and predictions are ids"):
        features.fit(x, x, epochs=1, progress=False)
    last = ost.Sequential(ost.Embedding(5, 3), ost.GRU(3, 2), ost.Last())
    with pytest.raises(ost.ConfigError, match="does not read its own output: its inputs lie on the axes"):
        ost.Trainer(last, loss="cross_entropy", strategies=[FreeRunning()]).fit(
            np.zeros((4, 5), int), np.zeros(4, int), epochs=1, progress=False
        )
    both = ost.Sequential(ost.Embedding(5, 3), ost.GRU(3, 2, bidirectional=True), ost.Dense(4, 5))
    with pytest.raises(ost.ConfigError, match="bidirectional network"):
        ost.Trainer(both, loss="cross_entropy", strategies=[FreeRunning()]).fit(
            np.zeros((4, 5), int), np.zeros((4, 5), int), epochs=1, progress=False
        )
