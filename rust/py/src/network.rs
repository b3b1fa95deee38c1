//! Networks: built node by node, then called.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ostinato_core::net::{
    Engine, Evaluated, LayerParts, LayerSummary, NetError, Network, StepEngine, ThroughTime, checkpoint_plan,
    explain, training_memory,
};
use ostinato_core::plan::{Function, PassSummary};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{shaped, text};
use crate::called::PyFunction;
use crate::dtype::{DType, Number, for_dtype};
use crate::errors::{Raised, entry};
use crate::losses::{PyLosses, plans_of};
use crate::poller::{Poller, attended, watched};
use crate::prepared::{CallArguments, Prepared, Unpacked, Wanted};
use crate::program::PyProgram;
use crate::results::{Sizes, input_gradients, states_out};
use crate::run::PyRun;
use crate::steps::PySteps;
use crate::through_time::{PyBudget, PyThroughTime, plan_dict};

#[pyclass(name = "Network", module = "ostinato._core", frozen)]
pub struct PyNetwork {
    inner: Mutex<Arc<Engine>>,
    dtype: DType,
}

impl PyNetwork {
    fn lock(&self) -> MutexGuard<'_, Arc<Engine>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build<R>(&self, act: impl FnOnce(&mut Network) -> Result<R, NetError>) -> PyResult<R> {
        entry(|| attended(|| Ok(act(&mut Arc::make_mut(&mut self.lock()).network)?)))
    }

    fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.lock())
    }
}

/// The loss of each output, then with the penalties; gradients of parameters, inputs and initial states (None where no
/// backward pass runs); final states; the penalties' part of the loss.
type PyEvaluated<'py> = (
    f64,
    Vec<f64>,
    Bound<'py, PyAny>,
    Vec<Option<Bound<'py, PyAny>>>,
    Bound<'py, PyList>,
    Bound<'py, PyList>,
    f64,
);

fn value_and_grad<'py, T: Number>(
    py: Python<'py>,
    prepared: Prepared<T>,
    losses: &PyLosses,
    through_time: ThroughTime,
) -> Result<PyEvaluated<'py>, Raised> {
    let mut poller = Poller::default();
    let Prepared { call, batch, packed, initial } = prepared;
    let losses = attended(|| losses.prepared(py, &call, &batch, true))?;
    let sizes = Sizes::of(&batch);
    let done = py.detach(|| {
        ostinato_core::team::guard(|| {
            call.value_and_grad(batch, packed, initial, losses, through_time, &mut || poller.poll())
        })
    });
    let Evaluated { loss, losses, penalty, gradients, finals } = poller.result(done)?;
    let network = call.network();
    let params = shaped(py, gradients.params, &[call.arena_len])?;
    let inputs = input_gradients(py, network, gradients.inputs, &sizes)?;
    let initial = states_out(py, gradients.initial, &network.states, sizes.rows)?;
    for (slot, _) in network.initial_gradients().iter().enumerate().filter(|(_, computed)| !**computed) {
        initial.set_item(slot, py.None())?;
    }
    let finals = states_out(py, finals, &network.states, sizes.rows)?;
    Ok((loss, losses, params, inputs, initial, finals, penalty))
}

fn loss_value<'py, T: Number>(
    py: Python<'py>,
    prepared: Prepared<T>,
    losses: &PyLosses,
) -> Result<(Vec<f64>, Bound<'py, PyList>), Raised> {
    let mut poller = Poller::default();
    let Prepared { call, batch, packed, initial } = prepared;
    let (losses, _, _) = attended(|| losses.prepared(py, &call, &batch, false))?;
    let rows = batch.rows;
    let done = py.detach(|| {
        ostinato_core::team::guard(|| call.loss_value(batch, packed, initial, losses, &mut || poller.poll()))
    });
    let (losses, finals) = poller.result(done)?;
    Ok((losses, states_out(py, finals, &call.network().states, rows)?))
}

