//! A model: its inputs, outputs and states, and running it over whole sequences.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::net::{self, Axis, AxisExtent, Call, End, Engine, Extent, Given, NetError, Network, StepEngine};
use crate::team;

use super::error::ModelError;
use super::file;
use super::number::Number;
use super::ports::{Content, Input, InputInfo, OutputInfo, StateInfo};
use super::stream::Stream;

/// A trained network with its parameters, of `f32` unless another type is named.
///
/// A model does not change, and several threads may use it at the same time.
#[derive(Debug)]
pub struct Model<T: Number = f32> {
    engine: Arc<Engine>,
    arena: Vec<T>,
    inputs: Vec<InputInfo>,
    outputs: Vec<OutputInfo>,
    states: Vec<StateInfo>,
    /// What streams share; made by the first one.
    steps: OnceLock<Result<Arc<StepEngine>, NetError>>,
}

/// The results of [`Model::run`].
#[derive(Debug, Clone, PartialEq)]
pub struct Run<T> {
    /// By output: (rows, steps, width), with zeros beyond the lengths and at masked steps; or (rows, width).
    pub outputs: Vec<Vec<T>>,
    /// By state: (rows, width), after the last valid step of each row.
    pub states: Vec<Vec<T>>,
}

impl Model<f32> {
    /// Opens a model file, which `net.save(path)` writes in Python.
    ///
    /// Fails with [`Io`](ModelError::Io) if the file cannot be read, with [`Format`](ModelError::Format) if it is damaged, no
    /// model, or of a release that this one does not read, with [`DType`](ModelError::DType) if its numbers are float64.
    pub fn open(path: impl AsRef<Path>) -> Result<Model<f32>, ModelError> {
        Model::read(path.as_ref())
    }
}

impl Model<f64> {
    /// The same for a network of `dtype="float64"`.
    pub fn open_f64(path: impl AsRef<Path>) -> Result<Model<f64>, ModelError> {
        Model::read(path.as_ref())
    }
}

impl<T: Number> Model<T> {
    fn read(path: &Path) -> Result<Model<T>, ModelError> {
        team::guard(|| Ok(Model::new(file::read(path)?)))?
    }

    pub(super) fn new(content: file::ModelFile<T>) -> Model<T> {
        let file::ModelFile { network, arena, state_names } = content;
        let states = state_names.into_iter().zip(&network.states);
        Model {
            arena,
            inputs: inputs_of(&network),
            outputs: outputs_of(&network),
            states: states.map(|(name, &width)| StateInfo { name, width }).collect(),
            engine: Arc::new(Engine::new(network)),
            steps: OnceLock::new(),
        }
    }

    /// The inputs, in the order in which calls take them.
    pub fn inputs(&self) -> &[InputInfo] {
        &self.inputs
    }

    /// The outputs, in the order in which calls return them.
    pub fn outputs(&self) -> &[OutputInfo] {
        &self.outputs
    }

    /// The names of the axes of sequences: "time", unless the network names its own.
    pub fn axes(&self) -> &[String] {
        &self.engine.network.axes
    }

    /// The states of the layers, in the order of [`Run::states`].
    pub fn states(&self) -> &[StateInfo] {
        &self.states
    }

