//! A run, and its way back.

use ostinato_core::net::{Call, Gradients, Inferred, Trained};
use ostinato_core::team;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::{Number, array, elements, shaped};
use crate::errors::{ConfigError, Raised, entry};
use crate::poller::Poller;
use crate::prepared::Prepared;
use crate::states::{states_out, with_states};

struct Kept<T: Number> {
    call: Call<T>,
    trained: Trained<T>,
}

enum Way {
    None,
    Single(Kept<f32>),
    Double(Kept<f64>),
}

/// A number type that knows its way back.
pub trait Keeps: Number {
    fn way(call: Call<Self>, trained: Trained<Self>) -> PyWay;
}

/// Opaque to other files: what a run keeps for its way back.
pub struct PyWay(Way);

impl Keeps for f32 {
    fn way(call: Call<f32>, trained: Trained<f32>) -> PyWay {
        PyWay(Way::Single(Kept { call, trained }))
    }
}

impl Keeps for f64 {
    fn way(call: Call<f64>, trained: Trained<f64>) -> PyWay {
        PyWay(Way::Double(Kept { call, trained }))
    }
}

#[pyclass(name = "Run", module = "ostinato._core", frozen)]
pub struct PyRun {
    #[pyo3(get)]
    outputs: Py<PyAny>,
    #[pyo3(get)]
    final_state: Py<PyAny>,
    /// What penalties come to; none where the network has none, or without a way back.
    #[pyo3(get)]
    penalty: Option<f64>,
    way: PyWay,
}

impl PyRun {
    pub fn new<T: Keeps>(py: Python<'_>, prepared: Prepared<T>, training: bool) -> Result<PyRun, Raised> {
        let Prepared { call, batch, packed, initial } = prepared;
        let (rows, steps) = (batch.rows, batch.steps);
        let mut poller = Poller::default();
        let done = py.detach(|| {
            team::guard(|| {
                if !training {
                    let done = call.infer(batch, packed, initial, &mut || poller.poll())?;
                    return Ok((done, None, None));
                }
                let trained = call.run(batch, packed, initial, &mut || poller.poll())?;
                let done = Inferred { outputs: call.outputs(&trained)?, finals: call.final_state(&trained) };
                let penalty = call.network().has_penalties().then(|| call.penalty(&trained));
                Ok((done, Some(trained), penalty))
            })
        });
        let (Inferred { outputs, finals }, trained, penalty) = poller.result(done)?;
        let network = call.network();
        let outputs = shaped(py, outputs, &[rows, steps, network.output_width()?])?.unbind();
        let finals = states_out(py, finals, &network.states, rows)?;
        let way = trained.map_or(PyWay(Way::None), |trained| T::way(call, trained));
        Ok(PyRun { outputs, final_state: finals.into_any().unbind(), penalty, way })
    }
}

type Back<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Bound<'py, PyList>);

fn back<'py, T: Number>(
    py: Python<'py>,
    kept: &Kept<T>,
    d_outputs: Option<&Bound<'py, PyAny>>,
    d_penalty: f64,
    d_final: &[Option<Bound<'py, PyAny>>],
) -> Result<Back<'py>, Raised> {
    let Kept { call, trained } = kept;
    let d_outputs = d_outputs.map(|d| array::<T>("d_outputs", d, &[3])).transpose()?;
    let d_outputs = d_outputs.as_ref().map(elements).transpose()?;
    let arriving = with_states(d_final, "d_final_state", |states| {
        Ok(call.pack_gradients(&trained.batch, d_outputs, states)?)
    })?;
    let mut poller = Poller::default();
    let done = py.detach(|| team::guard(|| call.back(trained, arriving, d_penalty, &mut || poller.poll())));
    let Gradients { params, inputs, initial } = poller.result(done)?;
    let (rows, steps) = (trained.batch.rows, trained.batch.steps);
    let params = shaped(py, params, &[call.arena_len])?;
    let inputs = match call.network().input_gradient() {
        Some(width) => Some(shaped(py, inputs, &[rows, steps, width])?),
        None => None,
    };
    Ok((params, inputs, states_out(py, initial, &call.network().states, rows)?))
}

#[pymethods]
impl PyRun {
    #[pyo3(signature = (d_outputs, d_final_state, d_penalty=0.0))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        d_outputs: Option<&Bound<'py, PyAny>>,
        d_final_state: Option<Vec<Option<Bound<'py, PyAny>>>>,
        d_penalty: f64,
    ) -> PyResult<Back<'py>> {
        let d_final = d_final_state.unwrap_or_default();
        entry(|| match &self.way.0 {
            Way::None => {
                Err(ConfigError::new_err("this run kept nothing for a way back; call run(training=True)")
                    .into())
            }
            Way::Single(kept) => back(py, kept, d_outputs, d_penalty, &d_final),
            Way::Double(kept) => back(py, kept, d_outputs, d_penalty, &d_final),
        })
    }
}
