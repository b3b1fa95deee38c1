//! What the model files promise: round trips, refusal of anything else, whole files or none.

mod files;
mod forge;
mod golden;
mod hostile_entries;
mod hostile_headers;
mod round_trip;

use std::collections::BTreeMap;

use super::{DType, Model, StoreError, Tensor, from_bytes};

fn tensor(name: &str, dtype: DType, shape: &[usize], bytes: impl IntoIterator<Item = u8>) -> Tensor {
    Tensor { name: name.to_string(), dtype, shape: shape.to_vec(), bytes: bytes.into_iter().collect() }
}

fn f32s(name: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Tensor {
    tensor(name, DType::F32, shape, values.into_iter().flat_map(f32::to_le_bytes))
}

fn f64s(name: &str, shape: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor {
    tensor(name, DType::F64, shape, values.into_iter().flat_map(f64::to_le_bytes))
}

fn i64s(name: &str, shape: &[usize], values: impl IntoIterator<Item = i64>) -> Tensor {
    tensor(name, DType::I64, shape, values.into_iter().flat_map(i64::to_le_bytes))
}

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// A model with all that a file may hold, of about 2 KB.
fn small_model() -> Model {
    Model {
        metadata: metadata(&[
            ("program", r#"{"ops": ["matmul", "tanh"], "note": "quotes \" and \\ and \n"}"#),
            ("", "empty key"),
            ("empty value", ""),
            ("größe", "日本語 🎵 \u{0}\u{1f}\u{7f}"),
        ]),
        tensors: vec![
            f64s("layers.0.weight_hh", &[12, 8], (0..96).map(|i| f64::from(i) / 7.0 - 6.5)),
            f64s("special", &[5], [f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE / 4.0, f64::MAX]),
            i64s("step", &[], [i64::MIN]),
            i64s("no rows", &[0, 7], []),
            f32s("layers.0.weight_ih", &[4, 3, 8], (0..96).map(|i| i as f32 * 0.25)),
            f32s("no columns", &[5, 0], []),
            f32s("gewicht 日本 \" \\ 🎵", &[1], [f32::NAN]),
            f32s("", &[2], [1.0, f32::NEG_INFINITY]),
        ],
    }
}

/// The message with which `bytes` are refused.
fn refusal(bytes: &[u8]) -> Option<String> {
    match from_bytes(bytes) {
        Err(StoreError::Format(message)) => Some(message),
        Err(StoreError::Io(error)) => panic!("{error}"),
        Ok(_) => None,
    }
}
