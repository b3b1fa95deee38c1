//! Plans that leave out some gradients of parameters.

use crate::plan::{LayerPlan, PassSummary, Wanted};
use crate::step::Program;
use crate::step::tests::lines::{program, programs};

fn planned(program: &Program, frozen: impl Fn(&str) -> bool, backward: bool) -> LayerPlan {
    let params = |param: usize| !frozen(program.label(program.params[param]));
    let wanted = Wanted { inputs: &|_| backward, memories: &|_| backward, params: &params, backward };
    LayerPlan::with_gradients(program, &wanted).expect("a plan")
}

/// The number of contributions to gradients of parameters.
fn sinks(plan: &LayerPlan) -> usize {
    plan.back.sinks.len()
}

#[test]
fn each_frozen_parameter_takes_its_sinks_with_it() {
    for (name, text) in programs() {
        let program = program(&text);
        let whole = planned(&program, |_| false, true);
        assert_eq!(sinks(&whole), sinks(&LayerPlan::new(&program).expect("a plan")), "{name}");
        let mut fewer = 0;
        for &param in &program.params {
            let label = program.label(param);
            let plan = planned(&program, |one| one == label, true);
            assert!(sinks(&plan) <= sinks(&whole), "{name}, {label}");
            assert_eq!(plan.input_gradients, whole.input_gradients, "{name}, {label}");
            fewer += usize::from(sinks(&plan) < sinks(&whole));
        }
        let none = planned(&program, |_| true, true);
        assert_eq!(sinks(&none), 0, "{name}");
        // a program whose parameters all enter one computed value loses its sinks only with all of them
        assert!(fewer > 0 || whole.fold.is_some() || sinks(&whole) == 0, "{name}");
        assert!(none.fold.as_ref().is_none_or(|fold| !fold.plan.has_backward()), "{name}");
    }
}

#[test]
fn a_plan_without_a_backward_pass_stores_nothing_for_it() {
    for (name, text) in programs() {
        let program = program(&text);
        let (plan, whole) = (planned(&program, |_| true, false), planned(&program, |_| false, true));
        assert!(!plan.has_backward() && whole.has_backward(), "{name}");
        assert_eq!(PassSummary::of(&plan.back), PassSummary::default(), "{name}");
        assert!(plan.kept.is_empty() && plan.back.packs.is_empty(), "{name}");
        let width = |plan: &LayerPlan| PassSummary::of(&plan.train).full_width;
        assert!(width(&plan) <= width(&whole), "{name}");
        assert!(plan.input_gradients.iter().all(Option::is_none), "{name}");
    }
}
