//! Bounds of the values of a pass, from those of its arrays: where they exclude an overflow, a check needs no more.
//!
//! The least and the largest number of each array cost a read of it; the pass itself takes several times as long, as it has
//! quotients and roots. Bounds are wider than the values: what they do not exclude, the pass is run to find out.

use crate::kernel::{Float, Real, Short};

use super::compile::Pass;
use super::operation::Place;
use super::stages::{JointSource, Stage};

/// No value is less than `least`, or larger than `largest`; all are far from an overflow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    least: f64,
    largest: f64,
}

impl Bounds {
    /// Of results of number type T, given what exact arithmetic has; None near an overflow, and for NaN.
    pub(super) fn of<T: Real>(least: f64, largest: f64) -> Option<Bounds> {
        let far = T::LARGEST / 4.0;
        let is_far = least >= -far && largest <= far;
        // an operation rounds by half of EPSILON, and so do these bounds themselves
        let slack = |x: f64| 4.0 * T::EPSILON * x.abs();
        // a number that is not normal may become 0
        let normal = 4.0 * T::LEAST_NORMAL;
        let least = if least > 0.0 && least < normal { 0.0 } else { least - slack(least) };
        let largest = if largest < 0.0 && largest > -normal { 0.0 } else { largest + slack(largest) };
        is_far.then_some(Bounds { least, largest })
    }

    /// Of the sums with the values of others.
    fn plus<T: Real>(self, other: Bounds) -> Option<Bounds> {
        // a difference of nearly equal numbers is as inexact as these are
        let sum = |a: f64, b: f64, sign: f64| a + b + sign * 4.0 * T::EPSILON * (a.abs() + b.abs());
        Bounds::of::<T>(sum(self.least, other.least, -1.0), sum(self.largest, other.largest, 1.0))
    }

    fn negative(self) -> Bounds {
        Bounds { least: -self.largest, largest: -self.least }
    }

    /// Of a function that is monotonic in each of two values.
    fn monotonic<T: Real>(self, other: Bounds, f: impl Fn(f64, f64) -> f64) -> Option<Bounds> {
        let [a, b] = [other.least, other.largest].map(|y| (f(self.least, y), f(self.largest, y)));
        let ends = [a.0, a.1, b.0, b.1];
        let (least, largest) = (f64::INFINITY, f64::NEG_INFINITY);
        let least = ends.iter().fold(least, |least, x| least.min(*x));
        Bounds::of::<T>(least, ends.iter().fold(largest, |largest, x| largest.max(*x)))
    }

    fn size(self) -> Bounds {
        let [a, b] = [self.least.abs(), self.largest.abs()];
        let least = if self.least <= 0.0 && self.largest >= 0.0 { 0.0 } else { a.min(b) };
        Bounds { least, largest: a.max(b) }
    }
}

/// The bounds of an operation; `is_same`: its operands are the same values.
fn of_operation<T: Real>(op: Short, a: Bounds, b: Option<Bounds>, is_same: bool) -> Option<Bounds> {
    match op {
        Short::Copy => Some(a),
        Short::Neg => Some(a.negative()),
        Short::Abs => Some(a.size()),
        Short::Sign => Some(Bounds { least: -1.0, largest: 1.0 }),
        Short::Relu => Some(Bounds { least: a.least.max(0.0), largest: a.largest.max(0.0) }),
        Short::Sqrt => (a.least >= 0.0).then(|| Bounds::of::<T>(a.least.sqrt(), a.largest.sqrt()))?,
        Short::Add => a.plus::<T>(b?),
        Short::Sub => a.plus::<T>(b?.negative()),
        Short::Mul if is_same => {
            let size = a.size();
            Bounds::of::<T>(size.least * size.least, size.largest * size.largest)
        }
        Short::Mul => a.monotonic::<T>(b?, |x, y| x * y),
        Short::Div => {
            let divisor = b?;
            let normal = 4.0 * T::LEAST_NORMAL;
            let is_apart = divisor.least >= normal || divisor.largest <= -normal;
            is_apart.then(|| a.monotonic::<T>(divisor, |x, y| x / y))?
        }
        Short::Min => a.monotonic::<T>(b?, f64::min),
        Short::Max => a.monotonic::<T>(b?, f64::max),
    }
}

/// Whether the bounds of its arrays exclude that a pass has a result that is not finite. `arrays`: the bounds of those that it
/// reads; `temps`: room for those of its temporaries.
pub(super) fn is_finite<T: Float>(
    pass: &Pass,
    table: &[T],
    arrays: &mut [Option<Bounds>],
    temps: &mut [Option<Bounds>],
) -> bool {
    let mut before = None;
    for stage in &pass.stages {
        let Stage::Chain(joints) = stage else { return false };
        for joint in joints {
            let of = |source: JointSource| match source {
                JointSource::Before => before,
                JointSource::At(place) | JointSource::Fresh(place) => match place {
                    Place::Stream(array) => arrays[array],
                    Place::Temp(temp) => temps[temp],
                    Place::Scalar(slot) => {
                        let value = table[slot].to_f64();
                        Bounds::of::<T>(value, value)
                    }
                },
            };
            let (a, b) = (of(joint.sources[0]), of(joint.sources[1]));
            let is_same = joint.sources[0] == joint.sources[1];
            before = a.and_then(|a| of_operation::<T>(joint.op, a, b, is_same));
            if before.is_none() {
                return false;
            }
            match joint.dst {
                Some(Place::Stream(array)) => arrays[array] = before,
                Some(Place::Temp(temp)) => temps[temp] = before,
                Some(Place::Scalar(_)) | None => {}
            }
        }
    }
    true
}
