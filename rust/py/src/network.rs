//! Networks: built node by node, then run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::PyUntypedArrayMethods;
use ostinato_core::net::{
    Batch, Call, Evaluated, Loss, LossTarget, NetError, Network, Prepared as PreparedLoss, Reduction, Stream,
    ThroughTime, checkpoint_plan, training_memory,
};
use ostinato_core::plan::{Function, PassSummary};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrays::{Number, array, elements, holds_ids, shaped};
use crate::called::PyFunction;
use crate::errors::{ConfigError, DTypeError, Raised, entry};
use crate::poller::Poller;
use crate::prepared::{Extents, Prepared, Wanted};
use crate::program::PyProgram;
use crate::run::PyRun;
use crate::states::{Given, states_out};
use crate::stream::PyStream;
use crate::through_time::{Way, plan_dict, way};

#[pyclass(name = "Network", module = "ostinato._core", frozen)]
pub struct PyNetwork {
    inner: Mutex<Arc<Network>>,
    double: bool,
}

impl PyNetwork {
    fn lock(&self) -> MutexGuard<'_, Arc<Network>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build<R>(&self, act: impl FnOnce(&mut Network) -> Result<R, NetError>) -> PyResult<R> {
        entry(|| Ok(act(Arc::make_mut(&mut self.lock()))?))
    }

    fn network(&self) -> Arc<Network> {
        Arc::clone(&self.lock())
    }
}

/// The arguments of a loss, as Python gives them.
struct LossArguments<'a, 'py> {
    targets: &'a Bound<'py, PyAny>,
    program: &'a PyProgram,
    reduction: &'a str,
    weights: Option<&'a Bound<'py, PyAny>>,
}

impl LossArguments<'_, '_> {
    /// The loss, made ready: its arrays are copied.
    fn prepared<'a, T: Number>(
        &'a self,
        call: &'a Call<T>,
        batch: &Batch,
        gradient: bool,
    ) -> Result<PreparedLoss<'a, T>, Raised> {
        let reduction = match self.reduction {
            "mean" => Reduction::Mean,
            "sum" => Reduction::Sum,
            other => {
                let text = format!("reduction is {other:?}; expected \"mean\" or \"sum\"");
                return Err(ConfigError::new_err(text).into());
            }
        };
        let weights = self.weights.map(|weights| array::<T>("weights", weights, &[2])).transpose()?;
        let weights = weights.as_ref().map(elements).transpose()?;
        let plan = self.program.plan()?;
        let ready = |target| {
            let loss = Loss { plan, target, reduction, weights };
            Ok(call.loss(batch, &loss, gradient)?)
        };
        if holds_ids(self.targets)
            && let Ok(ids) = array::<i64>("targets", self.targets, &[2])
        {
            ready(LossTarget::Ids { data: elements(&ids)? })
        } else {
            let targets = array::<T>("targets", self.targets, &[2, 3])?;
            let width = targets.shape().get(2).copied().unwrap_or(1);
            ready(LossTarget::Features { data: elements(&targets)?, width })
        }
    }
}

/// Loss, gradients of parameters, inputs and initial states, final states; the penalties' part of the loss.
type PyEvaluated<'py> =
    (f64, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Bound<'py, PyList>, Bound<'py, PyList>, f64);

fn value_and_grad<'py, T: Number>(
    py: Python<'py>,
    prepared: Prepared<T>,
    arguments: &LossArguments<'_, 'py>,
    way: ThroughTime,
) -> Result<PyEvaluated<'py>, Raised> {
    let mut poller = Poller::default();
    let Prepared { call, batch, packed, initial } = prepared;
    let loss = arguments.prepared(&call, &batch, true)?;
    let (rows, steps) = (batch.rows, batch.steps);
    let done = py.detach(|| {
        ostinato_core::team::guard(|| {
            call.value_and_grad(batch, packed, initial, loss, way, &mut || poller.poll())
        })
    });
    let Evaluated { loss, penalty, gradients, finals } = poller.result(done)?;
    let params = shaped(py, gradients.params, &[call.arena_len])?;
    let inputs = match call.network().input_gradient() {
        Some(width) => Some(shaped(py, gradients.inputs, &[rows, steps, width])?),
        None => None,
    };
    let initial = states_out(py, gradients.initial, &call.network().states, rows)?;
    let finals = states_out(py, finals, &call.network().states, rows)?;
    Ok((loss, params, inputs, initial, finals, penalty))
}

