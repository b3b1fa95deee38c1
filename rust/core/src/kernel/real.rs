//! The two number types of the library.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::memory::Zero;

/// `f32` or `f64`, as numbers: what the kernels themselves need to know.
pub trait Real:
    Copy
    + Default
    + Zero
    + PartialOrd
    + Send
    + Sync
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    /// NumPy's name of the type.
    const NAME: &'static str;
    const ZERO: Self;
    const ONE: Self;
    /// The largest finite number.
    const LARGEST: f64;
    /// The least number above 0 with all digits.
    const LEAST_NORMAL: f64;
    /// The distance from 1 to the next number.
    const EPSILON: f64;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    const NAME: &'static str = "float32";
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const LARGEST: f64 = f32::MAX as f64;
    const LEAST_NORMAL: f64 = f32::MIN_POSITIVE as f64;
    const EPSILON: f64 = f32::EPSILON as f64;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const NAME: &'static str = "float64";
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const LARGEST: f64 = f64::MAX;
    const LEAST_NORMAL: f64 = f64::MIN_POSITIVE;
    const EPSILON: f64 = f64::EPSILON;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}
