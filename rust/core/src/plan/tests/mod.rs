//! What the planner makes of a dozen programs, as texts that stand in `snapshots/`.
//!
//! `OSTINATO_SNAPSHOTS=write cargo test -p ostinato-core plan` writes them anew: read the difference before you commit
//! it.

mod concatenated;
mod difference;
mod frozen;
mod last_step;
mod long;
mod row_level;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{Init, LayerPlan, Pass, PassSummary, PhaseOp, Ref, Scan, SinkRun, explain_layer};
use crate::step::tests::lines::{program, programs};
use difference::difference;

const VARIABLE: &str = "OSTINATO_SNAPSHOTS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/tests/snapshots")
}

/// The program as a person would write it, its plan in words, and the three passes one operation a line.
fn snapshot(text: &str) -> String {
    let program = program(text);
    let plan = LayerPlan::new(&program).unwrap_or_else(|error| panic!("{}: {error}", program.name));
    let mut text = format!("{program}\nplan\n{}", explain_layer(&plan, 8, Some(16), 4));
    for (title, pass) in [("inference", &plan.infer), ("forward", &plan.train), ("backward", &plan.back)] {
        text += &format!("\n{title}{}\n{}", if pass.reversed { ", reversed" } else { "" }, pass_text(pass));
    }
    if let Some(fold) = &plan.fold {
        text += &format!("\nfold\n{}\n{}", fold.plan.program, pass_text(&fold.plan.train));
    }
    text
}

fn pass_text(pass: &Pass) -> String {
    let mut text = String::new();
    let at = |place: &Ref| {
        let buffer = &pass.buffers[place.buffer];
        format!("{:?}#{}[{}..{}]", buffer.class, place.buffer, place.col, place.col + place.numel)
    };
    let list = |places: &[Ref]| places.iter().map(at).collect::<Vec<_>>().join(", ");
    for (phase, segments) in [("before", &pass.before), ("loop", &pass.body), ("after", &pass.after)] {
        if segments.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  {phase}");
        for segment in segments {
            match segment {
                PhaseOp::Gemm(gemm) => {
                    let init = match &gemm.init {
                        Init::Value(place) => at(place),
                        other => format!("{other:?}"),
                    };
                    let (pack, c, a) = (&pass.packs[gemm.pack], at(&gemm.c), at(&gemm.a));
                    let _ = writeln!(text, "    {c} = {init} + {a} @ {} x {}", pack.k, pack.n);
                    for part in &pack.parts {
                        let turned = if part.transpose { ", transposed" } else { "" };
                        let bias = part.bias.map_or(String::new(), |slot| format!(", bias fold {slot}"));
                        let _ = writeln!(text, "      of fold {}{turned}{bias}", part.slot);
                    }
                }
                PhaseOp::Entries(op) => {
                    let _ = writeln!(text, "    entries of axis {}", op.axis);
                    for stage in &op.stages {
                        for op in &stage.ops {
                            let (dst, src) = (at(&op.dst), list(&op.src));
                            let _ = writeln!(
                                text,
                                "      {dst} = {:?}({src}) {} x {}",
                                op.run, op.outer, op.cols
                            );
                        }
                        for op in &stage.whole {
                            let _ = writeln!(text, "      {} = {:?} of all", at(&op.dst), op.run);
                        }
                    }
                }
                PhaseOp::Rows(ops) => {
                    let _ = writeln!(text, "    row ops, tiles of {} x {}", pass.tile_rows, pass.tile_width);
                    for op in ops {
                        let far = if op.far.is_empty() {
                            String::new()
                        } else {
                            format!("   far {}", op.far.len())
                        };
                        let (dst, src) = (at(&op.dst), list(&op.src));
                        let _ = writeln!(
                            text,
                            "      {dst} = {:?}({src}) {} x {}{far}",
                            op.run, op.outer, op.cols
                        );
                    }
                }
                PhaseOp::Scan(scan) => scan_text(&mut text, scan, &at),
                PhaseOp::Matrix(op) => {
                    let _ = writeln!(text, "    {op:?}");
                }
            }
        }
    }
    for sink in &pass.sinks {
        let what = match &sink.run {
            SinkRun::Outer { left, right, .. } => format!("outer product of {}", list(&[*left, *right])),
            SinkRun::Sum(place) => format!("sum of {}", at(place)),
            SinkRun::Scatter { id, d } => format!("{} at row {}", at(d), at(id)),
            SinkRun::Called { p, x, s, d } => {
                format!("what the function says of {}", list(&[*p, *x, *s, *d]))
            }
        };
        let _ = writeln!(text, "  gradient of fold {} += {what}", sink.slot);
    }
    let states: Vec<String> = pass.states.iter().map(|(class, width)| format!("{class:?} {width}")).collect();
    let _ = writeln!(text, "  states   {}", states.join(", "));
    let _ = writeln!(text, "  outputs  {}", list(&pass.outputs));
    text
}

