//! The parameters from which weights were made: a call with the same parameters reads the weights of the call before it.

use crate::kernel::{Float, Isa};
use crate::memory::append;

/// What the weights for inference were made from. Parameters are compared bit by bit, because the caller may write to them at
/// any time; this reads both once, where packing also writes, and in another order.
#[derive(Debug, Default)]
pub struct Origin<T> {
    /// The instruction set, and the seed of the noise. None: nothing is known of the weights.
    of: Option<(Isa, u64)>,
    values: Vec<T>,
}

impl<T: Float> Origin<T> {
    /// Whether the weights were made from these parameters.
    pub fn is<'p>(&self, of: (Isa, u64), mut params: impl Iterator<Item = &'p [T]>) -> bool {
        let mut rest = &self.values[..];
        let is_next = |param: &[T]| match rest.split_at_checked(param.len()) {
            Some((own, after)) => {
                rest = after;
                bytes(own) == bytes(param)
            }
            None => false,
        };
        self.of == Some(of) && params.all(is_next)
    }

    /// The weights change: nothing is known of them until `set`.
    pub fn forget(&mut self) {
        self.of = None;
    }

    /// The weights are made from these parameters.
    pub fn set<'p>(&mut self, of: (Isa, u64), params: impl Iterator<Item = &'p [T]>) {
        self.values.clear();
        params.for_each(|param| append(&mut self.values, param));
        self.of = Some(of);
    }
}

/// The bytes of numbers.
fn bytes<T: Float>(values: &[T]) -> &[u8] {
    // SAFETY: a number has no byte that is not its own, and any byte is a valid `u8`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_the_same_if_all_bits_are() {
        let of = (Isa::Portable, 3);
        let mut origin = Origin::default();
        let params = [vec![1.0f32, 0.0], vec![f32::NAN]];
        let of_params = |params: &[Vec<f32>]| params.to_vec();
        let same = |origin: &Origin<f32>, of, params: &[Vec<f32>]| {
            let params = of_params(params);
            origin.is(of, params.iter().map(|param| &param[..]))
        };
        assert!(!same(&origin, of, &params));
        origin.set(of, params.iter().map(|param| &param[..]));
        assert!(same(&origin, of, &params));
        assert!(!same(&origin, (Isa::Portable, 4), &params));
        assert!(!same(&origin, of, &[vec![1.0, -0.0], vec![f32::NAN]]));
        assert!(!same(&origin, of, &[vec![1.0, 0.0], vec![f32::NAN, 2.0]]));
        origin.forget();
        assert!(!same(&origin, of, &params));
    }
}
