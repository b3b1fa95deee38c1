//! Searches for the ids that a network predicts.

use std::sync::Arc;

use numpy::PyArray1;
use ostinato_core::kernel::{Float, Isa};
use ostinato_core::net::{
    Beam, Call, Found, Given, Method, Penalty, Sampling, Search, StepEngine, decode, log_probabilities,
};
use ostinato_core::team;
use pyo3::prelude::*;

use crate::arrays::{array, elements, vector};
use crate::dtype::{DType, Number, for_dtype};
use crate::errors::{ConfigError, Raised, entry};
use crate::poller::Poller;

/// How hypotheses are found and scored. The static methods make it.
#[pyclass(name = "DecodeMethod", module = "ostinato._core", frozen)]
pub struct PyMethod {
    inner: Method,
}

#[pymethods]
impl PyMethod {
    #[staticmethod]
    fn beam(width: usize, best: usize, penalty: (String, f64, f64)) -> PyResult<PyMethod> {
        let (kind, value, coverage) = penalty;
        let penalty = match &kind[..] {
            "none" => Penalty::None,
            "length" => Penalty::Length { power: value },
            "wu" => Penalty::Wu { power: value, coverage },
            "reward" => Penalty::Reward { each: value },
            other => return Err(ConfigError::new_err(format!("{other:?} is no penalty"))),
        };
        Ok(PyMethod { inner: Method::Beam(Beam { width, best, penalty }) })
    }

    #[staticmethod]
    fn sampling(
        count: usize,
        temperature: f64,
        top_k: usize,
        top_p: f64,
        seed: u64,
        rows: Vec<u32>,
    ) -> PyMethod {
        PyMethod { inner: Method::Sampling(Sampling { count, temperature, top_k, top_p, seed, rows }) }
    }
}

/// The options of every search: the first id of each row, and the id that ends, if any; the most ids of each row, the fewest, banned ids,
/// the length of sequences that do not repeat; forced ids (rows, steps), -1 for none.
pub type Asked<'py> =
    (Vec<usize>, Option<usize>, Vec<usize>, usize, Vec<bool>, usize, Option<Bound<'py, PyAny>>);

/// The hypotheses of each row; of each hypothesis its ids, whether it ended, its score and its log-probability; all ids, and
/// the log-probability of each. Where weights on entries are read, the number of entries of each hypothesis, and all weights.
pub type Hypotheses<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Option<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>)>,
);

pub fn hypotheses<'py, T: Number>(
    py: Python<'py>,
    engine: &StepEngine,
    arena: &Bound<'py, PyAny>,
    given: &Arc<Given<T>>,
    asked: Asked<'py>,
    method: &PyMethod,
) -> Result<Hypotheses<'py>, Raised> {
    let (begin, end, most, least, banned, unrepeated, forced) = asked;
    let forced = forced.map(|forced| array::<i64>("forced", &forced, &[2])).transpose()?;
    let forced = forced.as_ref().map(elements).transpose()?.unwrap_or(&[]).to_vec();
    let search = Search { begin, end, most, least, banned, unrepeated, forced, method: method.inner.clone() };
    let call = {
        let arena = array::<T>("arena", arena, &[1])?;
        Call::new(Arc::clone(&engine.steps), elements(&arena)?, false, 0)?
    };
    let mut poller = Poller::default();
    let done = py.detach(|| team::guard(|| decode(engine, &call, given, &search, &mut || poller.poll())));
    Ok(flat(py, poller.result(done)?, engine.weights.is_some())?)
}

fn flat(py: Python<'_>, rows: Vec<Vec<Found>>, has_weights: bool) -> PyResult<Hypotheses<'_>> {
    let counts: Vec<i64> = rows.iter().map(|row| row.len() as i64).collect();
    let all = || rows.iter().flatten();
    let floats = |of: fn(&Found) -> f64| vector(py, all().map(of).collect());
    let weights = || {
        let entries = all().map(|one| one.entries as i64).collect();
        let weights = all().flat_map(|one| &one.weights).copied().collect();
        Ok::<_, PyErr>((vector(py, entries)?, vector(py, weights)?))
    };
    Ok((
        vector(py, counts)?,
        vector(py, all().map(|one| one.ids.len() as i64).collect())?,
        vector(py, all().map(|one| one.finished).collect())?,
        floats(|one| one.score)?,
        floats(|one| one.log_probability)?,
        vector(py, all().flat_map(|one| &one.ids).map(|&id| id as i64).collect())?,
        vector(py, all().flat_map(|one| &one.log_probabilities).copied().collect())?,
        has_weights.then(weights).transpose()?,
    ))
}

/// The log-probability of an id by logits: (rows, ids) and (rows,); 0 for ids below 0. As a search computes it.
#[pyfunction]
pub fn token_log_probs<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    ids: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    entry(|| {
        let ids = array::<i64>("ids", ids, &[1])?;
        let chosen = elements(&ids)?;
        let isa = Isa::active().map_err(ConfigError::new_err)?;
        let found = for_dtype!(DType::of_array(logits), T => {
            let logits = array::<T>("logits", logits, &[2])?;
            let width = logits.as_array().shape()[1];
            log_probabilities(T::kernels(isa), elements(&logits)?, width, chosen)?
        });
        Ok(vector(py, found)?)
    })
}
