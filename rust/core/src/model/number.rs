//! The number types of models.

use crate::memory::made;
use crate::net::Pooled;
use crate::store::DType;

/// A number type of models: `f32` or `f64`.
pub trait Number: Pooled {
    /// The name in files.
    #[doc(hidden)]
    const DTYPE: DType;
    /// The elements of a tensor of this type.
    #[doc(hidden)]
    fn elements(bytes: &[u8]) -> Vec<Self>;
}

impl Number for f32 {
    const DTYPE: DType = DType::F32;
    fn elements(bytes: &[u8]) -> Vec<f32> {
        made(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)))
    }
}

impl Number for f64 {
    const DTYPE: DType = DType::F64;
    fn elements(bytes: &[u8]) -> Vec<f64> {
        made(bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)))
    }
}
