//! Reads a model file: the graph, the parameters, the names of the states.
//!
//! Every text is checked as it is read: nothing in a file names code to run, and no memory is taken beyond what the size of the
//! file accounts for.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use crate::memory::grow;
use crate::net::Network;
use crate::store::{self, DType, Tensor};

use super::error::ModelError;
use super::number::Number;

/// The metadata key of the graph.
const GRAPH_KEY: &str = "ostinato.graph";
/// The metadata key of the training of an estimator, for which a model that only runs has no use.
const TRAINING_KEY: &str = "ostinato.training";
/// How the names of its tensors begin.
const TRAINING: &str = "ostinato.training/";
/// Elements between two parameters, at most.
const GAP: usize = 16;

/// The content of a model file.
pub struct ModelFile<T> {
    pub network: Network,
    pub arena: Vec<T>,
    /// By state of the network.
    pub state_names: Vec<String>,
}

/// A parameter of the graph: where it begins in the arena, and its shape.
struct Place {
    offset: usize,
    shape: Vec<usize>,
}

/// Reads the file at `path`.
pub fn read<T: Number>(path: &Path) -> Result<ModelFile<T>, ModelError> {
    let stored = store::load(path).map_err(|error| ModelError::of_file(error, path.into()))?;
    content(&stored, path)
}

/// The content of a file that was read; `path` is for the texts of errors.
pub fn content<T: Number>(stored: &store::Model, path: &Path) -> Result<ModelFile<T>, ModelError> {
    let bad = |why: &dyn std::fmt::Display| {
        ModelError::Format(format!("{}: not a model with a graph: {why}", path.display()))
    };
    let Some(text) = stored.metadata.get(GRAPH_KEY) else {
        return Err(bad(
            &"the file has none. Load it in Python and save it again; a cell in plain NumPy has no graph",
        ));
    };
    let json: Json = serde_json::from_str(text).map_err(|error| bad(&error))?;
    let graph = json.get("graph").ok_or_else(|| bad(&"no \"graph\""))?;
    let network = Network::from_json(&graph.to_string(), false).map_err(|error| bad(&error))?;
    let state_names = state_names(&json, &network).map_err(|why| bad(&why))?;
    let mut places = places(&json).map_err(|why| bad(&why))?;
    let mut arena = Vec::new();
    // between parameters there are gaps of less than a cache line each, so offsets follow the tensors
    let room = |tensor: &Tensor| tensor.bytes.len() / tensor.dtype.size() + GAP;
    let trained = stored.metadata.contains_key(TRAINING_KEY);
    let parameters = || stored.tensors.iter().filter(|one| !(trained && one.name.starts_with(TRAINING)));
    let most = parameters().map(room).sum::<usize>();
    for Tensor { name, dtype, shape, bytes } in parameters() {
        let Some(Place { offset, shape: expected }) = places.remove(name) else {
            return Err(bad(&format!("tensor {name:?} is no parameter of the graph")));
        };
        if *dtype != T::DTYPE {
            let (found, expected) = (python_name(*dtype), python_name(T::DTYPE));
            return Err(ModelError::DType { path: path.into(), found, expected });
        }
        if *shape != expected {
            return Err(bad(&format!("tensor {name:?} has shape {shape:?}; expected {expected:?}")));
        }
        let values = T::elements(bytes);
        if offset.checked_add(values.len()).is_none_or(|end| end > most) {
            return Err(bad(&format!("parameter {name:?} begins at {offset}, beyond the tensors")));
        }
        grow(&mut arena, offset + values.len());
        arena[offset..][..values.len()].copy_from_slice(&values);
    }
    if let Some(name) = places.keys().next() {
        return Err(bad(&format!("parameter {name:?} has no tensor")));
    }
    if arena.len() < network.arena_len() {
        return Err(bad(&"a layer has parameters beyond the arena"));
    }
    Ok(ModelFile { network, arena, state_names })
}

fn python_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float32",
        DType::F64 => "float64",
        DType::I64 => "int64",
    }
}

fn number(value: &Json) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// The parameters by name.
fn places(json: &Json) -> Result<BTreeMap<String, Place>, String> {
    let list = json.get("parameters").and_then(Json::as_array).ok_or("no \"parameters\"")?;
    let read = |one: &Json| match one.as_array().map(Vec::as_slice) {
        Some([Json::String(name), offset, Json::Array(shape)]) => {
            let shape = shape.iter().map(number).collect::<Option<Vec<usize>>>();
            number(offset).zip(shape).map(|(offset, shape)| (name.clone(), Place { offset, shape }))
        }
        _ => None,
    };
    list.iter().map(|one| read(one).ok_or_else(|| "a parameter of another form".to_string())).collect()
}

/// The names of the states, which have the widths of the network.
fn state_names(json: &Json, network: &Network) -> Result<Vec<String>, String> {
    let list = json.get("states").and_then(Json::as_array).ok_or("no \"states\"")?;
    if list.len() != network.states.len() {
        return Err(format!("{} states; expected {}", list.len(), network.states.len()));
    }
    let read = |(one, &width): (&Json, &usize)| match one.as_array().map(Vec::as_slice) {
        Some([Json::String(name), Json::Array(shape)]) => {
            let sizes = shape.iter().map(number).collect::<Option<Vec<usize>>>()?;
            let elements = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
            (elements == width).then(|| name.clone())
        }
        _ => None,
    };
    let named = list.iter().zip(&network.states).enumerate();
    named.map(|(slot, one)| read(one).ok_or_else(|| format!("state {slot} has another form"))).collect()
}