#[pymethods]
impl PyNetwork {
    /// Without `input_gradient` backward passes leave that of the inputs out. `frozen` are offsets of parameters whose
    /// gradients they leave out.
    #[new]
    #[pyo3(signature = (dtype, input_gradient=true, frozen=Vec::new()))]
    fn new(dtype: &str, input_gradient: bool, frozen: Vec<usize>) -> PyResult<PyNetwork> {
        let dtype = DType::of(dtype)?;
        let frozen = frozen.into_iter().collect();
        let network = Network { ignores_input: !input_gradient, frozen, ..Network::default() };
        Ok(PyNetwork { inner: Mutex::new(Arc::new(Engine::new(network))), dtype })
    }

    fn input(&self, name: &str, along: &str, width: usize) -> PyResult<usize> {
        self.build(|network| network.input(name, along, width))
    }

    fn index_input(&self, name: &str, along: &str, limit: usize) -> PyResult<usize> {
        self.build(|network| network.index_input(name, along, limit))
    }

    /// `function` is what a program with `call` calls, and why it is no equation.
    #[pyo3(signature = (program, inputs, params, inference=None, function=None, penalty=None, initial=None, memories=Vec::new()))]
    #[allow(clippy::too_many_arguments)] // what a layer consists of
    fn layer(
        &self,
        program: &PyProgram,
        inputs: Vec<usize>,
        params: Vec<usize>,
        inference: Option<&PyProgram>,
        function: Option<(Py<PyAny>, String)>,
        penalty: Option<&PyProgram>,
        initial: Option<Vec<(String, usize)>>,
        memories: Vec<usize>,
    ) -> PyResult<usize> {
        let initial = initial.unwrap_or_default();
        let initial: Vec<(&str, usize)> = initial.iter().map(|(name, node)| (name.as_str(), *node)).collect();
        let function = function.map(|(function, why)| Function::new(PyFunction { function, why }));
        let [inference, penalty] = [inference, penalty].map(|other| other.map(|other| &other.inner));
        let program = &program.inner;
        let parts = LayerParts {
            program,
            inference,
            penalty,
            inputs: &inputs,
            memories: &memories,
            initial: &initial,
            params: &params,
            function: function.as_ref(),
            ids: None,
        };
        self.build(|network| network.layer(parts))
    }

    fn layer_output(&self, node: usize, name: &str) -> PyResult<usize> {
        self.build(|network| network.layer_output(node, name))
    }

    fn final_state(&self, node: usize, name: &str) -> PyResult<usize> {
        self.build(|network| network.final_state(node, name))
    }

    #[pyo3(signature = (kind, nodes, columns=Vec::new()))]
    fn derive(&self, kind: &str, nodes: Vec<usize>, columns: Vec<(usize, usize)>) -> PyResult<usize> {
        let columns: Vec<_> = columns.into_iter().map(|(start, stop)| start..stop).collect();
        self.build(|network| network.derive_columns(kind, &nodes, &columns))
    }

    fn finish(&self, outputs: Vec<(String, usize)>) -> PyResult<()> {
        let outputs: Vec<(&str, usize)> = outputs.iter().map(|(name, node)| (name.as_str(), *node)).collect();
        self.build(|network| network.finish(&outputs))
    }

