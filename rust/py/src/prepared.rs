//! The arguments of a call of a network, checked and copied.

use std::sync::Arc;

use numpy::PyUntypedArrayMethods;
use ostinato_core::net::{Batch, Call, End, Extent, Input, Network, Packed, States};
use pyo3::prelude::*;

use crate::arrays::{Number, array, elements, holds_ids, rows_and_steps};
use crate::errors::Raised;
use crate::states::{Given, with_states};

/// Lengths, resets, and the number of the first step; none for whole rows from step 0.
pub type Extents<'py> = Option<(Given<'py>, Given<'py>, usize)>;

/// A batch, its packed input and initial states, and the weights of one call: everything copied, nothing borrowed.
pub struct Prepared<T: Number> {
    pub call: Call<T>,
    pub batch: Batch,
    pub packed: Packed<T>,
    pub initial: States<T>,
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Outputs,
    Loss,
    WayBack,
}

impl<T: Number> Prepared<T> {
    pub fn new(
        network: Arc<Network>,
        arena: &Bound<'_, PyAny>,
        x: &Bound<'_, PyAny>,
        extent: &Extents<'_>,
        state: &[Given<'_>],
        wanted: Wanted,
        seed: u64,
    ) -> Result<Prepared<T>, Raised> {
        let arena = array::<T>("arena", arena, &[1])?;
        let call = Call::new(network, elements(&arena)?, wanted == Wanted::WayBack, seed)?;
        let (lengths, resets, first_step) = match extent {
            Some((lengths, resets, first_step)) => (lengths.as_ref(), resets.as_ref(), *first_step),
            None => (None, None, 0),
        };
        let lengths = lengths.map(|lengths| array::<i64>("lengths", lengths, &[1])).transpose()?;
        let lengths = lengths.as_ref().map(elements).transpose()?;
        let resets = resets.map(|resets| array::<bool>("resets", resets, &[2])).transpose()?;
        let resets = resets.as_ref().map(elements).transpose()?;
        let batch = |rows: usize, steps: usize| {
            let unit_rows = (wanted == Wanted::Outputs).then(|| call.unit_rows(rows, steps)).flatten();
            call.batch(rows, steps, Extent { lengths, resets, first_step, unit_rows })
        };
        let (batch, packed) = if holds_ids(x)
            && let Ok(ids) = array::<i64>("x", x, &[2])
        {
            let (rows, steps) = rows_and_steps(&ids);
            let batch = batch(rows, steps)?;
            let packed = call.pack(&batch, Input::Ids { data: elements(&ids)? })?;
            (batch, packed)
        } else {
            let x = array::<T>("x", x, &[3])?;
            let (rows, steps) = rows_and_steps(&x);
            let batch = batch(rows, steps)?;
            let packed = call.pack(&batch, Input::Features { data: elements(&x)?, width: x.shape()[2] })?;
            (batch, packed)
        };
        let initial = with_states(state, "state", |states| {
            Ok(call.pack_states(&batch, states, End::Initial, "state")?)
        })?;
        Ok(Prepared { call, batch, packed, initial })
    }
}