fn loss_value<'py, T: Number>(
    py: Python<'py>,
    prepared: Prepared<T>,
    arguments: &LossArguments<'_, 'py>,
) -> Result<(f64, Bound<'py, PyList>), Raised> {
    let mut poller = Poller::default();
    let Prepared { call, batch, packed, initial } = prepared;
    let loss = arguments.prepared(&call, &batch, false)?;
    let rows = batch.rows;
    let done = py.detach(|| {
        ostinato_core::team::guard(|| call.loss_value(batch, packed, initial, loss, &mut || poller.poll()))
    });
    let (loss, finals) = poller.result(done)?;
    Ok((loss, states_out(py, finals, &call.network().states, rows)?))
}

#[pymethods]
impl PyNetwork {
    /// Without `input_gradient` its ways back leave that of the input out.
    #[new]
    #[pyo3(signature = (dtype, input_gradient=true))]
    fn new(dtype: &str, input_gradient: bool) -> PyResult<PyNetwork> {
        let double = match dtype {
            "float32" => false,
            "float64" => true,
            other => {
                let text = format!("dtype is {other:?}; expected \"float32\" or \"float64\"");
                return Err(DTypeError::new_err(text));
            }
        };
        let mut network = Network::default();
        network.ignores_input = !input_gradient;
        Ok(PyNetwork { inner: Mutex::new(Arc::new(network)), double })
    }

    fn input(&self, width: usize) -> PyResult<usize> {
        self.build(|network| network.input(width))
    }

    fn index_input(&self, limit: usize) -> PyResult<usize> {
        self.build(|network| network.index_input(limit))
    }

    #[pyo3(signature = (program, inputs, params, inference=None, function=None, why="", penalty=None))]
    #[allow(clippy::too_many_arguments)] // the signature of the Python side
    fn layer(
        &self,
        program: &PyProgram,
        inputs: Vec<usize>,
        params: Vec<usize>,
        inference: Option<&PyProgram>,
        function: Option<Py<PyAny>>,
        why: &str,
        penalty: Option<&PyProgram>,
    ) -> PyResult<usize> {
        let function = function.map(|function| Function::new(PyFunction { function, why: why.to_string() }));
        let [inference, penalty] = [inference, penalty].map(|other| other.map(|other| &other.inner));
        self.build(|network| {
            network.layer(&program.inner, inference, penalty, &inputs, &params, function.as_ref())
        })
    }

    fn reverse(&self, node: usize) -> PyResult<usize> {
        self.build(|network| network.reverse(node))
    }

    fn concat(&self, nodes: Vec<usize>) -> PyResult<usize> {
        self.build(|network| network.concat(&nodes))
    }

    fn add(&self, a: usize, b: usize) -> PyResult<usize> {
        self.build(|network| network.add(a, b))
    }

    fn finish(&self, output: usize) -> PyResult<()> {
        self.build(|network| network.finish(output))
    }

    #[allow(clippy::too_many_arguments)] // the signature of the Python side
    #[pyo3(signature = (arena, x, extent, state, training, seed=0))]
    fn run(
        &self,
        py: Python<'_>,
        arena: &Bound<'_, PyAny>,
        x: &Bound<'_, PyAny>,
        extent: Extents<'_>,
        state: Vec<Given<'_>>,
        training: bool,
        seed: u64,
    ) -> PyResult<PyRun> {
        let network = self.network();
        let wanted = if training { Wanted::WayBack } else { Wanted::Outputs };
        entry(|| {
            if self.double {
                PyRun::new::<f64>(
                    py,
                    Prepared::new(network, arena, x, &extent, &state, wanted, seed)?,
                    training,
                )
            } else {
                PyRun::new::<f32>(
                    py,
                    Prepared::new(network, arena, x, &extent, &state, wanted, seed)?,
                    training,
                )
            }
        })
    }

