//! A run, and its backward pass.

use ostinato_core::net::{Call, Gradients, Inferred, Record};
use ostinato_core::team;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{array, elements, shaped};
use crate::dtype::{Either, Family, Number, for_value};
use crate::errors::{ConfigError, Raised, entry};
use crate::poller::{Poller, attended};
use crate::prepared::{Prepared, with_states};
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
    pub fn new<T: Number>(py: Python<'_>, prepared: Prepared<T>, training: bool) -> Result<PyRun, Raised> {
        let Prepared { call, batch, packed, initial } = prepared;
        let sizes = Sizes::of(&batch);
        let mut poller = Poller::default();
        let done = py.detach(|| {
            team::guard(|| {
                if !training {
                    let done = call.infer(batch, packed, initial, &mut || poller.poll())?;
                    return Ok((done, None, None));
                }
                let record = call.run(batch, packed, initial, &mut || poller.poll())?;
                let outputs = call.outputs(&record, &mut || poller.poll())?;
                let done = Inferred { outputs, finals: call.final_state(&record) };
                let penalty = call.network().has_penalties().then(|| call.penalty(&record));
                Ok((done, Some(record), penalty))
            })
        });
        let (Inferred { outputs, finals }, record, penalty) = poller.result(done)?;
        let network = call.network();
        let array = |(values, port): (Vec<T>, &ostinato_core::net::OutputPort)| {
            let node = &network.nodes[port.node];
            sizes.along(py, values, node.axis, node.width).map(Bound::unbind)
        };
        let outputs = outputs.into_iter().zip(&network.outputs).map(array).collect::<PyResult<_>>()?;
        let finals = states_out(py, finals, &network.states, sizes.rows)?;
        let saved = record.map(|record| T::either(Activations { call, record }));
        Ok(PyRun { outputs, final_state: finals.into_any().unbind(), penalty, saved })
    }
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
