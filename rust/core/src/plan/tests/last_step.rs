//! Losses that count at the last step alone: which of them are divided, and how.

use crate::plan::{LastStep, LayerPlan};
use crate::step::tests::lines::program;

fn divided(value: &str) -> Option<LastStep> {
    let text = format!(
        "program loss\nsizes output=4\ninput y output\ninput target output\nstate h output\nstate g output\n\
         a = add y h\nb = add y g\nw = mul b target\n{value}\noutput loss = v\nnext h = a\nnext g = b"
    );
    LayerPlan::of_loss(&program(&text)).expect("a loss").last_step.map(|last| *last)
}

#[test]
fn a_value_of_new_states_and_the_target_is_a_program_of_its_own() {
    let last = divided("m = mul b target\nn = tanh m\nv = sum n").expect("two programs");
    assert_eq!(last.states, [1]);
    assert_eq!(last.end.program.inputs.len(), 2);
    assert_eq!(last.end.input_gradients, [Some(0), None]);
    assert!(last.end.program.states.is_empty());
    let ops = |plan: &LayerPlan| format!("{}", plan.program);
    assert!(ops(&last.end).contains("tanh") && !ops(&last.steps).contains("tanh"));
    assert_eq!(last.steps.program.states.len(), 2);
    assert_eq!(last.steps.input_gradients, [Some(0), None]);
}

#[test]
fn a_value_that_reads_the_output_or_an_old_state_is_not_divided() {
    for value in ["m = mul a y\nv = sum m", "m = mul a h\nv = sum m", "m = mul y target\nv = sum m"] {
        assert!(divided(value).is_none(), "{value}");
    }
}
