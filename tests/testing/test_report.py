"""What a report says: counts, the verdict, reasons; and what it does not let pass."""

import json

import pytest

import ostinato as ost
from ostinato import testing
from ostinato.testing.runner import Failed, Kind, Skipped, check, run
from tests.testing.faults.cells import BiasTermMissing, Right


@check("good")
def good(subject):
    """Passes."""


@check("bad")
def bad(subject):
    """Fails."""
    raise Failed("it is bad")


@check("mute")
def mute(subject):
    """Says nothing."""
    raise Skipped("nothing to say")


@check("not for it", lambda subject: "it has none")
def not_for_it(subject):
    """Does not apply."""
    raise AssertionError("must not run")


def report(*checks, expected=None, examples=({},)):
    kind = Kind("cell", checks, lambda spec, options, level: spec)
    return run(kind, "mine", ost.CellSpec("mine", dict), examples, "quick", expected or {})


def test_what_passes_fails_and_does_not_apply_is_counted():
    found = report(good, bad, not_for_it)
    assert found.counts == {"passed": 1, "failed": 1, "expected": 0, "skipped": 1}
    assert (found.ran, found.required, found.ok) == (2, 2, False)
    with pytest.raises(testing.ConformanceError, match="it is bad"):
        found.raise_if_failed()
    assert issubclass(testing.ConformanceError, (ost.OstinatoError, AssertionError))


def test_fewer_checks_than_the_kind_requires_are_a_failure():
    found = report(good, mute)
    assert not found.failures
    assert not found.ok
    assert "ran 1 of 2 required checks" in str(found)
    assert "fewer checks ran than the kind requires" in str(found)


def test_an_expected_failure_is_one_only_while_it_fails():
    assert report(good, bad, expected={"bad": "known"}).ok
    assert report(good, bad, expected={"bad": "known"}).counts["expected"] == 1
    found = report(good, expected={"good": "known"})
    assert not found.ok
    assert "take it out of expected_failures" in str(found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"expected_failures": {"gradient": "why"}}, "did you mean 'gradients'"),
        ({"expected_failures": {"gradients": ""}}, "expected the reason"),
        ({"level": "slow"}, "quick, standard, thorough"),
        ({"item": "lstmm"}, "did you mean 'lstm'"),
        ({"item": "identity", "kind": "cell"}, "no cell 'identity'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words):
    with pytest.raises(ost.ConfigError, match=words):
        testing.check(**{"item": "rnn", **arguments})


def test_only_what_has_a_kind_is_checked():
    with pytest.raises(ost.DTypeError, match="expected a cell"):
        testing.check(7)
    with pytest.raises(ost.DTypeError, match="expected a cell"):
        testing.check_cell(ost.MSE)


def test_a_report_is_json_and_text():
    found = testing.check(BiasTermMissing, "quick", expected_failures={"gradients": "on purpose"})
    assert found.ok
    assert json.loads(json.dumps(found.to_json()))["expected"] == 1
    assert "on purpose (T=1: params.b_l0" in str(found)
    assert "passed" not in str(found).split("ran ")[0]
    assert "ok       shapes" in testing.render(found, verbose=True)


@pytest.mark.parametrize("item", ["indrnn", ost.CellSpec("mine", Right), Right, Right()])
def test_a_name_a_descriptor_a_class_and_an_instance_are_checked_alike(item):
    found = testing.check(item, "quick")
    assert (found.kind, found.ok) == ("cell", True)


@testing.parametrize_checks(BiasTermMissing, expected_failures={"gradients": "the bias has no gradient"})
def test_each_check_is_a_test(check):
    check()


def test_the_ids_of_tests_are_the_names_of_item_and_check():
    @testing.parametrize_checks("gru")
    def conformance(check):
        check()

    (mark,) = conformance.pytestmark
    assert "gru(bias=False)-gradients" in [param.id for param in mark.args[1]]
    with pytest.raises(ost.ConfigError, match="did you mean 'gradients'"):
        testing.parametrize_checks("gru", expected_failures={"gradient": "no"})
