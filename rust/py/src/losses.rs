//! The losses of a call, as Python gives them.

use numpy::PyUntypedArrayMethods;
use ostinato_core::net::{Batch, Call, Loss, LossTarget, Prepared, Reduction, Share};
use ostinato_core::plan::LayerPlan;
use pyo3::prelude::*;

use crate::arrays::{array, elements, holds_ids};
use crate::dtype::Number;
use crate::errors::{ConfigError, Raised};
use crate::program::PyProgram;

/// The loss of one output, with its targets and weights, and the factor of the loss.
#[pyclass(name = "OutputLoss", module = "ostinato._core", frozen)]
pub struct PyOutputLoss {
    /// The number of the output.
    #[pyo3(get)]
    output: usize,
    #[pyo3(get)]
    program: Py<PyProgram>,
    #[pyo3(get)]
    targets: Py<PyAny>,
    #[pyo3(get)]
    weights: Option<Py<PyAny>>,
    #[pyo3(get)]
    scale: f64,
    /// Whether only the last step of each row counts.
    #[pyo3(get)]
    last: bool,
    /// The parameters in the order of the program: the offset of each in the arena, and its values.
    params: Vec<(usize, Py<PyAny>)>,
}

#[pymethods]
impl PyOutputLoss {
    #[new]
    #[pyo3(signature = (output, program, targets, weights=None, scale=1.0, last=false, params=Vec::new()))]
    fn new(
        output: usize,
        program: Py<PyProgram>,
        targets: Py<PyAny>,
        weights: Option<Py<PyAny>>,
        scale: f64,
        last: bool,
        params: Vec<(usize, Py<PyAny>)>,
    ) -> PyOutputLoss {
        PyOutputLoss { output, program, targets, weights, scale, last, params }
    }

    #[getter]
    fn params(&self, py: Python<'_>) -> Vec<(usize, Py<PyAny>)> {
        self.params.iter().map(|(at, values)| (*at, values.clone_ref(py))).collect()
    }
}

/// The losses of all outputs that have one, and how each is reduced.
#[pyclass(name = "Losses", module = "ostinato._core", frozen)]
pub struct PyLosses {
    outputs: Vec<Py<PyOutputLoss>>,
    reduction: Reduction,
    share: Share,
}

#[pymethods]
impl PyLosses {
    /// `share` has the factors of penalties for rows that are a part of a larger batch: those of steps by axis, and that of
    /// parameters.
    #[new]
    #[pyo3(signature = (outputs, reduction, share=None))]
    fn new(
        outputs: Vec<Py<PyOutputLoss>>,
        reduction: &str,
        share: Option<(Vec<f64>, f64)>,
    ) -> PyResult<PyLosses> {
        let reduction = match reduction {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            other => {
                let text = format!("reduction is {other:?}; expected \"mean\" or \"sum\"");
                return Err(ConfigError::new_err(text));
            }
        };
        let share = share.map_or_else(Share::default, |(steps, parameters)| Share { steps, parameters });
        Ok(PyLosses { outputs, reduction, share })
    }

    #[getter]
    fn outputs(&self, py: Python<'_>) -> Vec<Py<PyOutputLoss>> {
        self.outputs.iter().map(|one| one.clone_ref(py)).collect()
    }

    #[getter]
    fn reduction(&self) -> &'static str {
        match self.reduction {
            Reduction::Mean => "mean",
            Reduction::Sum => "sum",
        }
    }
}

/// The plans of losses by the numbers of their outputs.
pub fn plans_of(losses: &[(usize, Py<PyProgram>)]) -> Result<Vec<(usize, &LayerPlan)>, Raised> {
    losses.iter().map(|(output, program)| Ok((*output, program.get().plan()?))).collect()
}

impl PyLosses {
    /// The losses, ready for a batch: their arrays are copied.
    pub fn prepared<'a, T: Number>(
        &'a self,
        py: Python<'_>,
        call: &'a Call<T>,
        batch: &Batch,
        gradient: bool,
    ) -> Result<(Vec<Prepared<'a, T>>, Reduction, Share), Raised> {
        let losses = self.outputs.iter();
        let losses = losses.map(|one| one.get().prepared(py, call, batch, self.reduction, gradient));
        Ok((losses.collect::<Result<_, _>>()?, self.reduction, self.share.clone()))
    }
}

impl PyOutputLoss {
    fn prepared<'a, T: Number>(
        &'a self,
        py: Python<'_>,
        call: &'a Call<T>,
        batch: &Batch,
        reduction: Reduction,
        gradient: bool,
    ) -> Result<Prepared<'a, T>, Raised> {
        let PyOutputLoss { output, program, targets, weights, scale, last, params } = self;
        let targets = targets.bind(py);
        let network = call.network();
        let Some(port) = network.outputs.get(*output) else {
            return Err(ConfigError::new_err(format!("output {output} does not exist")).into());
        };
        let rank = if network.nodes[port.node].axis.is_sequence() { 2 } else { 1 };
        let weights =
            weights.as_ref().map(|weights| array::<T>("weights", weights.bind(py), &[rank])).transpose()?;
        let weights = weights.as_ref().map(elements).transpose()?;
        let params = params
            .iter()
            .map(|(at, values)| Ok((*at, array::<T>("a parameter of a loss", values.bind(py), &[1])?)))
            .collect::<Result<Vec<_>, Raised>>()?;
        let params = params
            .iter()
            .map(|(at, values)| Ok((*at, elements(values)?)))
            .collect::<Result<Vec<_>, Raised>>()?;
        let plan = program.get().plan()?;
        let ready = |target| {
            let loss = Loss { plan, target, reduction, weights, scale: *scale, last: *last, params: &params };
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
