//! The plan as text: it shows the author of a cell why the cell is fast or slow.

use std::fmt::Write;

use crate::step::{Program, Run, rows};

use super::LayerPlan;
use super::linear::Kind;
use super::pass::{Class, MatrixOp, Pass, PhaseOp, SinkRun, marks};

/// Counts of one pass, for tests and tools.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassSummary {
    pub gemms_before: usize,
    pub gemms_in_loop: usize,
    pub gemms_after: usize,
    /// Recurrences that run along time, a whole block per operation.
    pub scans: usize,
    pub row_ops_before: usize,
    pub row_ops_in_loop: usize,
    pub row_ops_after: usize,
    pub weight_gemms_outside_loop: usize,
    /// Floating-point operations of the matrix products, per row and step.
    pub flops: usize,
    /// Elements per row and step that are stored until the backward pass is done, or are results.
    pub full_width: usize,
    /// Elements per row and step that are stored for one block of time.
    pub block_width: usize,
}

impl PassSummary {
    pub fn of(pass: &Pass) -> PassSummary {
        let gemms = |ops: &[PhaseOp]| ops.iter().filter(|s| matches!(s, PhaseOp::Gemm(_))).count();
        let ops = |ops: &[PhaseOp]| -> usize {
            ops.iter().map(|s| if let PhaseOp::Rows(ops) = s { ops.len() } else { 0 }).sum()
        };
        let outer = |run: &SinkRun| match run {
            SinkRun::Outer { left, right, lines } => Some(2 * left.numel * right.numel / lines),
            _ => None,
        };
        let flops = |op: &PhaseOp| match op {
            PhaseOp::Gemm(gemm) => 2 * gemm.lines * pass.packs[gemm.pack].k * pass.packs[gemm.pack].n,
            _ => 0,
        };
        let products: usize = pass.ops().map(flops).sum();
        let histories: usize = (pass.states.iter().take(pass.row_states()))
            .filter(|(class, _)| matches!(class, Class::History(_)))
            .map(|(_, width)| width)
            .sum();
        PassSummary {
            gemms_before: gemms(&pass.before),
            gemms_in_loop: gemms(&pass.body),
            gemms_after: gemms(&pass.after),
            scans: pass.ops().filter(|op| matches!(op, PhaseOp::Scan(_))).count(),
            row_ops_before: ops(&pass.before),
            row_ops_in_loop: ops(&pass.body),
            row_ops_after: ops(&pass.after),
            weight_gemms_outside_loop: pass.sinks.iter().filter_map(|sink| outer(&sink.run)).count(),
            flops: products + pass.sinks.iter().filter_map(|sink| outer(&sink.run)).sum::<usize>(),
            full_width: pass.width_of(Class::Full) + histories,
            block_width: pass.width_of(Class::Block),
        }
    }
}

/// The number of products among the equations of parameters, and their cost; nothing if there are none.
fn products_text(program: &Program) -> String {
    let live = program.live();
    let products: Vec<usize> = (program.nodes.iter().zip(live))
        .filter(|(node, live)| *live && rows::row(node.op).run == Run::Product)
        .map(|(node, _)| {
            let [a, b] = [0, 1].map(|k| &program.nodes[node.args[k]]);
            // (m, k) (k, n); a vector counts as one line or one column
            2 * a.numel() * b.numel() / b.shape[0].value
        })
        .collect();
    match products.len() {
        0 => String::new(),
        count => format!(": {count} products, {} FLOPs", thousands(products.iter().sum())),
    }
}

/// The plan of one layer as text, for a batch of `rows` sequences of `steps` steps in numbers of `bytes` bytes; no steps for a
/// layer that runs once per row.
pub fn explain_layer(plan: &LayerPlan, rows: usize, steps: Option<usize>, bytes: usize) -> String {
    let mut text = String::new();
    let per = if steps.is_some() { "row and step" } else { "row" };
    let mut line = |indent: usize, what: &str| {
        let _ = writeln!(text, "{:indent$}{what}", "");
    };
    if let Some(function) = &plan.train.function {
        line(2, &format!("calls Python at every step: {}", function.why()));
    }
    if let Some(fold) = &plan.fold {
        let count = fold.plan.program.outputs.len();
        let products = products_text(&fold.plan.program);
        line(2, &format!("fold: {count} value(s) computed from parameters alone, once per call{products}"));
    }
    for group in &plan.groups {
        let names: Vec<&str> =
            group.states.iter().map(|&state| plan.program.label(plan.program.states[state])).collect();
        line(2, &format!("state {}: {}", names.join(", "), describe(group.kind, &plan.train, &group.states)));
    }
    for (title, pass) in [("forward", &plan.train), ("backward", &plan.back)] {
        if title == "backward" && !plan.has_backward() {
            line(2, "backward: none, as no gradient of this layer is required");
            continue;
        }
        let summary = PassSummary::of(pass);
        line(2, &format!("{title}: {} FLOPs per {per} in matrix products", thousands(summary.flops)));
        let reversed = if pass.reversed { ", from the last step to the first" } else { "" };
        let before = match steps {
            Some(_) if pass.stepwise => "before the loop, per block of time",
            Some(_) => "per block of time",
            None => "once per row",
        };
        for (phase, ops) in [
            (before.to_string(), &pass.before),
            (format!("loop, step by step{reversed}"), &pass.body),
            ("after the loop, per block of time".to_string(), &pass.after),
        ] {
            if ops.is_empty() {
                continue;
            }
            line(4, &format!("{phase}:"));
            ops.iter().for_each(|op| line(6, &op_text(pass, op)));
        }
        let (summed, block) = if steps.is_some() {
            ("rows and time", "per block of time")
        } else {
            ("rows", "per block of rows")
        };
        if let Some(sinks) = sinks_text(pass, summed) {
            line(4, &format!("gradients of parameters, {block}:"));
            line(6, &sinks);
        }
    }
    let kept =
        if plan.kept.is_empty() { "nothing besides states and outputs".into() } else { plan.kept.join(", ") };
    line(2, &format!("kept for the backward pass: {kept}"));
    let memory = |pass: &Pass| {
        let total = rows * steps.unwrap_or(1);
        let marked = pass.marked_width() * marks(rows, total);
        (PassSummary::of(pass).full_width * total + marked) as f64 * bytes as f64
    };
    let (forward, back) = (memory(&plan.train), memory(&plan.back));
    line(
        2,
        &format!(
            "memory at {rows} rows{}: {} kept, {} of input gradients",
            steps.map_or_else(String::new, |steps| format!(" x {steps} steps")),
            size(forward),
            size(back)
        ),
    );
    text
}

