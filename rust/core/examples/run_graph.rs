//! Loads a model file with any inputs and runs it: `cargo run --example run_graph -- FILE ROWS STEPS`. `run_model` is the short form
//! for one sequence of features.
//!
//! Each input is a fixed sequence of numbers, of features or of ids. Each axis of sequences after the first has one step more than
//! the one before it. The outputs are printed as the bits of their float32 values, one row a line.

use std::error::Error;

use ostinato_core::{AxisExtent, Content, Input, Model};

/// The number at a place of the input: between -1 and 1, the same on every machine.
fn number(place: usize) -> f32 {
    ((place * 37 + 11) % 101) as f32 / 50.5 - 1.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, rows, steps] = &arguments[..] else {
        return Err("run_graph FILE ROWS STEPS".into());
    };
    let (rows, steps): (usize, usize) = (rows.parse()?, steps.parse()?);
    let model = Model::open(file)?;
    let numbers = model.axes().len();
    // on each axis one row is shorter than the others, the first row on the first axis
    let lengths = |axis: usize| -> Vec<i64> {
        (0..rows).map(|row| (steps + axis) as i64 - i64::from(row == axis % rows)).collect()
    };
    let lengths: Vec<Vec<i64>> = (0..numbers).map(lengths).collect();
    // on the first axis, step 1 of every second row is masked; on the next one step 2, and so on
    let mask = |axis: usize| -> Vec<bool> {
        let steps = steps + axis;
        (0..rows * steps).map(|at| (at / steps).is_multiple_of(2) || at % steps != 1 + axis).collect()
    };
    let masks: Vec<Vec<bool>> = (0..numbers).map(mask).collect();
    let axes: Vec<AxisExtent> = (lengths.iter().zip(&masks).enumerate())
        .map(|(axis, (lengths, mask))| AxisExtent {
            steps: steps + axis,
            lengths: Some(lengths),
            mask: Some(mask),
        })
        .collect();
    let (mut features, mut ids) = (Vec::new(), Vec::new());
    for input in model.inputs() {
        let count = rows * input.axis.map_or(1, |axis| axes[axis].steps);
        let (width, limit) = match input.content {
            Content::Features(width) => (width, 1),
            Content::Ids(limit) => (1, limit),
        };
        features.push((0..count * width).map(number).collect::<Vec<f32>>());
        ids.push((0..count).map(|place| (place % limit) as i64).collect::<Vec<i64>>());
    }
    let inputs: Vec<Input<f32>> = (model.inputs().iter().zip(features.iter().zip(&ids)))
        .map(|(input, (features, ids))| match input.content {
            Content::Features(_) => features.into(),
            Content::Ids(_) => ids.into(),
        })
        .collect();
    let run = model.run_on(&inputs, rows, &axes)?;
    for (output, values) in model.outputs().iter().zip(&run.outputs) {
        println!("{}", output.name);
        for row in values.chunks(values.len() / rows.max(1)) {
            let bits: Vec<String> = row.iter().map(|x| format!("{:08x}", x.to_bits())).collect();
            println!("{}", bits.join(" "));
        }
    }
    Ok(())
}