    #[allow(clippy::too_many_arguments)] // the signature of the Python side
    #[pyo3(signature = (arena, x, targets, loss, extent, state, reduction, weights, through_time, seed=0))]
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        arena: &Bound<'py, PyAny>,
        x: &Bound<'py, PyAny>,
        targets: &Bound<'py, PyAny>,
        loss: &PyProgram,
        extent: Extents<'py>,
        state: Vec<Given<'py>>,
        reduction: &str,
        weights: Option<&Bound<'py, PyAny>>,
        through_time: Way,
        seed: u64,
    ) -> PyResult<PyEvaluated<'py>> {
        let network = self.network();
        let arguments = LossArguments { targets, program: loss, reduction, weights };
        entry(|| {
            let way = way(&through_time)?;
            if self.double {
                let prepared = Prepared::new(network, arena, x, &extent, &state, Wanted::WayBack, seed)?;
                value_and_grad::<f64>(py, prepared, &arguments, way)
            } else {
                let prepared = Prepared::new(network, arena, x, &extent, &state, Wanted::WayBack, seed)?;
                value_and_grad::<f32>(py, prepared, &arguments, way)
            }
        })
    }

    fn checkpoint_plan<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        steps: usize,
        through_time: Way,
        loss: Option<&PyProgram>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let network = self.network();
        let loss = loss.map(|loss| &loss.inner);
        let plan = entry(|| {
            let ThroughTime::Checkpointed(budget) = way(&through_time)? else {
                return Err(ConfigError::new_err("only checkpointed BPTT has a plan").into());
            };
            Ok(if self.double {
                checkpoint_plan::<f64>(&network, loss, rows, steps, budget)?
            } else {
                checkpoint_plan::<f32>(&network, loss, rows, steps, budget)?
            })
        })?;
        plan_dict(py, &plan)
    }

    fn training_memory<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        steps: usize,
        loss: Option<&PyProgram>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let network = self.network();
        let memory = entry(|| {
            let loss = loss.map(PyProgram::plan).transpose()?;
            Ok(if self.double {
                training_memory::<f64>(&network, loss, rows, steps)?
            } else {
                training_memory::<f32>(&network, loss, rows, steps)?
            })
        })?;
        let dict = PyDict::new(py);
        for (name, number) in [
            ("parameters", memory.parameters),
            ("batch", memory.batch),
            ("unit", memory.unit),
            ("threads", memory.threads),
        ] {
            dict.set_item(name, number)?;
        }
        Ok(dict)
    }

    #[allow(clippy::too_many_arguments)] // the signature of the Python side
    fn loss_value<'py>(
        &self,
        py: Python<'py>,
        arena: &Bound<'py, PyAny>,
        x: &Bound<'py, PyAny>,
        targets: &Bound<'py, PyAny>,
        loss: &PyProgram,
        extent: Extents<'py>,
        state: Vec<Given<'py>>,
        reduction: &str,
        weights: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(f64, Bound<'py, PyList>)> {
        let network = self.network();
        let arguments = LossArguments { targets, program: loss, reduction, weights };
        entry(|| {
            if self.double {
                loss_value::<f64>(
                    py,
                    Prepared::new(network, arena, x, &extent, &state, Wanted::Loss, 0)?,
                    &arguments,
                )
            } else {
                loss_value::<f32>(
                    py,
                    Prepared::new(network, arena, x, &extent, &state, Wanted::Loss, 0)?,
                    &arguments,
                )
            }
        })
    }

    fn stream(&self, arena: &Bound<'_, PyAny>, rows: usize) -> PyResult<PyStream> {
        let network = self.network();
        entry(|| {
            if self.double {
                let arena = array::<f64>("arena", arena, &[1])?;
                Ok(PyStream::double(Stream::new(network, elements(&arena)?, rows)?))
            } else {
                let arena = array::<f32>("arena", arena, &[1])?;
                Ok(PyStream::single(Stream::new(network, elements(&arena)?, rows)?))
            }
        })
    }

    fn explain(&self, rows: usize, steps: usize) -> PyResult<String> {
        entry(|| Ok(self.network().explain(rows, steps, if self.double { 8 } else { 4 })))
    }

    fn plans<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, [infer, train, back]) in self.network().summaries() {
            let layer = PyDict::new(py);
            layer.set_item("name", name)?;
            for (title, pass) in [("inference", infer), ("forward", train), ("backward", back)] {
                layer.set_item(title, summary(py, &pass)?)?;
            }
            list.append(layer)?;
        }
        Ok(list)
    }
}

fn summary<'py>(py: Python<'py>, pass: &PassSummary) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, count) in [
        ("gemms_before", pass.gemms_before),
        ("gemms_in_loop", pass.gemms_in_loop),
        ("gemms_after", pass.gemms_after),
        ("scans", pass.scans),
        ("row_ops_before", pass.row_ops_before),
        ("row_ops_in_loop", pass.row_ops_in_loop),
        ("row_ops_after", pass.row_ops_after),
        ("weight_gemms_outside_loop", pass.weight_gemms_outside_loop),
        ("flops", pass.flops),
        ("kept_width", pass.full_width),
        ("block_width", pass.block_width),
    ] {
        dict.set_item(name, count)?;
    }
    Ok(dict)
}
