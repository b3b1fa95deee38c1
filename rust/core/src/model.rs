//! A model out of a file: its graph, its parameters, and running it. Python is not needed.
//!
//! ```no_run
//! use ostinato_core::model::Model;
//!
//! let model = Model::<f32>::open("model.safetensors".as_ref())?;
//! let outputs = model.run(&[&[0.5; 2 * 7 * 3]], 2, 7, None, None)?; // 2 rows of 7 steps of 3 features
//! println!("{:?}", outputs[0]);
//! # Ok::<(), ostinato_core::model::ModelError>(())
//! ```
//!
//! A model file of format 2 holds the text of the graph beside the description of the layers. Every text is checked as it is
//! read: nothing in a file names code to run, and no memory is taken beyond what the file's own size accounts for.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::memory::{grow, made};
use crate::net::{
    Axis, AxisExtent, Call, End, Engine, Extent, Given, Input, NetError, Network, Pooled, StepEngine, Stream,
};
use crate::store::{self, DType, StoreError, Tensor};

/// The metadata key of the graph.
pub const GRAPH_KEY: &str = "ostinato.graph";

/// Why a model was not opened, or did not run.
#[derive(Debug)]
pub enum ModelError {
    /// The file cannot be read, or is no model.
    Store(StoreError),
    /// The file is a model, but what it describes does not fit together, or has no graph.
    Format(String),
    /// A call with the wrong arguments.
    Call(NetError),
}

impl std::fmt::Display for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ModelError::Store(error) => error.fmt(f),
            ModelError::Format(text) => f.write_str(text),
            ModelError::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ModelError {}

impl From<StoreError> for ModelError {
    fn from(error: StoreError) -> ModelError {
        ModelError::Store(error)
    }
}

impl From<NetError> for ModelError {
    fn from(error: NetError) -> ModelError {
        ModelError::Call(error)
    }
}

/// A network with its parameters.
pub struct Model<T: Pooled> {
    engine: Arc<Engine>,
    arena: Vec<T>,
}

/// A number type that files hold.
pub trait Stored: Pooled {
    const DTYPE: DType;
    /// The elements of a tensor of this type.
    fn elements(bytes: &[u8]) -> Vec<Self>;
}

impl Stored for f32 {
    const DTYPE: DType = DType::F32;
    fn elements(bytes: &[u8]) -> Vec<f32> {
        made(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)))
    }
}

impl Stored for f64 {
    const DTYPE: DType = DType::F64;
    fn elements(bytes: &[u8]) -> Vec<f64> {
        made(bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)))
    }
}

fn bad(why: impl std::fmt::Display) -> ModelError {
    ModelError::Format(format!("not a model with a graph: {why}"))
}

impl<T: Stored> Model<T> {
    /// Opens a model file of format 2. Fails where the file cannot be read, is damaged, holds numbers of another type, or was
    /// written by a release before graphs were stored.
    pub fn open(path: &Path) -> Result<Model<T>, ModelError> {
        let stored = store::load(path)?;
        let Some(text) = stored.metadata.get(GRAPH_KEY) else {
            return Err(bad("the file has none; load it in Python and save it again"));
        };
        let json: Json = serde_json::from_str(text).map_err(bad)?;
        let graph = json.get("graph").ok_or_else(|| bad("no \"graph\""))?;
        let network = Network::from_json(&graph.to_string(), false).map_err(bad)?;
        let mut places = places(&json)?;
        let mut arena = Vec::new();
        for Tensor { name, dtype, shape, bytes } in &stored.tensors {
            let Some(at) = places.iter().position(|place| place.name == *name) else {
                return Err(bad(format!("tensor {name:?} is no parameter of the graph")));
            };
            let Place { offset, shape: expected, .. } = places.swap_remove(at);
            if *dtype != T::DTYPE || *shape != expected {
                let (got, wanted) = (dtype.name(), T::DTYPE.name());
                return Err(bad(format!(
                    "tensor {name:?} is {got} {shape:?}; expected {wanted} {expected:?}"
                )));
            }
            let values = T::elements(bytes);
            // between parameters there are gaps of less than a cache line each, so offsets follow the tensors
            let most =
                stored.tensors.iter().map(|tensor| tensor.bytes.len() / dtype.size() + GAP).sum::<usize>();
            if offset.checked_add(values.len()).is_none_or(|end| end > most) {
                return Err(bad(format!("parameter {name:?} begins at {offset}, beyond the tensors")));
            }
            grow(&mut arena, offset + values.len());
            arena[offset..][..values.len()].copy_from_slice(&values);
        }
        if let Some(place) = places.first() {
            return Err(bad(format!("parameter {:?} has no tensor", place.name)));
        }
        if arena.len() < network.arena_len() {
            return Err(bad("a layer has parameters beyond the arena"));
        }
        Ok(Model { engine: Arc::new(Engine::new(network)), arena })
    }

    /// The graph: inputs, outputs, layers.
    pub fn network(&self) -> &Network {
        &self.engine.network
    }

    /// Runs inference over `rows` sequences of `steps` steps: the outputs in order, (rows, steps, width) each, zeros beyond the
    /// lengths and at masked steps; or (rows, width). `inputs` are features in the order of `Network::inputs`; `lengths` is
    /// (rows,); `mask` is (rows, steps), see `Extent::mask`. For sequences on one axis; `run_on` takes several.
    pub fn run(
        &self,
        inputs: &[&[T]],
        rows: usize,
        steps: usize,
        lengths: Option<&[i64]>,
        mask: Option<&[bool]>,
    ) -> Result<Vec<Vec<T>>, ModelError> {
        self.run_on(inputs, rows, &[AxisExtent { steps, lengths, mask }])
    }

