//! Chooses the smallest storage that a value's readers allow, and emits the ops that fill it.

use std::collections::HashMap;

use crate::adjoint::Accumulate;
use crate::step::{Node, NodeId, Run, rows};
use crate::team;

use super::fused::fuse;
use super::levels::{Level, Plan, levels, reads_whole};
use super::matrix::is_matrix;
use super::merge::merge;
use super::pass::{
    Buffer, Class, EntriesOp, Gemm, Init, MatrixOp, Pack, PackPart, Pass, PhaseOp, Ref, RowOp, RowRun, Scan,
    ScanState, SinkOp, SinkRun, Stage, WholeOp,
};
use super::phase::Phase;
use super::row_ops;
use super::schedule::{Product, Work, fused_sums, resolved, schedule};
use super::task::{Given, State, Task, place_scans, settle};

/// Elements that a row op should touch per call: enough to hide the cost of the call, few enough that most values of a run
/// of row ops stay in L1. With half as many, layer-norm LSTM and light GRU of 128 units trained 1 to 3 % slower in most of
/// several paired runs.
const TILE_ELEMENTS: usize = 2048;
/// The largest number of rows of a tile.
const CALL_ROWS: usize = 64;

/// Plans a pass. Returns the pass, and where each kept value is stored; None if the loop reads what an op of matrices computes.
pub fn plan(mut task: Task) -> Option<(Pass, Vec<Ref>)> {
    place_scans(&mut task);
    let given = task.given_nodes();
    settle(&mut task, &given);
    let mut given = given;
    given.resize(task.nodes.len(), false);
    let graph = task.graph(&given);
    let mut phases = graph.phases();
    let in_loop = |id: usize| phases[id] == Phase::Loop && is_matrix(&task.nodes[id]);
    if (0..task.nodes.len()).any(in_loop) {
        return None;
    }
    let mut all_wanted = graph.wanted.clone();
    all_wanted.extend(task.states.iter().map(|s| s.update));
    let fused = fused_sums(&task.nodes, &phases, &all_wanted);
    merge(&mut task.nodes, &mut phases, &fused, &all_wanted);
    let work = [Phase::Before, Phase::Loop, Phase::After].map(|phase| {
        team::pause();
        (phase, schedule(&task.nodes, &given, &phases, &fused, phase))
    });
    let mut storage = Storage {
        level: levels(&task, &given, &work),
        task: &task,
        given: &given,
        phases: &phases,
        refs: HashMap::new(),
        shared: HashMap::new(),
        pass: Pass { reversed: task.reversed, ..Pass::default() },
        late: false,
    };
    storage.place(&work);
    Some(storage.emit(&work))
}

struct Storage<'a> {
    task: &'a Task<'a>,
    given: &'a [bool],
    phases: &'a [Phase],
    level: HashMap<NodeId, Level>,
    refs: HashMap<NodeId, Ref>,
    /// The buffers of which there is one of a class.
    shared: HashMap<Class, usize>,
    pass: Pass,
    /// Whether the reader is outside the loop, where a carry has changed already: it reads the log.
    late: bool,
}

