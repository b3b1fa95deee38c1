//! Model files: named arrays and text, written and read by the core's store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use ostinato_core::memory::with_room;
use ostinato_core::store::{self, DType, Model, Tensor};
use ostinato_core::team;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, elements, shaped, vector};
use crate::errors::{DTypeError, Raised, entry, with_path};
use crate::poller::{attended, watched};

/// Elements that are converted between two cancellation points.
const CHUNK: usize = 1 << 18;

/// The bytes of an array whose numbers are `T`, little endian.
fn bytes_of<T: Element + Copy, const N: usize>(
    name: &str,
    value: &Bound<'_, PyAny>,
    dtype: DType,
    bytes: fn(T) -> [u8; N],
) -> Result<Tensor, Raised> {
    let any_rank: Vec<usize> = (0..=store::MAX_RANK).collect();
    let view = array::<T>(name, value, &any_rank)?;
    let values = elements(&view)?;
    let mut raw = with_room(values.len() * N);
    for chunk in values.chunks(CHUNK) {
        team::pause();
        raw.extend(chunk.iter().flat_map(|&x| bytes(x)));
    }
    Ok(Tensor { name: name.into(), dtype, shape: view.shape().to_vec(), bytes: raw })
}

/// The numbers in little endian bytes.
fn numbers<T, const N: usize>(bytes: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
    let words = bytes.as_chunks::<N>().0;
    let mut values = with_room(words.len());
    for chunk in words.chunks(CHUNK) {
        team::pause();
        values.extend(chunk.iter().map(|word| number(*word)));
    }
    values
}

fn tensor(name: &str, value: &Bound<'_, PyAny>) -> Result<Tensor, Raised> {
    if value.cast::<PyArrayDyn<f32>>().is_ok() {
        bytes_of(name, value, DType::F32, f32::to_le_bytes)
    } else if value.cast::<PyArrayDyn<f64>>().is_ok() {
        bytes_of(name, value, DType::F64, f64::to_le_bytes)
    } else if value.cast::<PyArrayDyn<i64>>().is_ok() {
        bytes_of(name, value, DType::I64, i64::to_le_bytes)
    } else {
        let text = format!("tensor {name:?}: expected an array of float32, float64 or int64");
        Err(DTypeError::new_err(text).into())
    }
}

/// Writes `tensors` and `metadata` to `path`: a temporary file in the same folder, made durable, then renamed.
#[pyfunction]
pub fn save_model(
    py: Python<'_>,
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Bound<'_, PyAny>)>,
) -> PyResult<()> {
    entry(|| {
        let tensors = tensors.iter().map(|(name, value)| tensor(name, value));
        let tensors = attended(|| tensors.collect::<Result<_, _>>())?;
        let model = Model { metadata, tensors };
        let saved = watched(py, || store::save(&path, &model))?;
        saved.map_err(|error| with_path(error, &path))
    })
}

/// Reads a model file; a damaged or hostile one is a `FormatError`.
#[pyfunction]
pub fn load_model<'py>(
    py: Python<'py>,
    path: PathBuf,
) -> PyResult<(BTreeMap<String, String>, Bound<'py, PyDict>)> {
    entry(|| {
        let loaded = watched(py, || store::load(&path))?;
        let model = loaded.map_err(|error| with_path(error, &path))?;
        let arrays = PyDict::new(py);
        attended(|| {
            for Tensor { name, dtype, shape, bytes } in model.tensors {
                let array = match dtype {
                    DType::F32 => shaped(py, numbers(&bytes, f32::from_le_bytes), &shape)?,
                    DType::F64 => shaped(py, numbers(&bytes, f64::from_le_bytes), &shape)?,
                    DType::I64 => {
                        let values = numbers(&bytes, i64::from_le_bytes);
                        vector(py, values)?.reshape(shape)?.into_any()
                    }
                };
                arrays.set_item(name, array)?;
            }
            Ok(())
        })?;
        Ok((model.metadata, arrays))
    })
}
