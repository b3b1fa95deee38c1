//! A training step that the guard, the tests and the examples run: squared error of a network with one input.

use std::sync::Arc;

use ostinato_core::net::{
    Call, End, Engine, Evaluated, Extent, Input, Loss, LossTarget, Reduction, Share, ThroughTime,
};
use ostinato_core::plan::LayerPlan;

/// What a step reads. `loss` is the plan of `programs::squared_error` of the outputs.
pub struct Training<'a> {
    pub network: &'a Arc<Engine>,
    pub arena: &'a [f32],
    /// (rows, steps, inputs)
    pub x: &'a [f32],
    /// (rows, steps, outputs)
    pub targets: &'a [f32],
    pub loss: &'a LayerPlan,
    pub rows: usize,
    pub steps: usize,
}

impl Training<'_> {
    /// Loss and gradients.
    pub fn step(&self, extent: Extent<'_>, way: ThroughTime) -> Evaluated<f32> {
        let cells = self.rows * self.steps;
        let call = Call::new(self.network.clone(), self.arena, true, 0).expect("parameters");
        let batch = call.batch(self.rows, self.steps, extent).expect("a batch");
        let input = Input::Features { data: self.x, width: self.x.len() / cells };
        let packed = call.pack(&batch, &[input]).expect("an input");
        let initial = call.pack_states(&batch, &[], End::Initial, "state").expect("states");
        let loss = Loss {
            plan: self.loss,
            target: LossTarget::Features { data: self.targets, width: self.targets.len() / cells },
            reduction: Reduction::Mean,
            weights: None,
            scale: 1.0,
            last: false,
            params: &[],
        };
        let loss = call.loss(&batch, 0, &loss, true).expect("a loss");
        let losses = (vec![loss], Reduction::Mean, Share::default());
        call.value_and_grad(batch, packed, initial, losses, way, &mut || false).expect("gradients")
    }
}
