//! Which readers a value has: only row ops of its own run, its step, its block of time, or all of time.

use std::collections::HashMap;

use crate::step::rows::Across;
use crate::step::{Node, NodeId, Run, rows};

use super::phase::Phase;
use super::schedule::{Work, resolved};
use super::task::{Task, sink_operands};

/// The scope in which a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Tile,
    /// Ops over the entries of one row.
    RowEntries,
    Step,
    Block,
    Full,
}

/// The work of the three phases.
pub type Plan = [(Phase, Vec<Work>); 3];

/// Where a value is computed: phase, position of the work in the phase, and how.
type Place = (Phase, usize, By);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rows,
    /// Ops over entries, by their stage.
    Entries(usize),
    Other,
}

fn places(work: &Plan) -> HashMap<NodeId, Place> {
    let mut places = HashMap::new();
    for (phase, list) in work {
        for (position, one) in list.iter().enumerate() {
            match one {
                Work::Rows(ids) => ids.iter().for_each(|&id| {
                    places.insert(id, (*phase, position, By::Rows));
                }),
                Work::Entries(_, stages) => stages.iter().enumerate().for_each(|(stage, ids)| {
                    ids.iter().for_each(|&id| {
                        places.insert(id, (*phase, position, By::Entries(stage)));
                    });
                }),
                Work::Products(products) => products.iter().for_each(|p| {
                    places.insert(p.out, (*phase, position, By::Other));
                }),
                Work::Scan(_, ids) => ids.iter().for_each(|&id| {
                    places.insert(id, (*phase, position, By::Other));
                }),
                Work::Matrix(ids) => ids.iter().for_each(|&id| {
                    places.insert(id, (*phase, position, By::Other));
                }),
            }
        }
    }
    places
}

/// Whether an op reads all entries of a row at once.
pub fn reads_whole(node: &Node) -> bool {
    use Across::{Count, LogSumExp, Max, Position, Shift, Softmax};
    matches!(rows::row(node.op).run, Run::Entries(Max | LogSumExp | Softmax | Shift | Count | Position))
}

/// The level of every computed value.
pub fn levels(task: &Task, given: &[bool], work: &Plan) -> HashMap<NodeId, Level> {
    let places = places(work);
    let mut level: HashMap<NodeId, Level> = places.keys().map(|&id| (id, Level::Tile)).collect();
    let mut raise = |id: NodeId, to: Level| {
        let holder = resolved(&task.nodes, given, id).0;
        if let Some(level) = level.get_mut(&holder) {
            *level = (*level).max(to);
        }
    };
    let needed = |id: NodeId, reader: Place| -> Level {
        match places.get(&resolved(&task.nodes, given, id).0) {
            Some(&writer) if writer == reader && writer.2 == By::Rows => Level::Tile,
            Some(&(phase, position, By::Entries(stage)))
                if (phase, position) == (reader.0, reader.1) && task.nodes[id].entries.is_some() =>
            {
                if reader.2 == By::Entries(stage) { Level::Tile } else { Level::RowEntries }
            }
            Some(&(Phase::Loop, ..)) if reader.0 == Phase::Loop => Level::Step,
            _ => Level::Block,
        }
    };
    for (phase, list) in work {
        for (position, one) in list.iter().enumerate() {
            match one {
                Work::Rows(ids) => {
                    for &id in ids {
                        for &arg in &task.nodes[id].args {
                            raise(arg, needed(arg, (*phase, position, By::Rows)));
                        }
                    }
                }
                Work::Scan(..) => {}
                Work::Matrix([first, _]) => {
                    raise(*first, Level::Block);
                    task.nodes[*first].args.iter().for_each(|&arg| raise(arg, Level::Block));
                }
                Work::Entries(_, stages) => {
                    for (stage, ids) in stages.iter().enumerate() {
                        for &id in ids {
                            let node = &task.nodes[id];
                            for &arg in &node.args {
                                raise(arg, needed(arg, (*phase, position, By::Entries(stage))));
                            }
                            // all entries of the row are read, or written, at once
                            if reads_whole(node) {
                                node.args.iter().for_each(|&arg| raise(arg, Level::RowEntries));
                                raise(id, Level::RowEntries);
                            }
                            if node.entries.is_none() {
                                raise(id, if *phase == Phase::Loop { Level::Step } else { Level::Block });
                            }
                        }
                    }
                }
                Work::Products(products) => {
                    for p in products {
                        for id in [Some(p.vector), p.init].into_iter().flatten() {
                            raise(id, needed(id, (*phase, position, By::Other)));
                        }
                        raise(p.out, if *phase == Phase::Loop { Level::Step } else { Level::Block });
                    }
                }
            }
        }
    }
    for (_, list) in work {
        for one in list {
            if let Work::Scan(number, _) = one {
                task.scans[*number].operands().for_each(|id| raise(id, Level::Block));
            }
        }
    }
    for sink in task.sinks {
        sink_operands(sink.what).into_iter().for_each(|id| raise(id, Level::Block));
    }
    task.outputs.iter().chain(&task.kept).for_each(|&id| raise(id, Level::Full));
    level
}