    /// The canonical text of the graph.
    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        entry(|| text(py, &self.engine().to_json()?))
    }

    #[pyo3(signature = (call, training, seed=0))]
    fn run(&self, py: Python<'_>, call: CallArguments<'_>, training: bool, seed: u64) -> PyResult<PyRun> {
        entry(|| {
            for_dtype!(self.dtype, T => {
                match training {
                    true => PyRun::trained::<T>(
                        py,
                        Prepared::new(self.engine(), &call, Wanted::Training, (seed, 0))?,
                    ),
                    false => PyRun::inferred::<T>(py, Unpacked::new(self.engine(), &call, seed)?),
                }
            })
        })
    }

    /// The noise counts rows from `first_row`.
    #[pyo3(signature = (call, losses, through_time, seed=0, first_row=0))]
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        call: CallArguments<'py>,
        losses: &PyLosses,
        through_time: &PyThroughTime,
        seed: u64,
        first_row: usize,
    ) -> PyResult<PyEvaluated<'py>> {
        entry(|| {
            for_dtype!(self.dtype, T => {
                let prepared = Prepared::new(self.engine(), &call, Wanted::Training, (seed, first_row))?;
                value_and_grad::<T>(py, prepared, losses, through_time.inner)
            })
        })
    }

    fn loss_value<'py>(
        &self,
        py: Python<'py>,
        call: CallArguments<'py>,
        losses: &PyLosses,
    ) -> PyResult<(Vec<f64>, Bound<'py, PyList>)> {
        entry(|| {
            for_dtype!(self.dtype, T => {
                loss_value::<T>(py, Prepared::new(self.engine(), &call, Wanted::Loss, (0, 0))?, losses)
            })
        })
    }

    fn checkpoint_plan<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        steps: usize,
        budget: &PyBudget,
        losses: Vec<(usize, Py<PyProgram>)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let engine = self.engine();
        let plan = entry(|| {
            let losses = plans_of(&losses)?;
            let plan = || for_dtype!(self.dtype, T => checkpoint_plan::<T>(&engine, &losses, rows, steps, budget.inner));
            Ok(watched(py, plan)??)
        })?;
        plan_dict(py, &plan)
    }

    fn training_memory<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        steps: Vec<usize>,
        losses: Vec<(usize, Py<PyProgram>)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let engine = self.engine();
        let memory = entry(|| {
            let losses = plans_of(&losses)?;
            Ok(for_dtype!(self.dtype, T => training_memory::<T>(&engine, &losses, rows, &steps)?))
        })?;
        let dict = PyDict::new(py);
        for (name, number) in [
            ("parameters", memory.parameters),
            ("batch", memory.batch),
            ("row_group", memory.group),
            ("threads", memory.threads),
        ] {
            dict.set_item(name, number)?;
        }
        Ok(dict)
    }

    /// The network, divided at the input that it is fed step by step. `watch` is the name of the numbers on entries that are read
    /// after each step; "" for the only ones.
    #[pyo3(signature = (watch=None))]
    fn steps(&self, watch: Option<String>) -> PyResult<PySteps> {
        let engine = self.engine();
        let made = || match &watch {
            None => Ok(StepEngine::new(&engine)?),
            Some(name) => Ok(StepEngine::watching(&engine, Some(&name[..]).filter(|name| !name.is_empty()))?),
        };
        entry(|| Ok(PySteps { engine: Arc::new(attended(made)?), dtype: self.dtype }))
    }

    fn explain<'py>(&self, py: Python<'py>, rows: usize, steps: usize) -> PyResult<Bound<'py, PyString>> {
        let engine = self.engine();
        let bytes = for_dtype!(self.dtype, T => size_of::<T>());
        entry(|| text(py, &watched(py, || explain(&engine, rows, steps, bytes))?))
    }

    fn plans<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        entry(|| {
            let list = PyList::empty(py);
            for LayerSummary { name, passes, once_per_row, once_per_id, once_per_entry } in
                self.engine().summaries()
            {
                let layer = summaries(py, &passes)?;
                layer.set_item("name", name)?;
                if let Some(passes) = once_per_row {
                    layer.set_item("once_per_row", summaries(py, &passes)?)?;
                }
                if let Some(passes) = once_per_id {
                    layer.set_item("once_per_id", summaries(py, &passes)?)?;
                }
                if !once_per_entry.is_empty() {
                    let by_memory = PyDict::new(py);
                    for (memory, passes) in once_per_entry {
                        by_memory.set_item(memory, summaries(py, &passes)?)?;
                    }
                    layer.set_item("once_per_entry", by_memory)?;
                }
                list.append(layer)?;
            }
            Ok(list)
        })
    }
}

/// The counts of the passes of a layer, by name.
fn summaries<'py>(py: Python<'py>, passes: &[PassSummary; 3]) -> PyResult<Bound<'py, PyDict>> {
    let layer = PyDict::new(py);
    for (title, pass) in ["inference", "forward", "backward"].into_iter().zip(passes) {
        layer.set_item(title, summary(py, pass)?)?;
    }
    Ok(layer)
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
