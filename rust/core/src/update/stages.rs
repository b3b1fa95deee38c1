//! The operations of a rule in as few passes over a tile as there can be.

use crate::kernel::{Binary, Short, Unary};

use super::operation::{Action, Operation, Place};

/// The work of one pass over a tile.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    Chain(Vec<Joint>),
    /// An operation of too many instructions for a chain.
    One(Operation),
}

/// A link of a chain, before its places have addresses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Joint {
    pub(super) op: Short,
    pub(super) sources: [JointSource; 2],
    /// None where the next joint alone reads the values.
    pub(super) dst: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum JointSource {
    /// The values of the joint before.
    Before,
    At(Place),
    /// An array that no operation before has named.
    Fresh(Place),
}

/// Joins what can be; `kept` are places that are read after the last stage.
pub(super) fn stages(operations: &[Operation], kept: &[Place]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut before = None;
    for (at, operation) in operations.iter().enumerate() {
        let Some(op) = short(operation.action) else {
            stages.push(Stage::One(*operation));
            before = None;
            continue;
        };
        let is_named = |place: Place| {
            operations[..at].iter().any(|other| other.dst == place || other.reads().contains(&place))
        };
        let mut sources = [JointSource::Before; 2];
        for (source, &place) in sources.iter_mut().zip(operation.reads()) {
            *source = match place {
                _ if before == Some(place) => JointSource::Before,
                Place::Stream(_) if !is_named(place) => JointSource::Fresh(place),
                _ => JointSource::At(place),
            };
        }
        let is_read = kept.contains(&operation.dst) || is_read_later(operations, at);
        let joint = Joint { op, sources, dst: Some(operation.dst).filter(|_| is_read) };
        match stages.last_mut() {
            Some(Stage::Chain(joints)) => joints.push(joint),
            _ => stages.push(Stage::Chain(vec![joint])),
        }
        before = Some(operation.dst);
    }
    stages
}

/// Whether the result of operation `at` is wanted by others than the next joint, and so has to be in memory.
fn is_read_later(operations: &[Operation], at: usize) -> bool {
    let place = operations[at].dst;
    if matches!(place, Place::Stream(_)) {
        return true;
    }
    for (next, operation) in operations.iter().enumerate().skip(at + 1) {
        let joins = next == at + 1 && short(operation.action).is_some();
        if operation.reads().contains(&place) && !joins {
            return true;
        }
        if operation.dst == place {
            return false;
        }
    }
    false
}

/// The operation as a link.
fn short(action: Action) -> Option<Short> {
    match action {
        Action::Unary(op, _) => match op {
            Unary::Copy => Some(Short::Copy),
            Unary::Neg => Some(Short::Neg),
            Unary::Sqrt => Some(Short::Sqrt),
            Unary::Abs => Some(Short::Abs),
            Unary::Sign => Some(Short::Sign),
            Unary::Relu => Some(Short::Relu),
            _ => None,
        },
        Action::Binary(op) => match op {
            Binary::Add => Some(Short::Add),
            Binary::Sub => Some(Short::Sub),
            Binary::Mul => Some(Short::Mul),
            Binary::Div => Some(Short::Div),
            Binary::Min => Some(Short::Min),
            Binary::Max => Some(Short::Max),
            _ => None,
        },
        Action::Ternary(_) => None,
    }
}