impl Storage<'_> {
    fn numel(&self, id: NodeId) -> usize {
        self.task.nodes[id].numel()
    }

    fn buffer(&mut self, class: Class, width: usize, entries: Option<usize>) -> usize {
        if matches!(class, Class::Tile | Class::RowEntries | Class::Step | Class::Block | Class::Full) {
            return self.add(Buffer { class, width, slot: 0, entries });
        }
        let known = self.shared.get(&class).copied();
        known.unwrap_or_else(|| {
            let added = self.add(Buffer { class, width, slot: 0, entries });
            self.shared.insert(class, added);
            added
        })
    }

    fn add(&mut self, buffer: Buffer) -> usize {
        self.pass.buffers.push(buffer);
        self.pass.buffers.len() - 1
    }

    fn class_of(level: Level) -> Class {
        match level {
            Level::Tile => Class::Tile,
            Level::RowEntries => Class::RowEntries,
            Level::Step => Class::Step,
            Level::Block => Class::Block,
            Level::Full => Class::Full,
        }
    }

    /// Decides where every computed value is stored.
    fn place(&mut self, work: &Plan) {
        for (index, state) in self.task.states.iter().enumerate() {
            let width = self.numel(state.update);
            let (read, write) = if state.history {
                (Class::HistoryPrev(index), Class::History(index))
            } else {
                (Class::CarryIn(index), Class::CarryOut(index))
            };
            if self.task.is_matrix(index) {
                self.place_matrix(index, state.history);
                continue;
            }
            let class = if state.history { Class::History(index) } else { Class::CarryIn(index) };
            self.pass.states.push((class, width));
            let entries = self.task.nodes[state.read].entries;
            self.pass.state_entries.push(entries);
            let scanned = self.task.is_scanned(index);
            self.pass.stepwise |= !scanned;
            if scanned && !state.history {
                continue; // a scan keeps it in registers, and what is read of it lies where other values lie
            }
            let (read, write) = (self.buffer(read, width, entries), self.buffer(write, width, entries));
            self.refs.insert(state.read, Ref { buffer: read, col: 0, numel: width });
            self.refs.insert(state.update, Ref { buffer: write, col: 0, numel: width });
        }
        for &id in &self.task.accumulated {
            let node = &self.task.nodes[id];
            let (class, width) = (Class::MemoryGradient(node.attrs.int("memory")), node.numel());
            let buffer = self.buffer(class, width, node.entries);
            self.refs.insert(id, Ref { buffer, col: 0, numel: width });
        }
        let computed = |id: &NodeId| self.phases[*id] != Phase::None;
        let concats: Vec<NodeId> = (0..self.task.nodes.len())
            .filter(|id| computed(id) && rows::row(self.task.nodes[*id].op).run == Run::Concat)
            .collect();
        self.place_sums_at();
        for &id in concats.iter().rev() {
            self.place_concat(id);
        }
        for (_, list) in work {
            for one in list {
                team::pause();
                match one {
                    Work::Products(products) => self.place_products(products),
                    Work::Rows(ids) => {
                        for &id in ids {
                            self.place_alone(id);
                        }
                    }
                    Work::Entries(_, stages) => {
                        for &id in stages.iter().flatten() {
                            self.place_alone(id);
                        }
                    }
                    Work::Matrix([first, _]) => self.place_alone(*first),
                    Work::Scan(_, ids) => {
                        // a value that nothing reads needs no storage
                        for id in ids {
                            if self.level[id] > Level::Tile {
                                self.place_alone(*id);
                            }
                        }
                    }
                }
            }
        }
    }

    /// A state that is a matrix is carried; for a backward pass, its values at the start of each block of time are stored too.
    fn place_matrix(&mut self, index: usize, history: bool) {
        let width = self.numel(self.task.states[index].update);
        self.pass.states.push((Class::CarryIn(index), width));
        self.pass.state_entries.push(None);
        if history {
            self.buffer(Class::Marks(index), width, None);
        } else if self.task.reversed {
            self.buffer(Class::SavedMarks(index), width, None);
        }
    }

    fn place_alone(&mut self, id: NodeId) {
        if !self.refs.contains_key(&id) {
            let width = self.numel(id);
            let buffer = self.buffer(Self::class_of(self.level[&id]), width, self.task.nodes[id].entries);
            self.refs.insert(id, Ref { buffer, col: 0, numel: width });
        }
    }

    /// Stores a vector directly in the memory of its sum with numbers at places, if nothing reads the vector, or a part of it, once
    /// the numbers are added.
    fn place_sums_at(&mut self) {
        let nodes = &self.task.nodes;
        let holder = |id: NodeId| resolved(nodes, self.given, id).0;
        let is_computed = |id: NodeId| self.phases[id] != Phase::None;
        let wanted = self.task.wanted();
        let mut in_place = Vec::new();
        for id in (0..nodes.len()).filter(|&id| is_computed(id)) {
            let x = nodes[id].args.first().map_or(id, |&x| holder(x));
            if rows::row(nodes[id].op).run != Run::AddAtTo || self.given[x] || self.numel(x) != self.numel(id)
            {
                continue;
            }
            let mut parts = vec![x];
            if rows::row(nodes[x].op).run == Run::Concat {
                parts.extend(nodes[x].args.iter().map(|&arg| holder(arg)));
            }
            let is_result = |part: &NodeId| {
                let of = |&id: &NodeId| holder(id) == *part;
                wanted.iter().any(of) || self.task.states.iter().any(|state| of(&state.update))
            };
            let reads = |reader: NodeId| nodes[reader].args.iter().any(|&arg| parts.contains(&holder(arg)));
            let is_before =
                |reader: NodeId| reader == x || reader == id || self.phases[reader] < self.phases[id];
            let is_view = |reader: NodeId| matches!(rows::row(nodes[reader].op).run, Run::View | Run::Slice);
            let is_reader = |&reader: &NodeId| is_computed(reader) && !is_view(reader) && reads(reader);
            let mut readers = (0..nodes.len()).filter(is_reader);
            // a value of a whole block of time has no place in the memory of a step
            let is_late = self.phases[x] == Phase::Loop && self.phases[id] == Phase::After;
            let fits = is_late || self.phases[x] == self.phases[id];
            if fits && !self.refs.contains_key(&x) && !parts.iter().any(is_result) && readers.all(is_before) {
                in_place.push((id, x));
            }
        }
        for (id, x) in in_place {
            let level = self.level[&id].max(self.level[&x]);
            let width = self.numel(id);
            let place = match self.refs.get(&id) {
                Some(&place) => place,
                None => {
                    let buffer = self.buffer(Self::class_of(level), width, None);
                    Ref { buffer, col: 0, numel: width }
                }
            };
            self.refs.insert(id, place);
            self.refs.insert(x, place);
        }
    }

    /// Stores the parts of a concatenation directly in its memory, unless a part is stored elsewhere.
    fn place_concat(&mut self, id: NodeId) {
        // a part with another shape is the part itself
        let own = |arg: NodeId| match resolved(&self.task.nodes, self.given, arg) {
            (holder, 0) if self.numel(holder) == self.numel(arg) => holder,
            _ => arg,
        };
        let args: Vec<NodeId> = self.task.nodes[id].args.iter().map(|&arg| own(arg)).collect();
        // if the concatenation is stored already, its level limits the level of a part
        let bound =
            self.refs.get(&id).map_or(Level::Full, |whole| match self.pass.buffers[whole.buffer].class {
                Class::Tile => Level::Tile,
                Class::RowEntries => Level::RowEntries,
                Class::Step | Class::CarryOut(_) => Level::Step,
                Class::Block => Level::Block,
                _ => Level::Full,
            });
        let eligible: Vec<bool> = (args.iter().enumerate())
            .map(|(position, arg)| {
                let computed = !self.given[*arg] && resolved(&self.task.nodes, self.given, *arg).0 == *arg;
                let once = !args[..position].contains(arg);
                let alone = !self.refs.contains_key(arg) && self.phases[*arg] == self.phases[id];
                let same = self.task.nodes[*arg].entries == self.task.nodes[id].entries;
                computed && once && alone && same && self.level[arg] <= bound
            })
            .collect();
        let whole = match self.refs.get(&id) {
            Some(&whole) => whole,
            None => {
                let parts = args.iter().zip(&eligible).filter(|(_, ok)| **ok).map(|(arg, _)| self.level[arg]);
                let level = parts.fold(self.level[&id], Level::max);
                let width = self.numel(id);
                let buffer = self.buffer(Self::class_of(level), width, self.task.nodes[id].entries);
                let whole = Ref { buffer, col: 0, numel: width };
                self.refs.insert(id, whole);
                whole
            }
        };
        let mut col = whole.col;
        for (arg, ok) in args.iter().zip(eligible) {
            let numel = self.numel(*arg);
            if ok {
                self.refs.insert(*arg, Ref { buffer: whole.buffer, col, numel });
            }
            col += numel;
        }
    }

    /// Stores products of one operand in one buffer, so that they become one product.
    fn place_products(&mut self, products: &[Product]) {
        let free: Vec<NodeId> =
            products.iter().map(|p| p.out).filter(|id| !self.refs.contains_key(id)).collect();
        let width = free.iter().map(|&id| self.numel(id)).sum();
        let Some(level) = free.iter().map(|id| self.level[id]).max() else {
            return;
        };
        let buffer = self.buffer(Self::class_of(level), width, self.task.nodes[free[0]].entries);
        let mut col = 0;
        for id in free {
            let numel = self.numel(id);
            self.refs.insert(id, Ref { buffer, col, numel });
            col += numel;
        }
    }

    /// Where a value is stored, through its views.
    fn reference(&mut self, id: NodeId) -> Ref {
        let (holder, offset) = resolved(&self.task.nodes, self.given, id);
        let numel = self.numel(id);
        let whole = match self.refs.get(&holder) {
            Some(&whole) => whole,
            None => {
                let place = match (self.task.folds.slot(holder), self.task.given.get(&holder)) {
                    (Some(slot), _) => Given { class: Class::Fold(slot), width: self.numel(holder), col: 0 },
                    (None, Some(given)) => *given,
                    (None, None) => unreachable!("value {holder} has no place"),
                };
                let buffer = self.buffer(place.class, place.width, self.task.nodes[holder].entries);
                let whole = Ref { buffer, col: place.col, numel: self.numel(holder) };
                self.refs.insert(holder, whole);
                whole
            }
        };
        let buffer = match self.pass.buffers[whole.buffer].class {
            Class::CarryIn(state) if self.late => self.buffer(Class::CarryLog(state), whole.numel, None),
            _ => whole.buffer,
        };
        Ref { buffer, col: whole.col + offset, numel }
    }

    fn emit(mut self, work: &Plan) -> (Pass, Vec<Ref>) {
        let mut widest = 1;
        for (phase, list) in work {
            self.late = *phase == Phase::After;
            let mut phase_ops = Vec::new();
            for one in list {
                match one {
                    Work::Rows(ids) => {
                        let mut ops = Vec::new();
                        for &id in ids {
                            team::pause();
                            row_ops::ops_of(&self.task.nodes, id, &mut |id| self.reference(id), &mut ops);
                        }
                        fuse(&self.pass.buffers, &mut ops);
                        let used = row_ops::assign_slots(&mut self.pass.buffers, &ops);
                        self.pass.tile_width = self.pass.tile_width.max(used);
                        widest = ops.iter().map(row_ops::width_in_cache).fold(widest, usize::max);
                        row_ops::find_far(&self.pass.buffers, &mut ops, self.task.reversed);
                        if !ops.is_empty() {
                            phase_ops.push(PhaseOp::Rows(ops));
                        }
                    }
                    Work::Entries(axis, stages) => {
                        let op = self.entries(*axis, stages);
                        widest = op.ops().map(|op| op.dst.numel.max(op.cols)).fold(widest, usize::max);
                        phase_ops.push(PhaseOp::Entries(op));
                    }
                    Work::Products(products) => self.emit_products(products, &mut phase_ops),
                    Work::Scan(number, _) => phase_ops.push(PhaseOp::Scan(self.scan(*number))),
                    Work::Matrix([first, _]) => phase_ops.push(PhaseOp::Matrix(self.matrix(*first))),
                }
            }
            match phase {
                Phase::Before => self.pass.before = phase_ops,
                Phase::Loop => self.pass.body = phase_ops,
                _ => self.pass.after = phase_ops,
            }
        }
        self.late = true;
        // a function is called for many rows together: a call costs more than the cache saves
        self.pass.tile_rows =
            if self.pass.calls() { CALL_ROWS } else { (TILE_ELEMENTS / widest).clamp(1, CALL_ROWS) };
        let outputs = self.task.outputs.clone();
        self.pass.outputs = outputs.into_iter().map(|id| self.reference(id)).collect();
        let kept = self.task.kept.clone();
        let kept = kept.into_iter().map(|id| self.reference(id)).collect();
        for sink in self.task.sinks {
            let run = match sink.what {
                Accumulate::Outer { left, right } => {
                    let lines = match self.task.nodes[left].shape.as_slice() {
                        [lines, _] => lines.value,
                        _ => 1,
                    };
                    SinkRun::Outer { left: self.reference(left), right: self.reference(right), lines }
                }
                Accumulate::Sum(d) => SinkRun::Sum(self.reference(d)),
                Accumulate::Scatter { id, d } => {
                    SinkRun::Scatter { id: self.reference(id), d: self.reference(d) }
                }
                Accumulate::Called { x, s, d } => SinkRun::Called {
                    p: self.reference(sink.target),
                    x: self.reference(x),
                    s: self.reference(s),
                    d: self.reference(d),
                },
            };
            if let Some(slot) = self.task.folds.slot(sink.target) {
                self.pass.sinks.push(SinkOp { slot, run });
            }
        }
        (self.pass, kept)
    }

    fn entries(&mut self, axis: usize, stages: &[Vec<NodeId>]) -> EntriesOp {
        let mut made = EntriesOp { axis, stages: Vec::new(), sums: Vec::new() };
        for ids in stages {
            let mut stage = Stage { ops: Vec::new(), whole: Vec::new() };
            for &id in ids {
                let node = &self.task.nodes[id];
                match rows::row(node.op).run {
                    Run::Entries(run) if reads_whole(node) => {
                        let (dst, arg) = (self.reference(id), node.args.first().copied());
                        stage.whole.push(WholeOp {
                            run,
                            by: node.attrs.number("by") as isize,
                            dst,
                            src: arg.map(|arg| self.reference(arg)),
                        });
                    }
                    _ => row_ops::ops_of(&self.task.nodes, id, &mut |id| self.reference(id), &mut stage.ops),
                }
            }
            fuse(&self.pass.buffers, &mut stage.ops);
            let used = row_ops::assign_slots(&mut self.pass.buffers, &stage.ops);
            self.pass.tile_width = self.pass.tile_width.max(used);
            let is_sum = |op: &&RowOp| matches!(op.run, RowRun::SumEntries | RowRun::WeightedSum);
            made.sums.extend(stage.ops.iter().filter(is_sum).map(|op| op.dst));
            made.stages.push(stage);
        }
        made
    }

    fn matrix(&mut self, id: NodeId) -> MatrixOp {
        let node = &self.task.nodes[id];
        let state = node.attrs.int("state");
        let State { read, .. } = self.task.states[state];
        let shape = &self.task.nodes[read].shape;
        let (lines, cols) = (shape[0].value, shape[1].value);
        let mut args: Vec<Ref> = node.args.iter().map(|&arg| self.reference(arg)).collect();
        let own = self.reference(id);
        // a backward pass has the gradient of the reads as its last operand
        let (reads, gradients) = match self.task.reversed {
            true => (args.pop().unwrap_or(own), Some(own)),
            false => (own, None),
        };
        let count = node.attrs.int("before") + node.attrs.int("after");
        let vectors = args.split_off(args.len() - count);
        let marks = |buffer: &Buffer| [Class::Marks(state), Class::SavedMarks(state)].contains(&buffer.class);
        let label = self.task.nodes[read].label.clone();
        MatrixOp {
            state,
            lines,
            cols,
            factor: args[0],
            write: args[1],
            key: args[2],
            rate: args.get(3).copied(),
            vectors,
            before: node.attrs.int("before"),
            reads,
            gradients,
            marks: self.pass.buffers.iter().position(marks),
            what: label.unwrap_or_default(),
        }
    }

    fn scan(&mut self, number: usize) -> Scan {
        let scan = self.task.scans[number].clone();
        let mut states = Vec::new();
        let mut names = Vec::new();
        for (position, &state) in scan.states.iter().enumerate() {
            let task = self.task.states[state];
            let seen = scan.seen[position];
            // a history already holds the values that were read
            let seen = self.refs.get(&seen).copied().filter(|_| !(task.history && seen == task.read));
            let factors = scan.factor[position].iter().map(|factor| factor.map(|id| self.reference(id)));
            states.push(ScanState {
                state,
                seen,
                factors: factors.collect(),
                shift: scan.shift[position].map(|id| self.reference(id)),
                rest: scan.rest[position].map(|id| self.reference(id)),
                update: self.refs.get(&task.update).copied(),
            });
            names.extend(self.task.nodes[task.read].label.clone());
        }
        Scan { states, moved: scan.moved, what: names.join(", ") }
    }

    /// Divides the products of one operand into runs that are contiguous and have one kind of initial value.
    fn emit_products(&mut self, products: &[Product], phase_ops: &mut Vec<PhaseOp>) {
        let mut rest = products;
        while !rest.is_empty() {
            let first = self.refs[&rest[0].out];
            let init = self.init_of(&rest[0]);
            let mut count = 1;
            let mut width = first.numel;
            while count < rest.len() {
                let next = self.refs[&rest[count].out];
                let is_adjacent = next.buffer == first.buffer && next.col == first.col + width;
                let fits = match (init, self.init_of(&rest[count])) {
                    (Init::Value(a), Init::Value(b)) => b.buffer == a.buffer && b.col == a.col + width,
                    (Init::Zero | Init::Bias, Init::Zero | Init::Bias) => true,
                    _ => false,
                };
                if !(is_adjacent && fits) {
                    break;
                }
                width += next.numel;
                count += 1;
            }
            let (run, others) = rest.split_at(count);
            let gemm = self.gemm(run, Ref { numel: width, ..first }, init);
            phase_ops.push(PhaseOp::Gemm(gemm));
            rest = others;
        }
    }

    fn init_of(&mut self, product: &Product) -> Init {
        match product.init {
            None => Init::Zero,
            Some(id) => {
                let holder = resolved(&self.task.nodes, self.given, id).0;
                if self.task.folds.slot(holder).is_some() && holder == id {
                    Init::Bias
                } else {
                    Init::Value(self.reference(id))
                }
            }
        }
    }

    fn gemm(&mut self, run: &[Product], c: Ref, init: Init) -> Gemm {
        let slot = |id: NodeId| self.task.folds.slot(id);
        let mut parts = Vec::new();
        let mut bias = false;
        for p in run {
            let shape = &self.task.nodes[p.matrix].shape;
            let own = p.init.and_then(|id| slot(resolved(&self.task.nodes, self.given, id).0));
            let own = own.filter(|_| matches!(init, Init::Zero | Init::Bias));
            bias |= own.is_some();
            parts.push(PackPart {
                slot: slot(p.matrix).unwrap_or_else(|| unreachable!("a matrix without a slot")),
                rows: shape[0].value,
                columns: shape[1].value,
                transpose: p.transpose,
                bias: own,
            });
        }
        let a = self.reference(run[0].vector);
        let names: Vec<String> = run.iter().map(|p| name(&self.task.nodes, p)).collect();
        let lines = run[0].lines;
        self.pass.packs.push(Pack { k: a.numel / lines, n: c.numel / lines, parts });
        let init = match init {
            Init::Value(first) => Init::Value(Ref { numel: c.numel, ..first }),
            _ if bias => Init::Bias,
            _ => Init::Zero,
        };
        Gemm { pack: self.pass.packs.len() - 1, a, c, init, lines, what: names.join(", ") }
    }
}

fn name(nodes: &[Node], p: &Product) -> String {
    let label = |id: NodeId| nodes[id].label.clone().unwrap_or_else(|| format!("v{id}"));
    format!("{}{} @ {}", label(p.matrix), if p.transpose { ".T" } else { "" }, label(p.vector))
}
