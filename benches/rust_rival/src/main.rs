//! rten's side: runs an ONNX model of one layer whenever a line arrives, and answers with the seconds it took.
//!
//! `rust_rival MODEL X OUTPUT T N I [H]`: X holds T N I numbers (float32, as the machine has them), OUTPUT receives those
//! of Y. The states, one for each H given beyond, begin with zeros. `RTEN_NUM_THREADS` is the number of threads.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use rten::{ModelOptions, NodeId, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, x, output, sizes @ ..] = &arguments[..] else {
        return Err("rust_rival MODEL X OUTPUT T N I [H ...]".into());
    };
    let sizes = sizes.iter().map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    let [steps, rows, input, states @ ..] = &sizes[..] else {
        return Err("rust_rival: expected T N I".into());
    };
    let mut options = ModelOptions::with_all_ops();
    let model = options.prepack_weights(true).load_file(model)?;
    let bytes = std::fs::read(x)?;
    let numbers = bytes.chunks_exact(4).map(|four| f32::from_ne_bytes([four[0], four[1], four[2], four[3]]));
    let x = Tensor::from_data(&[*steps, *rows, *input], numbers.collect::<Vec<f32>>());
    let zeros: Vec<Tensor<f32>> = states.iter().map(|&width| Tensor::zeros(&[1, *rows, width])).collect();
    let run = || -> Result<Vec<Value>, Box<dyn Error>> {
        let given = std::iter::once(&x).chain(&zeros).map(|one| ValueOrView::from(one.view()));
        let inputs: Vec<(NodeId, ValueOrView)> = model.input_ids().iter().copied().zip(given).collect();
        Ok(model.run(inputs, model.output_ids(), None)?)
    };

    let y: Tensor<f32> = run()?.swap_remove(0).try_into()?;
    let bytes: Vec<u8> = y.iter().flat_map(|number| number.to_ne_bytes()).collect();
    std::fs::write(output, bytes)?;
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        std::hint::black_box(run()?);
        writeln!(out, "{}", start.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}
