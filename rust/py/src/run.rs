//! A run, and its backward pass.

use ostinato_core::net::{Call, Gradients, Inferred, Network, OutputPort, Record};
use ostinato_core::team;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{array, elements, shaped};
use crate::dtype::{Either, Family, Number, for_value};
use crate::errors::{ConfigError, Raised, entry};
use crate::poller::{Poller, attended};
use crate::prepared::{Prepared, Unpacked, with_states};
use crate::results::{Sizes, input_gradients, states_out};

/// The activations of a run, which its backward pass reads.
struct Activations<T: Number> {
    call: Call<T>,
    record: Record<T>,
}

struct AllActivations;

impl Family for AllActivations {
    type Of<T: Number> = Activations<T>;
}

#[pyclass(name = "Run", module = "ostinato._core", frozen)]
pub struct PyRun {
    /// By output.
    #[pyo3(get)]
    outputs: Vec<Py<PyAny>>,
    #[pyo3(get)]
    final_state: Py<PyAny>,
    /// The sum of the penalties; none if the network has no penalty, or without training.
    #[pyo3(get)]
    penalty: Option<f64>,
    /// None without training.
    saved: Option<Either<AllActivations>>,
}

impl PyRun {
    /// Inference: the arrays are read while it runs.
    pub fn inferred<T: Number>(py: Python<'_>, unpacked: Unpacked<'_, T>) -> Result<PyRun, Raised> {
        let Unpacked { call, batch, arrays, initial } = unpacked;
        let (sizes, inputs) = (Sizes::of(&batch), arrays.inputs()?);
        let mut poller = Poller::default();
        let done = py.detach(|| team::guard(|| call.infer(batch, &inputs, initial, &mut || poller.poll())));
        let (outputs, final_state) = results(py, call.network(), poller.result(done)?, &sizes)?;
        Ok(PyRun { outputs, final_state, penalty: None, saved: None })
    }

    /// A run in training mode.
    pub fn trained<T: Number>(py: Python<'_>, prepared: Prepared<T>) -> Result<PyRun, Raised> {
        let Prepared { call, batch, packed, initial } = prepared;
        let sizes = Sizes::of(&batch);
        let mut poller = Poller::default();
        let done = py.detach(|| {
            team::guard(|| {
                let record = call.run(batch, packed, initial, &mut || poller.poll())?;
                let outputs = call.outputs(&record, &mut || poller.poll())?;
                let done = Inferred { outputs, finals: call.final_state(&record) };
                let penalty = call.network().has_penalties().then(|| call.penalty(&record));
                Ok((done, record, penalty))
            })
        });
        let (done, record, penalty) = poller.result(done)?;
        let (outputs, final_state) = results(py, call.network(), done, &sizes)?;
        Ok(PyRun { outputs, final_state, penalty, saved: Some(T::either(Activations { call, record })) })
    }
}

/// The outputs of a run, and its final states.
type Results = (Vec<Py<PyAny>>, Py<PyAny>);

fn results<T: Number>(
    py: Python<'_>,
    network: &Network,
    done: Inferred<T>,
    sizes: &Sizes,
) -> Result<Results, Raised> {
    let array = |(values, port): (Vec<T>, &OutputPort)| {
        let node = &network.nodes[port.node];
        sizes.along(py, values, node.axis, node.width).map(Bound::unbind)
    };
    let outputs = done.outputs.into_iter().zip(&network.outputs).map(array).collect::<PyResult<_>>()?;
    let finals = states_out(py, done.finals, &network.states, sizes.rows)?;
    Ok((outputs, finals.into_any().unbind()))
}

type Back<'py> = (Bound<'py, PyAny>, Vec<Option<Bound<'py, PyAny>>>, Bound<'py, PyList>);

fn back<'py, T: Number>(
    py: Python<'py>,
    saved: &Activations<T>,
    d_outputs: &[Option<Bound<'py, PyAny>>],
    d_penalty: f64,
    d_final: &[Option<Bound<'py, PyAny>>],
) -> Result<Back<'py>, Raised> {
    let Activations { call, record } = saved;
    let network = call.network();
    let arrays = (d_outputs.iter().zip(&network.outputs))
        .map(|(d, port)| {
            let rank = if network.nodes[port.node].axis.is_sequence() { 3 } else { 2 };
            d.as_ref().map(|d| array::<T>("d_outputs", d, &[rank])).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let d_outputs =
        arrays.iter().map(|d| d.as_ref().map(elements).transpose()).collect::<Result<Vec<_>, _>>()?;
    let arriving = with_states(d_final, "d_final_state", |states| {
        attended(|| Ok(call.pack_gradients(&record.batch, &d_outputs, states)?))
    })?;
    let mut poller = Poller::default();
    let done = py.detach(|| team::guard(|| call.back(record, arriving, d_penalty, &mut || poller.poll())));
    let Gradients { params, inputs, initial } = poller.result(done)?;
    let sizes = Sizes::of(&record.batch);
    let params = shaped(py, params, &[call.arena_len])?;
    let inputs = input_gradients(py, network, inputs, &sizes)?;
    Ok((params, inputs, states_out(py, initial, &network.states, sizes.rows)?))
}

#[pymethods]
impl PyRun {
    #[pyo3(signature = (d_outputs, d_final_state, d_penalty=0.0))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        d_outputs: Vec<Option<Bound<'py, PyAny>>>,
        d_final_state: Option<Vec<Option<Bound<'py, PyAny>>>>,
        d_penalty: f64,
    ) -> PyResult<Back<'py>> {
        let d_final = d_final_state.unwrap_or_default();
        entry(|| match &self.saved {
            None => {
                Err(ConfigError::new_err("no activations were saved for backward; call run(training=True)")
                    .into())
            }
            Some(saved) => for_value!(saved, saved => back(py, saved, &d_outputs, d_penalty, &d_final)),
        })
    }
}
