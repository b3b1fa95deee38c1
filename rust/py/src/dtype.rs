//! The number types of networks, and the only place that chooses between them.

use numpy::{Element, PyArrayDyn};
use ostinato_core::net::Pooled;
use pyo3::prelude::*;

use crate::errors::DTypeError;

/// A number type of networks.
pub trait Number: Pooled + Element {
    /// A value whose number type is known at run time only.
    fn either<F: Family>(value: F::Of<Self>) -> Either<F>;
    /// The value, if its number type is this one.
    fn of<F: Family>(value: &Either<F>) -> Option<&F::Of<Self>>;
}

impl Number for f32 {
    fn either<F: Family>(value: F::Of<f32>) -> Either<F> {
        Either::Single(value)
    }

    fn of<F: Family>(value: &Either<F>) -> Option<&F::Of<f32>> {
        match value {
            Either::Single(value) => Some(value),
            Either::Double(_) => None,
        }
    }
}

impl Number for f64 {
    fn either<F: Family>(value: F::Of<f64>) -> Either<F> {
        Either::Double(value)
    }

    fn of<F: Family>(value: &Either<F>) -> Option<&F::Of<f64>> {
        match value {
            Either::Double(value) => Some(value),
            Either::Single(_) => None,
        }
    }
}

/// The name of a number type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    Single,
    Double,
}

impl DType {
    /// The dtype that Python calls `name`.
    pub fn of(name: &str) -> PyResult<DType> {
        match name {
            "float32" => Ok(DType::Single),
            "float64" => Ok(DType::Double),
            other => {
                let text = format!("dtype is {other:?}; expected \"float32\" or \"float64\"");
                Err(DTypeError::new_err(text))
            }
        }
    }

    /// The dtype of an array; float64 for every other object, which `array` then refuses.
    pub fn of_array(values: &Bound<'_, PyAny>) -> DType {
        if values.cast::<PyArrayDyn<f32>>().is_ok() { DType::Single } else { DType::Double }
    }
}

/// A type with a number type as its parameter.
pub trait Family {
    type Of<T: Number>;
}

/// A value of a family, for one of the number types.
pub enum Either<F: Family> {
    Single(F::Of<f32>),
    Double(F::Of<f64>),
}

/// Evaluates an expression in which `$T` is the number type of a `DType`.
macro_rules! for_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::Single => {
                type $T = f32;
                $body
            }
            $crate::dtype::DType::Double => {
                type $T = f64;
                $body
            }
        }
    };
}

/// Evaluates an expression in which `$value` is the value in an `Either`.
macro_rules! for_value {
    ($either:expr, $value:pat => $body:expr) => {
        match $either {
            $crate::dtype::Either::Single($value) => $body,
            $crate::dtype::Either::Double($value) => $body,
        }
    };
}

pub(crate) use {for_dtype, for_value};
