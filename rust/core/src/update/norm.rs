//! The square of a norm, in float64 and in an order that the length alone decides.

use std::sync::Mutex;

use crate::kernel::{Float, Kernels};
use crate::team::{self, Stop};

/// Elements whose squares one unit of work sums.
const CHUNK: usize = 1 << 16;

/// The sum of the squares of `values`, in float64: of chunks of fixed length, then of their sums in order.
pub fn square_sum<T: Float>(values: &[T], kernels: &Kernels<T>) -> Result<f64, Stop> {
    let sum = |chunk: &[T]| {
        let mut sum = 0.0;
        // SAFETY: the chunk has as many elements as it says.
        unsafe { (kernels.square_sum)(chunk.len(), chunk.as_ptr(), &mut sum) };
        sum
    };
    if values.len() <= CHUNK {
        return Ok(sum(values));
    }
    let sums: Vec<Mutex<f64>> = (0..values.len().div_ceil(CHUNK)).map(|_| Mutex::new(0.0)).collect();
    let work = |unit: usize, _: usize| {
        let chunk = &values[unit * CHUNK..((unit + 1) * CHUNK).min(values.len())];
        if let Ok(mut place) = sums[unit].lock() {
            *place = sum(chunk);
        }
    };
    team::run(sums.len(), &work, &mut || false)?;
    Ok(sums.into_iter().map(|sum| sum.into_inner().unwrap_or(f64::NAN)).sum())
}