/// The plan of the part of a layer that runs once per row, as text.
pub fn explain_once_per_row(plan: &LayerPlan) -> String {
    explain_once(plan, "row", "row", "rows")
}

/// The plan of the part of a layer that runs once per entry of a memory, as text.
pub fn explain_once_per_entry(plan: &LayerPlan, memory: &str) -> String {
    explain_once(plan, &format!("entry of {memory:?}"), "entry", "entries")
}

/// The plan of the part of a layer that runs once per id, as text.
pub fn explain_once_per_id(plan: &LayerPlan) -> String {
    match &plan.fold {
        Some(fold) => {
            let ids = fold.ids.map_or(String::new(), |ids| format!(" of {ids}"));
            explain_once(&fold.plan, &format!("id{ids}"), "id", "ids")
        }
        None => String::new(),
    }
}

fn explain_once(plan: &LayerPlan, what: &str, one: &str, all: &str) -> String {
    let mut text = String::new();
    for (title, pass) in [("forward", &plan.train), ("backward, of sums over the steps", &plan.back)] {
        let flops = thousands(PassSummary::of(pass).flops);
        let _ = writeln!(text, "  once per {what}, {title}: {flops} FLOPs per {one} in matrix products");
        for op in pass.ops() {
            let _ = writeln!(text, "      {}", op_text(pass, op));
        }
        if let Some(sinks) = sinks_text(pass, all) {
            let _ = writeln!(text, "      gradients of parameters: {sinks}");
        }
    }
    text
}

/// One operation of a phase.
fn op_text(pass: &Pass, op: &PhaseOp) -> String {
    match op {
        PhaseOp::Scan(scan) if scan.moved != 0 => format!("move along time   {}", scan.what),
        PhaseOp::Scan(scan) => format!("scan along time   {}", scan.what),
        PhaseOp::Matrix(op) => {
            let MatrixOp { lines, cols, what, .. } = op;
            let again =
                if op.gradients.is_some() { ", computed again from the start of the block" } else { "" };
            format!("matrices along time {lines} x {cols}   {what}{again}")
        }
        PhaseOp::Gemm(gemm) => {
            let pack = &pass.packs[gemm.pack];
            let each = if gemm.lines == 1 { String::new() } else { format!(" of {} lines", gemm.lines) };
            format!("GEMM {} -> {}{each}   {}", pack.k, pack.n, gemm.what)
        }
        PhaseOp::Entries(op) => {
            let width = op.ops().map(|op| op.dst.numel.max(op.cols)).max().unwrap_or(0);
            let (count, rows) = (op.ops().count(), pass.tile_rows);
            let whole = op.stages.iter().map(|stage| stage.whole.len()).sum::<usize>();
            let whole = if whole == 0 { String::new() } else { format!(", {whole} over all entries") };
            format!("for each entry: {count} ops of up to {width} elements, tiles of {rows} entries{whole}")
        }
        PhaseOp::Rows(ops) => {
            let width = ops.iter().map(|op| op.dst.numel).max().unwrap_or(0);
            let (count, rows) = (ops.len(), pass.tile_rows);
            format!("{count} row ops of up to {width} elements, tiles of {rows} rows")
        }
    }
}

/// What computes the gradients of parameters; None if there are none. `over`: what a sum adds.
fn sinks_text(pass: &Pass, over: &str) -> Option<String> {
    if pass.sinks.is_empty() {
        return None;
    }
    let outer = pass.sinks.iter().filter(|sink| matches!(sink.run, SinkRun::Outer { .. })).count();
    let scatters = pass.sinks.iter().filter(|sink| matches!(sink.run, SinkRun::Scatter { .. })).count();
    let sums = pass.sinks.len() - outer - scatters;
    let mut parts = vec![format!("{outer} weight GEMM(s)"), format!("{sums} sum(s) over {over}")];
    if scatters > 0 {
        parts.push(format!("{scatters} scatter(s) into a table"));
    }
    Some(parts.join(", "))
}

/// How a group of states depends on itself, and how the group therefore runs.
fn describe(kind: Kind, pass: &Pass, states: &[usize]) -> &'static str {
    match kind {
        Kind::Scan if states.iter().all(|&state| pass.is_scanned(state)) => "linear in the state: scan",
        Kind::Line if states.iter().all(|&state| pass.is_scanned(state)) => "a delay line: outside the loop",
        Kind::Scan | Kind::Line => "linear in the state, but inside the loop of another state: step by step",
        Kind::Matrix => "linear in the state, a factor and an outer product: matrices along time",
        Kind::Mixing => "linear in the state, but not element by element: step by step",
        Kind::Elementwise => "element by element, but not linear: step by step",
        Kind::Other => "not linear: step by step",
    }
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: f64) -> String {
    match bytes {
        ..1e4 => format!("{bytes} B"),
        1e4..1e7 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{:.1} MB", bytes / 1e6),
    }
}