    /// `run` for a network with sequences on several axes: the steps and lengths of each, in the order of `Network::axes`.
    pub fn run_on(
        &self,
        inputs: &[&[T]],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Vec<Vec<T>>, ModelError> {
        let network = self.network();
        self.check_axes(axes)?;
        if inputs.len() != network.inputs.len() {
            let text = format!("got {} inputs; expected {}", inputs.len(), network.inputs.len());
            return Err(ModelError::Call(NetError::Shape(text)));
        }
        let mut given = Vec::new();
        for (data, port) in inputs.iter().zip(&network.inputs) {
            let node = &network.nodes[port.node];
            let count = rows * if let Axis::Sequence(number) = node.axis { axes[number].steps } else { 1 };
            if port.limit.is_some() || data.len() != count * node.width {
                let text =
                    format!("input {:?}: expected {} features of {count} places", port.name, node.width);
                return Err(ModelError::Call(NetError::Shape(text)));
            }
            given.push(Input::Features { data, width: node.width });
        }
        self.call_on(&given, rows, axes)
    }

    /// The same for inputs of any kind, ids too.
    pub fn call(
        &self,
        inputs: &[Input<T>],
        rows: usize,
        steps: usize,
        lengths: Option<&[i64]>,
        mask: Option<&[bool]>,
    ) -> Result<Vec<Vec<T>>, ModelError> {
        self.call_on(inputs, rows, &[AxisExtent { steps, lengths, mask }])
    }

    /// `call` for sequences on several axes: see `run_on`.
    pub fn call_on(
        &self,
        inputs: &[Input<T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Vec<Vec<T>>, ModelError> {
        self.check_axes(axes)?;
        let Some((&AxisExtent { steps, lengths, mask }, others)) = axes.split_first() else {
            unreachable!("a network has at least one axis")
        };
        let call = Call::new(Arc::clone(&self.engine), &self.arena, false, 0)?;
        let batch = call.batch(rows, steps, Extent { lengths, mask, others, ..Extent::default() })?;
        let packed = call.pack(&batch, inputs)?;
        let initial = call.pack_states(&batch, &[], End::Initial, "state")?;
        Ok(call.infer(batch, packed, initial, &mut || false)?.outputs)
    }

    fn check_axes(&self, axes: &[AxisExtent]) -> Result<(), ModelError> {
        let names = &self.network().axes;
        if axes.len() == names.len().max(1) {
            return Ok(());
        }
        let text = format!("got {} axes; expected the steps and lengths of {}", axes.len(), names.join(", "));
        Err(ModelError::Call(NetError::Shape(text)))
    }

    /// A stream that is fed one step at a time, for `rows` sequences. For a network that reads nothing but the fed sequence.
    pub fn stream(&self, rows: usize) -> Result<Stream<T>, ModelError> {
        self.stream_with(&[], rows, &[])
    }

    /// A stream of a network that reads more than the fed sequence: `inputs` are its other inputs, in the order of
    /// `Network::inputs`, `axes` the steps and lengths of their sequences, without masks, in the order of `Network::axes`.
    pub fn stream_with(
        &self,
        inputs: &[Input<T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Stream<T>, ModelError> {
        let engine = Arc::new(StepEngine::new(self.network())?);
        let given = match &engine.before {
            None if inputs.is_empty() => Given::nothing(rows),
            None => {
                let text = "got inputs besides the fed one, which this network does not have";
                return Err(ModelError::Call(NetError::Shape(text.into())));
            }
            Some(before) => {
                if axes.iter().any(|axis| axis.mask.is_some()) {
                    let text = "a mask of what a stream is given; leave the masked steps out";
                    return Err(ModelError::Call(NetError::Config(text.into())));
                }
                let call = Call::new(Arc::clone(before), &self.arena, false, 0)?;
                let (first, others) =
                    axes.split_first().map_or((AxisExtent::default(), axes), |(a, b)| (*a, b));
                let extent = Extent { lengths: first.lengths, others, ..Extent::default() };
                let batch = call.batch(rows, first.steps, extent)?;
                let packed = call.pack(&batch, inputs)?;
                let initial = call.pack_states(&batch, &[], End::Initial, "state")?;
                Given::compute(&engine, &call, batch, (packed, initial), &mut || false)?
            }
        };
        Ok(Stream::new(engine, &self.arena, Arc::new(given))?)
    }
}

/// Elements between two parameters, at most.
const GAP: usize = 16;

/// A parameter of the graph: its name, where it begins in the arena, and its shape.
struct Place {
    name: String,
    offset: usize,
    shape: Vec<usize>,
}

fn places(json: &Json) -> Result<Vec<Place>, ModelError> {
    let list = json.get("parameters").and_then(Json::as_array).ok_or_else(|| bad("no \"parameters\""))?;
    let number = |value: &Json| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let read = |one: &Json| match one.as_array().map(Vec::as_slice) {
        Some([Json::String(name), offset, Json::Array(shape)]) => {
            let shape = shape.iter().map(number).collect::<Option<Vec<usize>>>();
            number(offset).zip(shape).map(|(offset, shape)| Place { name: name.clone(), offset, shape })
        }
        _ => None,
    };
    list.iter().map(|one| read(one).ok_or_else(|| bad("a parameter of another form"))).collect()
}
