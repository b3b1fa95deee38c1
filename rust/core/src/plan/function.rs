//! A step that is not given by equations: a function that the engine calls.

use std::fmt;
use std::sync::Arc;

use crate::step::rows::Part;

/// The function that the ops `call` and `call_back` of a layer call. Values are passed as float64, which represents every
/// float32.
pub trait Called: Send + Sync {
    /// `operands` are the parameters (one row), then x, s and, in the backward pass, d (`rows` rows each). `out` receives
    /// `rows` rows of results; for `Part::Gradient`, the contribution to the gradient of the parameters.
    fn call(&self, part: Part, rows: usize, operands: &[Vec<f64>], out: &mut [f64]);

    /// Why the step is not given by equations, as text.
    fn why(&self) -> &str;
}

#[derive(Clone)]
pub struct Function(Arc<dyn Called>);

impl Function {
    pub fn new(called: impl Called + 'static) -> Function {
        Function(Arc::new(called))
    }
}

impl std::ops::Deref for Function {
    type Target = dyn Called;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.why())
    }
}
