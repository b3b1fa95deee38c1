//! What a model reads and returns: names and sizes.

use super::number::Number;

/// An input of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputInfo {
    /// The name of the input; "x" for a network of one sequence.
    pub name: String,
    /// What an array for this input contains.
    pub content: Content,
    /// The index in [`Model::axes`](crate::Model::axes) of the axis on which its steps lie; None for one value per row.
    pub axis: Option<usize>,
}

/// What an array for an input contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Numbers: as many features per step, or per row.
    Features(usize),
    /// One id per step, or per row, from 0 to this number minus 1.
    Ids(usize),
}

/// An output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputInfo {
    /// The name of the output; "output" if the network has one.
    pub name: String,
    /// The number of features per step, or per row.
    pub width: usize,
    /// The index in [`Model::axes`](crate::Model::axes) of the axis on which its steps lie; None for one value per row.
    pub axis: Option<usize>,
}

/// A state: what a layer carries from step to step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateInfo {
    /// The name, such as "0.h": state h of layer 0. Layers of one stack, and both directions, have the same name, in order.
    pub name: String,
    /// The number of elements per row.
    pub width: usize,
}

/// An array for an input.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    /// (rows, steps, features), or (rows, features): a row after the other, in each row a step after the other.
    Features(&'a [T]),
    /// (rows, steps), or (rows,).
    Ids(&'a [i64]),
}

/// Slices, vectors and arrays as inputs.
macro_rules! input_from {
    ($variant:ident, $element:ty) => {
        impl<'a, T: Number> From<&'a [$element]> for Input<'a, T> {
            fn from(data: &'a [$element]) -> Input<'a, T> {
                Input::$variant(data)
            }
        }

        impl<'a, T: Number> From<&'a Vec<$element>> for Input<'a, T> {
            fn from(data: &'a Vec<$element>) -> Input<'a, T> {
                Input::$variant(data)
            }
        }

        impl<'a, T: Number, const N: usize> From<&'a [$element; N]> for Input<'a, T> {
            fn from(data: &'a [$element; N]) -> Input<'a, T> {
                Input::$variant(data)
            }
        }
    };
}

input_from!(Features, T);
input_from!(Ids, i64);
