//! The arguments of a call, read from Python's arrays.

use std::sync::Arc;

use numpy::{Element, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use ostinato_core::net::{Axis, AxisExtent, Batch, Call, End, Engine, Extent, Input, Packed, States};
use pyo3::prelude::*;

use crate::arrays::{array, elements, holds_ids};
use crate::dtype::Number;
use crate::errors::{Raised, ShapeError};
use crate::poller::attended;

/// An array argument that may be left out.
pub type Optional<'py> = Option<Bound<'py, PyAny>>;

/// Lengths and masks by axis of sequences, resets, and the number of the first step; none for whole rows from step 0.
pub type Extents<'py> = Option<(Vec<Optional<'py>>, Vec<Optional<'py>>, Optional<'py>, usize)>;

/// What every call of a network reads: its parameters, its inputs in order, their extent, and states by slot.
pub type CallArguments<'py> = (Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>, Extents<'py>, Vec<Optional<'py>>);

/// A batch, its packed inputs and initial states, and the weights of one call: everything copied, nothing borrowed.
pub struct Prepared<T: Number> {
    pub call: Call<T>,
    pub batch: Batch,
    pub packed: Vec<Packed<T>>,
    pub initial: States<T>,
}

/// The same before the inputs are packed: they are Python's arrays. Inference packs what it can while it runs.
pub struct Unpacked<'py, T: Number> {
    pub call: Call<T>,
    pub batch: Batch,
    pub arrays: Arrays<'py, T>,
    pub initial: States<T>,
}

/// The arrays of a call, in the order of the network's inputs.
pub struct Arrays<'py, T: Number>(Vec<Given<'py, T>>);

impl<T: Number> Arrays<'_, T> {
    pub fn inputs(&self) -> Result<Vec<Input<'_, T>>, Raised> {
        self.0.iter().map(Given::input).collect()
    }
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Outputs,
    Loss,
    Training,
}

/// An input of a call, still Python's.
enum Given<'py, T: Number> {
    Features(PyReadonlyArrayDyn<'py, T>),
    Ids(PyReadonlyArrayDyn<'py, i64>),
}

impl<'py, T: Number> Given<'py, T> {
    fn new(name: &str, axis: Axis, given: &Bound<'py, PyAny>) -> Result<Given<'py, T>, Raised> {
        let rank = if axis.is_sequence() { 2 } else { 1 };
        if holds_ids(given)
            && let Ok(ids) = array::<i64>(name, given, &[rank])
        {
            return Ok(Given::Ids(ids));
        }
        Ok(Given::Features(array::<T>(name, given, &[rank + 1])?))
    }

    fn shape(&self) -> &[usize] {
        match self {
            Given::Features(array) => array.shape(),
            Given::Ids(array) => array.shape(),
        }
    }

    fn input(&self) -> Result<Input<'_, T>, Raised> {
        Ok(match self {
            Given::Features(array) => {
                let width = array.shape().last().copied().unwrap_or(1);
                Input::Features { data: elements(array)?, width }
            }
            Given::Ids(array) => Input::Ids { data: elements(array)? },
        })
    }
}

impl<T: Number> Prepared<T> {
    /// `seed` and `first_row` are of the noise.
    pub fn new<'py>(
        engine: Arc<Engine>,
        call: &CallArguments<'py>,
        wanted: Wanted,
        (seed, first_row): (u64, usize),
    ) -> Result<Prepared<T>, Raised> {
        attended(|| {
            let unpacked = Unpacked::read(engine, call, wanted, (seed, first_row))?;
            let packed = unpacked.call.pack(&unpacked.batch, &unpacked.arrays.inputs()?)?;
            let Unpacked { call, batch, initial, .. } = unpacked;
            Ok(Prepared { call, batch, packed, initial })
        })
    }
}

impl<'py, T: Number> Unpacked<'py, T> {
    /// For inference.
    pub fn new(
        engine: Arc<Engine>,
        call: &CallArguments<'py>,
        seed: u64,
    ) -> Result<Unpacked<'py, T>, Raised> {
        attended(|| Unpacked::read(engine, call, Wanted::Outputs, (seed, 0)))
    }

    fn read(
        engine: Arc<Engine>,
        (arena, inputs, extent, state): &CallArguments<'py>,
        wanted: Wanted,
        (seed, first_row): (u64, usize),
    ) -> Result<Unpacked<'py, T>, Raised> {
        let arena = array::<T>("arena", arena, &[1])?;
        let call = Call::new(engine, elements(&arena)?, wanted == Wanted::Training, seed)?;
        let (lengths, masks, resets, first_step) = match extent {
            Some((lengths, masks, resets, first_step)) => {
                (&lengths[..], &masks[..], resets.as_ref(), *first_step)
            }
            None => (&[][..], &[][..], None, 0),
        };
        let lengths = by_axis::<i64>("lengths", lengths, 1)?;
        let lengths = slices(&lengths)?;
        let masks = by_axis::<bool>("mask", masks, 2)?;
        let masks = slices(&masks)?;
        let resets = resets.map(|resets| array::<bool>("resets", resets, &[2])).transpose()?;
        let resets = resets.as_ref().map(elements).transpose()?;
        let given = given::<T>(&call, inputs)?;
        let (rows, axes) = size(&call, &given, &lengths, &masks)?;
        let (AxisExtent { steps, lengths, mask }, others) = (axes[0], &axes[1..]);
        let group_rows = (wanted == Wanted::Outputs).then(|| call.group_rows(rows, steps)).flatten();
        let extent = Extent { lengths, mask, others, resets, first_step, first_row, group_rows };
        let batch = call.batch(rows, steps, extent)?;
        let initial = with_states(state, "state", |states| {
            Ok(call.pack_states(&batch, states, End::Initial, "state")?)
        })?;
        Ok(Unpacked { call, batch, arrays: Arrays(given), initial })
    }
}