fn scan_text(text: &mut String, scan: &Scan, at: &dyn Fn(&Ref) -> String) {
    let maybe = |place: &Option<Ref>| place.as_ref().map_or("none".to_string(), at);
    let _ = writeln!(text, "    scan along time   {}", scan.what);
    for one in &scan.states {
        let factors: Vec<String> = one.factors.iter().map(maybe).collect();
        let _ = writeln!(
            text,
            "      state {}: factors {}; rest {}; shift {}; seen {}; update {}",
            one.state,
            factors.join(", "),
            maybe(&one.rest),
            maybe(&one.shift),
            maybe(&one.seen),
            maybe(&one.update)
        );
    }
}

#[test]
fn plans_are_those_of_the_snapshots() {
    let writes = env::var(VARIABLE).is_ok_and(|value| value == "write");
    let mut wrong = Vec::new();
    for (name, text) in programs() {
        let (file, new) = (folder().join(format!("{name}.txt")), snapshot(&text));
        if writes {
            fs::write(&file, &new).expect("a file that can be written");
        }
        let old = fs::read_to_string(&file).unwrap_or_default();
        if old != new {
            wrong.push(format!("{name}: the snapshot (-) and the plan (+)\n{}", difference(&old, &new)));
        }
    }
    assert!(wrong.is_empty(), "{}\nif this is better, run the test with {VARIABLE}=write", wrong.join("\n"));
}

#[test]
fn every_snapshot_has_its_program() {
    let names: BTreeSet<String> = programs().into_iter().map(|(name, _)| format!("{name}.txt")).collect();
    let entries = fs::read_dir(folder()).expect("a folder of snapshots");
    let files: BTreeSet<String> =
        entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(files, names);
    assert!(names.len() >= 12);
}

#[test]
fn a_plan_does_not_depend_on_the_order_of_a_hash() {
    for (name, text) in programs() {
        let first = snapshot(&text);
        for _ in 0..10 {
            assert_eq!(snapshot(&text), first, "{name}");
        }
    }
}

/// What a snapshot shows in numbers, for the programs whose plan is a promise of the pages.
#[test]
fn scans_leave_no_loop_and_gates_are_one_product() {
    let plan = |name: &str| {
        let (_, text) = programs().into_iter().find(|(known, _)| known == name).expect("a program");
        LayerPlan::new(&program(&text)).expect("a plan")
    };
    for name in ["scan", "rotation", "old_value_of_scan"] {
        let plan = plan(name);
        for pass in [&plan.infer, &plan.train, &plan.back] {
            assert!(pass.body.is_empty() && !pass.stepwise && PassSummary::of(pass).scans == 1, "{name}");
        }
    }
    let matrix = plan("matrix");
    for pass in [&matrix.infer, &matrix.train, &matrix.back] {
        assert!(pass.body.is_empty() && !pass.stepwise && pass.has_matrices());
    }
    for name in ["lstm", "layer_norm", "folded_weight"] {
        let summary = PassSummary::of(&plan(name).train);
        assert_eq!((summary.gemms_before, summary.gemms_in_loop), (1, 1), "{name}");
    }
    assert!(plan("folded_weight").fold.is_some() && plan("lstm").fold.is_none());
    assert!(plan("no_state").train.body.is_empty());
}
