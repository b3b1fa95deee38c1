//! What tests of programs share: a short text for programs, and an interpreter that has its own idea of every op.

pub(crate) mod interpreter;
pub(crate) mod lines;