/// The inputs of a network, each of the rank that its axis has.
fn given<'py, T: Number>(call: &Call<T>, inputs: &[Bound<'py, PyAny>]) -> Result<Vec<Given<'py, T>>, Raised> {
    let network = call.network();
    if inputs.len() != network.inputs.len() {
        let text = format!("got {} inputs; expected {}", inputs.len(), network.inputs.len());
        return Err(ShapeError::new_err(text).into());
    }
    let ports = network.inputs.iter().zip(inputs);
    ports.map(|(port, one)| Given::new(&port.name, network.nodes[port.node].axis, one)).collect()
}

/// Arrays by axis, each of rank `rank`.
fn by_axis<'py, E: Element>(
    name: &str,
    given: &[Optional<'py>],
    rank: usize,
) -> Result<Vec<Option<PyReadonlyArrayDyn<'py, E>>>, Raised> {
    given.iter().map(|one| one.as_ref().map(|one| array::<E>(name, one, &[rank])).transpose()).collect()
}

fn slices<'a, E: Element>(
    arrays: &'a [Option<PyReadonlyArrayDyn<'_, E>>],
) -> Result<Vec<Option<&'a [E]>>, Raised> {
    arrays.iter().map(|one| one.as_ref().map(elements).transpose()).collect()
}

/// The rows that all inputs have, and the steps of each axis of sequences, with its lengths and its mask.
fn size<'a, T: Number>(
    call: &Call<T>,
    given: &[Given<'_, T>],
    lengths: &[Option<&'a [i64]>],
    masks: &[Option<&'a [bool]>],
) -> Result<(usize, Vec<AxisExtent<'a>>), Raised> {
    let network = call.network();
    let mut rows: Option<(&str, usize)> = None;
    let mut steps: Vec<Option<(&str, usize)>> = vec![None; network.axes.len().max(1)];
    for (what, found) in [("lengths", lengths.len()), ("mask", masks.len())] {
        if found > steps.len() {
            let text = format!("{what} of {found} axes; expected {}", steps.len());
            return Err(ShapeError::new_err(text).into());
        }
    }
    for (one, port) in given.iter().zip(&network.inputs) {
        let agree = |known: Option<(&str, usize)>, got: usize, what: &str| match known {
            Some((name, expected)) if expected != got => {
                let text = format!("{} has {got} {what}; expected {expected}, as {name} has", port.name);
                Err(Raised::from(ShapeError::new_err(text)))
            }
            _ => Ok(()),
        };
        agree(rows, one.shape()[0], "rows")?;
        rows.get_or_insert((&port.name, one.shape()[0]));
        if let Axis::Sequence(number) = network.nodes[port.node].axis {
            agree(steps[number], one.shape()[1], "steps")?;
            steps[number].get_or_insert((&port.name, one.shape()[1]));
        }
    }
    let rows = rows.map_or(0, |(_, rows)| rows);
    // without a sequence among the inputs the lengths say how long each row is
    let longest = |lengths: Option<&[i64]>| {
        lengths.and_then(|lengths| lengths.iter().max()).map_or(0, |&most| most.max(0) as usize)
    };
    let axes = steps.iter().enumerate().map(|(number, steps)| {
        let lengths = lengths.get(number).copied().flatten();
        let mask = masks.get(number).copied().flatten();
        AxisExtent { steps: steps.map_or_else(|| longest(lengths), |(_, steps)| steps), lengths, mask }
    });
    Ok((rows, axes.collect()))
}

/// Calls `take` with slices of optional (N, width) arrays.
pub fn with_states<T: Number, R>(
    states: &[Optional<'_>],
    what: &str,
    take: impl FnOnce(&[Option<&[T]>]) -> Result<R, Raised>,
) -> Result<R, Raised> {
    let arrays = (states.iter().enumerate())
        .map(|(slot, state)| {
            state.as_ref().map(|s| array::<T>(&format!("{what}[{slot}]"), s, &[2])).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let slices = arrays
        .iter()
        .map(|a| a.as_ref().map(elements).transpose())
        .collect::<Result<Vec<Option<&[T]>>, _>>()?;
    take(&slices)
}
