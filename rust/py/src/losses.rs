//! The losses of a call, as Python gives them.

use numpy::PyUntypedArrayMethods;
use ostinato_core::net::{Batch, Call, Loss, LossTarget, Prepared, Reduction};
use ostinato_core::plan::LayerPlan;
use pyo3::prelude::*;

use crate::arrays::{array, elements, holds_ids};
use crate::dtype::Number;
use crate::errors::{ConfigError, Raised};
use crate::program::PyProgram;

/// Of one output: its number, the loss, its targets and weights, and what it is multiplied with.
#[derive(FromPyObject)]
pub struct OutputLoss<'py>(usize, Py<PyProgram>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, f64);

/// The losses of all outputs that have one, and how each is reduced.
#[derive(FromPyObject)]
pub struct PyLoss<'py>(Vec<OutputLoss<'py>>, String);

/// The plans of losses by the numbers of their outputs.
pub fn plans_of(losses: &[(usize, Py<PyProgram>)]) -> Result<Vec<(usize, &LayerPlan)>, Raised> {
    losses.iter().map(|(output, program)| Ok((*output, program.get().plan()?))).collect()
}

impl<'py> PyLoss<'py> {
    fn reduction(&self) -> Result<Reduction, Raised> {
        match self.1.as_str() {
            "mean" => Ok(Reduction::Mean),
            "sum" => Ok(Reduction::Sum),
            other => {
                let text = format!("reduction is {other:?}; expected \"mean\" or \"sum\"");
                Err(ConfigError::new_err(text).into())
            }
        }
    }

    /// The losses, ready for a batch: their arrays are copied.
    pub fn prepared<'a, T: Number>(
        &'a self,
        call: &'a Call<T>,
        batch: &Batch,
        gradient: bool,
    ) -> Result<(Vec<Prepared<'a, T>>, Reduction), Raised> {
        let reduction = self.reduction()?;
        let losses = self.0.iter().map(|one| one.prepared(call, batch, reduction, gradient));
        Ok((losses.collect::<Result<_, _>>()?, reduction))
    }
}

impl OutputLoss<'_> {
    fn prepared<'a, T: Number>(
        &'a self,
        call: &'a Call<T>,
        batch: &Batch,
        reduction: Reduction,
        gradient: bool,
    ) -> Result<Prepared<'a, T>, Raised> {
        let OutputLoss(output, program, targets, weights, scale) = self;
        let network = call.network();
        let Some(port) = network.outputs.get(*output) else {
            return Err(ConfigError::new_err(format!("output {output} does not exist")).into());
        };
        let rank = if network.nodes[port.node].axis.is_sequence() { 2 } else { 1 };
        let weights = weights.as_ref().map(|weights| array::<T>("weights", weights, &[rank])).transpose()?;
        let weights = weights.as_ref().map(elements).transpose()?;
        let plan = program.get().plan()?;
        let ready = |target| {
            let loss = Loss { plan, target, reduction, weights, scale: *scale };
            Ok(call.loss(batch, *output, &loss, gradient)?)
        };
        if holds_ids(targets)
            && let Ok(ids) = array::<i64>("targets", targets, &[rank])
        {
            ready(LossTarget::Ids { data: elements(&ids)? })
        } else {
            let targets = array::<T>("targets", targets, &[rank, rank + 1])?;
            let width = targets.shape().get(rank).copied().unwrap_or(1);
            ready(LossTarget::Features { data: elements(&targets)?, width })
        }
    }
}
