"""A trainer on rows with a mask does what it does on the rows of valid steps."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches
from tests.masks import compressed, mask_of, poisoned, valid_of
from tests.training.tasks import network, ragged_lengths, running_sum, trainer

X, TARGETS = running_sum()
LENGTHS, MASK = ragged_lengths(), mask_of(10, 7)
VALID = valid_of(MASK, LENGTHS)
GIVEN = (poisoned(X, VALID), poisoned(TARGETS, VALID))
BY_HAND = (compressed(X, VALID), compressed(TARGETS, VALID))


def cut(array, lengths=LENGTHS):
    return [row[:length] for row, length in zip(array, lengths, strict=True)]


FORMS = {
    "arrays": lambda: ((*GIVEN,), {"lengths": LENGTHS, "mask": MASK}),
    "lists": lambda: ((cut(GIVEN[0]), cut(GIVEN[1])), {"mask": cut(MASK)}),
    "lists and an array": lambda: ((cut(GIVEN[0]), cut(GIVEN[1])), {"mask": MASK}),
}


@pytest.mark.parametrize("form", FORMS)
def test_fit_and_evaluate_take_a_mask(form):
    given, options = FORMS[form]()
    weights = np.random.default_rng(1).random((10, 7))
    masked, by_hand = trainer(metrics=["rmse", "mae"]), trainer(metrics=["rmse", "mae"])
    one = poisoned(weights, VALID)
    masked.fit(*given, epochs=2, batch_size=4, weights=one if form == "arrays" else cut(one), **options)
    by_hand.fit(*BY_HAND, epochs=2, batch_size=4, weights=compressed(weights, VALID), lengths=VALID.sum(1))
    assert masked.net.arena.tobytes() == by_hand.net.arena.tobytes()
    assert masked.history["loss"] == pytest.approx(by_hand.history["loss"], rel=1e-12)
    found = masked.evaluate(*given, batch_size=3, **options)
    assert found == pytest.approx(by_hand.evaluate(*BY_HAND, batch_size=3, lengths=VALID.sum(1)))


def test_batches_with_masks_train_and_validate():
    data = [
        ost.Batch(*(array[a : a + 5] for array in GIVEN), LENGTHS[a : a + 5], mask=MASK[a : a + 5])
        for a in (0, 5)
    ]
    plain = [ost.Batch(*(array[a : a + 5] for array in BY_HAND), VALID[a : a + 5].sum(1)) for a in (0, 5)]
    masked, by_hand = trainer(metrics=["mae"]), trainer(metrics=["mae"])
    masked.fit(data, epochs=2, validation=data)
    by_hand.fit(plain, epochs=2, validation=plain)
    assert masked.net.arena.tobytes() == by_hand.net.arena.tobytes()
    assert masked.history["val_mae"] == pytest.approx(by_hand.history["val_mae"], rel=1e-12)


def test_windows_carry_the_state_over_masked_steps():
    made = trainer(
        strategies=[ost.strategies.Truncated(2, update_every=2), ost.strategies.AllRows(shuffle=False)]
    )
    made.fit(*GIVEN, epochs=1, batch_size=10, lengths=LENGTHS, mask=MASK)
    net, adam, state = network(), ost.Adam(lr=1e-2), None
    for start in range(0, 7, 2):
        now = slice(start, start + 2)
        _, grads = net.value_and_grad(
            GIVEN[0][:, now],
            GIVEN[1][:, now],
            loss="mse",
            lengths=np.clip(LENGTHS - start, 0, GIVEN[0][:, now].shape[1]),
            mask=MASK[:, now],
            state=state,
            input_gradient=False,
        )
        adam.step(net.arena, grads.arena, clip_norm=1.0)
        state = grads.final_state
    assert made.net.arena.tobytes() == net.arena.tobytes()


def test_labels_of_rows_with_a_mask():
    def make():
        return ost.Sequential(ost.GRU(2, 5, seed=0), ost.Last(), ost.Dense(5, 3, seed=0))

    labels = np.arange(10) % 3
    masked = trainer(make(), loss="cross_entropy", metrics=["accuracy", "perplexity"])
    by_hand = trainer(make(), loss="cross_entropy", metrics=["accuracy", "perplexity"])
    masked.fit(GIVEN[0], labels, epochs=2, batch_size=4, lengths=LENGTHS, mask=MASK)
    by_hand.fit(BY_HAND[0], labels, epochs=2, batch_size=4, lengths=VALID.sum(1))
    assert masked.net.arena.tobytes() == by_hand.net.arena.tobytes()
    found = masked.evaluate(GIVEN[0], labels, lengths=LENGTHS, mask=MASK)
    assert found == by_hand.evaluate(BY_HAND[0], labels, lengths=VALID.sum(1))


@pytest.mark.parametrize("per", ["step", "sequence"])
@pytest.mark.parametrize("form", ["array", "list"])
def test_batches_by_length_have_the_masks_of_their_rows(form, per):
    targets = TARGETS if per == "step" else np.arange(10)
    if form == "array":
        batches = Batches(X, targets, lengths=LENGTHS, mask=MASK, batch_size=4, per=per)
    else:
        listed = cut(TARGETS) if per == "step" else targets
        batches = Batches(cut(X), listed, mask=[row.tolist() for row in cut(MASK)], batch_size=4, per=per)
    for batch in batches:
        expected = VALID[batch.places][:, : batch.steps]
        assert np.array_equal(batch.mask, expected)
        assert batch.mask.dtype == bool


def test_a_value_at_a_masked_step_is_no_culprit():
    bad = X.copy()
    bad[~MASK] = np.nan
    bad[1, 3, 0] = np.inf
    made = trainer(strategies=[ost.strategies.AllRows(shuffle=False)])
    for given in ((bad, TARGETS, MASK), (list(bad), list(TARGETS), list(MASK))):
        with pytest.raises(ost.NonFiniteError, match="x holds inf in row 1, step 3"):
            made.fit(given[0], given[1], mask=given[2], epochs=1)


def test_a_mask_that_does_not_fit_is_refused_before_an_epoch():
    made = trainer()
    for call, error, message in (
        (lambda: made.fit(X, TARGETS, epochs=1, mask=MASK[:5]), ost.ShapeError, r"mask is \(5, 7\)"),
        (lambda: made.fit(X, TARGETS, epochs=1, mask=MASK * 1.0), ost.DTypeError, r"astype\(bool\)"),
        (lambda: made.fit(X, TARGETS, epochs=1, mask={"x": MASK}), ost.ConfigError, "the axis 'x'"),
        (lambda: made.fit([ost.Batch(X, TARGETS)], epochs=1, mask=MASK), ost.ConfigError, "mask requires x"),
        (
            lambda: made.fit(X, TARGETS, epochs=1, mask=MASK, weights=np.ones((10, 5))),
            ost.ShapeError,
            r"weights is \(10, 5\)",
        ),
        (lambda: made.evaluate(X, TARGETS, mask=~MASK & MASK), ost.ConfigError, "no valid step"),
        (lambda: Batches(X, mask=MASK[:, :5]), ost.ShapeError, r"mask\[0\] has 5 steps; x\[0\] has 7"),
        (lambda: Batches(X, mask=MASK * 1), ost.DTypeError, r"mask\[0\] has dtype int64"),
        (lambda: Batches(X, mask=np.stack([MASK, MASK], -1)), ost.ShapeError, r"mask\[0\] is \(7, 2\)"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert made.run.step == 0


def test_several_inputs_and_outputs_share_the_mask():
    def make():
        x, site = ost.Input("x", size=2), ost.Input("site", size=1, axis="row")
        h = ost.GRU(2, 5, seed=0)(x)
        mood = ost.Dense(6, 3, seed=1)(ost.concat(ost.mean(h), site))
        return ost.Graph({"steps": ost.Dense(5, 2, seed=2)(h), "mood": mood})

    site, labels = np.ones((10, 1), "float32"), np.arange(10) % 3
    losses = {"steps": "mse", "mood": "cross_entropy"}
    masked, by_hand = (ost.Trainer(make(), loss=losses, metrics={"steps": ["mae"]}) for _ in range(2))
    masked.fit(
        {"x": GIVEN[0], "site": site},
        {"steps": GIVEN[1], "mood": labels},
        epochs=2,
        batch_size=4,
        lengths=LENGTHS,
        mask=MASK,
    )
    plain = {"x": BY_HAND[0], "site": site}, {"steps": BY_HAND[1], "mood": labels}
    by_hand.fit(*plain, epochs=2, batch_size=4, lengths=VALID.sum(1))
    assert masked.net.arena.tobytes() == by_hand.net.arena.tobytes()
    found = masked.evaluate(
        {"x": GIVEN[0], "site": site}, {"steps": GIVEN[1], "mood": labels}, lengths=LENGTHS, mask=MASK
    )
    assert found == pytest.approx(by_hand.evaluate(*plain, lengths=VALID.sum(1)), rel=1e-12)


def test_a_mask_needs_a_sequence():
    rows = ost.Graph(ost.Dense(2, 1)(ost.Input("s", size=2, axis="row")))
    with pytest.raises(ost.ConfigError, match="mask is given, but no input of this network is a sequence"):
        ost.Trainer(rows, loss="mse").fit(X[:, 0], TARGETS[:, 0, :1], epochs=1, mask=MASK[:, :1])