    /// Runs a network of one input over `rows` sequences of `steps` steps.
    ///
    /// `x` is (rows, steps, features), or ids (rows, steps). `lengths` has the number of valid steps of each row, 0 to `steps`;
    /// without it all steps of all rows are valid. The results are bit-identical to those of `net.run(x, lengths=lengths)` in
    /// Python on the same machine.
    ///
    /// Fails with [`Shape`](ModelError::Shape) for an array of another size, with [`Config`](ModelError::Config) for an id or a
    /// length that is out of range, with [`Memory`](ModelError::Memory) where memory is short.
    pub fn run<'a>(
        &self,
        x: impl Into<Input<'a, T>>,
        rows: usize,
        steps: usize,
        lengths: Option<&[i64]>,
    ) -> Result<Run<T>, ModelError> {
        self.run_on(&[x.into()], rows, &[AxisExtent { steps, lengths, mask: None }])
    }

    /// Runs a network of any inputs, in the order of [`Model::inputs`]. `axes` has the steps, lengths and masks of each axis,
    /// in the order of [`Model::axes`]. Fails as [`run`](Model::run).
    pub fn run_on(
        &self,
        inputs: &[Input<T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Run<T>, ModelError> {
        team::guard(|| {
            let given = self.checked(inputs, rows, axes)?;
            let engine = Arc::clone(&self.engine);
            let (call, batch) = self.call(engine, rows, axes)?;
            let initial = call.pack_states(&batch, &[], End::Initial, "state")?;
            let done = call.infer(batch, &given, initial, &mut || false)?;
            Ok(Run { outputs: done.outputs, states: done.finals })
        })?
    }

    /// Returns the error of `run_on` for inputs or axes of other sizes; reads no lengths and masks.
    #[doc(hidden)]
    pub fn check(&self, inputs: &[Input<T>], rows: usize, axes: &[AxisExtent]) -> Result<(), ModelError> {
        self.checked(inputs, rows, axes).map(drop)
    }

    fn checked<'a>(
        &self,
        inputs: &[Input<'a, T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Vec<net::Input<'a, T>>, ModelError> {
        let names = self.axes();
        if axes.len() != names.len().max(1) {
            return Err(wrong_axes(axes.len(), names));
        }
        arrays(&self.inputs.iter().collect::<Vec<_>>(), inputs, rows, axes)
    }

    /// A stream of `rows` sequences, which takes one step at a time. For a network that reads nothing but one sequence.
    ///
    /// Fails with [`Config`](ModelError::Config) if the network cannot run step by step: a bidirectional layer or `Last` needs
    /// whole sequences.
    pub fn stream(&self, rows: usize) -> Result<Stream<T>, ModelError> {
        self.stream_on(&[], rows, &[])
    }

    /// A stream of a network that reads more than the sequence of its steps, such as values of rows, or the memory of a decoder.
    ///
    /// `inputs` are all other inputs, in the order of [`Model::inputs`]. `axes` has the steps and lengths of their axes, in the
    /// order of [`Model::axes`], without masks. Fails as [`stream`](Model::stream) and [`run`](Model::run).
    pub fn stream_on(
        &self,
        inputs: &[Input<T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Stream<T>, ModelError> {
        team::guard(|| {
            let made = || StepEngine::new(&self.engine.network).map(Arc::new);
            let engine = Arc::clone(self.steps.get_or_init(made).as_ref().map_err(NetError::clone)?);
            let given = self.given(&engine, inputs, rows, axes)?;
            let states = engine.states.iter().map(|&slot| self.states[slot].clone()).collect();
            Ok(Stream::new(net::Stream::new(engine, &self.arena, Arc::new(given))?, states))
        })?
    }

    /// What the steps of a stream read besides the fed sequence.
    fn given(
        &self,
        engine: &StepEngine,
        inputs: &[Input<T>],
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<Given<T>, ModelError> {
        let Some(before) = &engine.before else {
            if !inputs.is_empty() || !axes.is_empty() {
                let text =
                    "this network reads nothing but the sequence of its steps; give no other inputs or axes";
                return Err(ModelError::Shape(text.into()));
            }
            return Ok(Given::nothing(rows));
        };
        if axes.iter().any(|axis| axis.mask.is_some()) {
            let text = "a stream takes no masks; leave the masked steps out and give lengths";
            return Err(ModelError::Config(text.into()));
        }
        let fed = engine.fed;
        let others: Vec<&InputInfo> = (self.inputs.iter().enumerate())
            .filter(|&(number, _)| number != fed)
            .map(|(_, info)| info)
            .collect();
        let names = &before.axes;
        if axes.len() != names.len() {
            return Err(wrong_axes(axes.len(), names));
        }
        let place = |info: &InputInfo| {
            let axis = info.axis.and_then(|axis| names.iter().position(|name| *name == self.axes()[axis]));
            InputInfo { axis, ..info.clone() }
        };
        let others: Vec<InputInfo> = others.into_iter().map(place).collect();
        let arrays = arrays(&others.iter().collect::<Vec<_>>(), inputs, rows, axes)?;
        let (call, batch) = self.call(Arc::clone(before), rows, axes)?;
        let initial = call.pack_states(&batch, &[], End::Initial, "state")?;
        Ok(Given::compute(engine, &call, batch, (&arrays, initial), &mut || false)?)
    }

    fn call(
        &self,
        engine: Arc<Engine>,
        rows: usize,
        axes: &[AxisExtent],
    ) -> Result<(Call<T>, net::Batch), ModelError> {
        let (first, others) = axes.split_first().map_or((AxisExtent::default(), axes), |(a, b)| (*a, b));
        let AxisExtent { steps, lengths, mask } = first;
        let call = Call::new(engine, &self.arena, false, 0)?;
        let batch = call.batch(rows, steps, Extent { lengths, mask, others, ..Extent::default() })?;
        Ok((call, batch))
    }
}

fn wrong_axes(got: usize, names: &[String]) -> ModelError {
    let expected = match names {
        [] => "none: the network reads no sequence besides".to_string(),
        names => format!("{}: the steps and lengths of {}", names.len(), names.join(", ")),
    };
    ModelError::Shape(format!("got {got} axes; expected {expected}"))
}

/// The arrays of inputs, checked.
fn arrays<'a, T: Number>(
    infos: &[&InputInfo],
    inputs: &[Input<'a, T>],
    rows: usize,
    axes: &[AxisExtent],
) -> Result<Vec<net::Input<'a, T>>, ModelError> {
    if inputs.len() != infos.len() {
        let names: Vec<&str> = infos.iter().map(|info| &info.name[..]).collect();
        let text = format!("got {} inputs; expected {}: [{}]", inputs.len(), infos.len(), names.join(", "));
        return Err(ModelError::Shape(text));
    }
    let one = |(&input, &info): (&Input<'a, T>, &&InputInfo)| {
        let InputInfo { name, content, axis } = info;
        let steps = axis.map_or(1, |axis| axes[axis].steps);
        let places = rows.checked_mul(steps);
        let expect = |what: &str, got: usize, features: usize| {
            if places.and_then(|places| places.checked_mul(features)) == Some(got) {
                return Ok(());
            }
            let of_steps = if axis.is_some() { format!(" of {steps} steps") } else { String::new() };
            let of_features = if features > 1 { format!(" of {features} features") } else { String::new() };
            Err(ModelError::Shape(format!(
                "input {name:?} has {got} {what}; expected those of {rows} rows{of_steps}{of_features}"
            )))
        };
        match (input, *content) {
            (Input::Features(data), Content::Features(width)) => {
                expect("numbers", data.len(), width)?;
                Ok(net::Input::Features { data, width })
            }
            (Input::Ids(data), Content::Ids(_)) => {
                expect("ids", data.len(), 1)?;
                Ok(net::Input::Ids { data })
            }
            (Input::Features(_), Content::Ids(limit)) => Err(ModelError::Shape(format!(
                "input {name:?} takes ids from 0 to {}; give integers (i64), not features",
                limit - 1
            ))),
            (Input::Ids(_), Content::Features(width)) => Err(ModelError::Shape(format!(
                "input {name:?} takes {width} features, not ids; give an array of numbers"
            ))),
        }
    };
    inputs.iter().zip(infos).map(one).collect()
}

fn number_of(axis: Axis) -> Option<usize> {
    match axis {
        Axis::Sequence(number) => Some(number),
        Axis::Row => None,
    }
}

fn inputs_of(network: &Network) -> Vec<InputInfo> {
    let info = |port: &net::InputPort| {
        let node = &network.nodes[port.node];
        let content = port.limit.map_or(Content::Features(node.width), Content::Ids);
        InputInfo { name: port.name.clone(), content, axis: number_of(node.axis) }
    };
    network.inputs.iter().map(info).collect()
}

fn outputs_of(network: &Network) -> Vec<OutputInfo> {
    let info = |port: &net::OutputPort| {
        let node = &network.nodes[port.node];
        OutputInfo { name: port.name.clone(), width: node.width, axis: number_of(node.axis) }
    };
    network.outputs.iter().map(info).collect()
}
