"""What `print` of a network says about its inputs and outputs."""

from __future__ import annotations

import ostinato as ost


def shapes(net: ost.Network) -> str:
    return str(net).splitlines()[1].split(", float32")[0].strip()


def test_print_names_several_inputs_and_outputs_and_leaves_the_time_axis_out_of_rows() -> None:
    text, place = ost.Input("text", ids=7), ost.Input("place", ids=5, axis="row")
    h = ost.GRU(3, 4)(ost.Embedding(7, 3)(text))
    mood = ost.Dense(6, 2)(ost.concat(ost.mean(h), ost.Embedding(5, 2)(place)))
    net = ost.Graph(outputs={"h": h, "mood": mood})
    assert shapes(net) == "text ids (N, T) below 7, place ids (N,) below 5 -> h (N, T, 4), mood (N, 2)"


def test_print_of_one_input_and_one_output_has_no_names() -> None:
    assert shapes(ost.Sequential(ost.GRU(3, 4), ost.Last(), ost.Dense(4, 2))) == "(N, T, 3) -> (N, 2)"
    assert shapes(ost.GRU(3, 4, batch_first=False)) == "(T, N, 3) -> (T, N, 4)"
