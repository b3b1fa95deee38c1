//! The content of a file.

use std::collections::BTreeMap;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 64-bit signed integer.
    I64,
}

impl DType {
    /// Every type a file may hold.
    pub const ALL: [DType; 3] = [DType::F32, DType::F64, DType::I64];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "F32",
            DType::F64 => "F64",
            DType::I64 => "I64",
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 | DType::I64 => 8,
        }
    }
}

/// A named array, C-contiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Unique in its model; any text but `__metadata__`.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its dimensions; empty for a single number. A dimension may be 0.
    pub shape: Vec<usize>,
    /// The elements in row-major order, little endian.
    pub bytes: Vec<u8>,
}

/// Named tensors and text metadata.
///
/// The order is kept, except that reading returns the tensors of 8-byte elements before those of 4-byte elements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Text by key, without the keys of the format itself (`format`, `format_version`, `sha256`).
    pub metadata: BTreeMap<String, String>,
    /// The tensors.
    pub tensors: Vec<Tensor>,
}
