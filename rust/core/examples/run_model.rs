//! Loads a model file and runs it, without Python: `cargo run --example run_model -- FILE ROWS STEPS`.
//!
//! The input is a fixed sequence of numbers; the outputs are printed as the bits of their float32 values, one row a line.

use std::error::Error;

use ostinato_core::{Content, Model};

/// The number at a place of the input: between -1 and 1, the same on every machine.
fn number(place: usize) -> f32 {
    ((place * 37 + 11) % 101) as f32 / 50.5 - 1.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, steps] = &arguments[..] else {
        return Err("run_model FILE ROWS STEPS".into());
    };
    let (rows, steps): (usize, usize) = (rows.parse()?, steps.parse()?);
    let model = Model::open(file)?;
    let Content::Features(width) = model.inputs()[0].content else {
        return Err("the model reads ids; run_graph runs it".into());
    };
    let x: Vec<f32> = (0..rows * steps * width).map(number).collect();
    // the first row is shorter than the others
    let lengths: Vec<i64> = (0..rows).map(|row| steps as i64 - i64::from(row == 0)).collect();
    let run = model.run(&x, rows, steps, Some(&lengths))?;
    for (output, values) in model.outputs().iter().zip(&run.outputs) {
        println!("{}", output.name);
        for row in values.chunks(values.len() / rows.max(1)) {
            let bits: Vec<String> = row.iter().map(|x| format!("{:08x}", x.to_bits())).collect();
            println!("{}", bits.join(" "));
        }
    }
    Ok(())
}
