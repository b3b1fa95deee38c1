//! Plans of programs of thousands of ops.

use std::fmt::Write;

use crate::plan::norms::with_scales;
use crate::plan::sums::reassociated;
use crate::plan::{LayerPlan, Wanted};
use crate::step::Program;
use crate::step::tests::lines::program;
use crate::team;

/// A state through `pairs` of two ops each.
fn long(pairs: usize) -> Program {
    let mut text =
        "program long\nsizes hidden=4 input=4\ninput x input\nstate h hidden\nv0 = add x h\n".to_string();
    for pair in 0..pairs {
        let _ = writeln!(text, "w{pair} = mul v{pair} 0.5\nv{} = tanh w{pair}", pair + 1);
    }
    let _ = writeln!(text, "output y = v{pairs}\nnext h = v{pairs}");
    program(&text)
}

/// How often work looks for signals.
fn polls<R>(work: impl FnOnce() -> R) -> usize {
    let mut polls = 0;
    let count = &mut || {
        polls += 1;
        false
    };
    assert!(team::alone(work, count).is_ok());
    polls
}

#[test]
fn planning_can_be_interrupted_at_every_op_of_every_pass() {
    let program = long(1000);
    let wanted = Wanted { inputs: &|_| false, memories: &|_| false, params: &|_| false, backward: false };
    let of_equations = polls(|| with_scales(&reassociated(&program).expect("a program")));
    let of_plan = polls(|| LayerPlan::with_gradients(&program, &wanted));
    assert!(of_plan >= of_equations + 2 * 2000, "{of_plan} polls, {of_equations} of them before planning");
}
