//! Runs a model file over the first half of some sequences, and streams the rest step by step from the states that it left:
//! `cargo run --example stream_model -- FILE ROWS STEPS`.
//!
//! The input is that of `run_model`; the outputs of the streamed steps are printed as bits, one step a line.

use std::error::Error;

use ostinato_core::{Content, Model};

/// The number at a place of the input: between -1 and 1, the same on every machine.
fn number(place: usize) -> f32 {
    ((place * 37 + 11) % 101) as f32 / 50.5 - 1.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, steps] = &arguments[..] else {
        return Err("stream_model FILE ROWS STEPS".into());
    };
    let (rows, steps): (usize, usize) = (rows.parse()?, steps.parse()?);
    let model = Model::open(file)?;
    let Content::Features(width) = model.inputs()[0].content else {
        return Err("the model reads ids; this program has none".into());
    };
    let at = |row: usize, step: usize| (0..width).map(move |k| number((row * steps + step) * width + k));
    let past: Vec<f32> =
        (0..rows).flat_map(|row| (0..steps / 2).flat_map(move |step| at(row, step))).collect();
    let run = model.run(&past, rows, steps / 2, None)?;

    let mut stream = model.stream(rows)?;
    for (slot, values) in run.states.iter().enumerate() {
        stream.set_state(slot, values)?;
    }
    let mut out = vec![0.0; rows * stream.output_width()];
    for step in steps / 2..steps {
        let x: Vec<f32> = (0..rows).flat_map(|row| at(row, step)).collect();
        stream.step(&x, &mut out)?;
        println!("{}", out.iter().map(|x| format!("{:08x}", x.to_bits())).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}
