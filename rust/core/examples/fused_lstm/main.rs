//! The ablation of one engine for all cells: what would an LSTM gain by a pointwise part that is fused by hand?
//!
//! `fused_lstm H SECONDS` runs the LSTM's equations and an LSTM written out by hand, forwards and back, alternately: the
//! same products by the same kernels in the same blocks of time, the same units of rows, the same functions. Only the
//! pointwise part differs: op by op over tiles there, one AVX-512 loop here. Prints a line of JSON with the seconds of
//! each run; `benches/examples.py` reads it. Needs AVX-512; without it, prints nothing on standard output.

#[path = "../../../guard/src/programs.rs"]
#[allow(dead_code)] // the LSTM alone is wanted of them
mod programs;

#[cfg(target_arch = "x86_64")]
mod hand;
#[cfg(target_arch = "x86_64")]
mod pointwise;

#[cfg(target_arch = "x86_64")]
mod compare;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<f64>().ok());
    let (Some(hidden), Some(seconds)) = (number(1), number(2)) else {
        eprintln!("fused_lstm H SECONDS; H is a multiple of 16");
        std::process::exit(2);
    };
    let hidden = (hidden as usize).next_multiple_of(16);
    #[cfg(target_arch = "x86_64")]
    compare::compare(hidden, seconds);
    #[cfg(not(target_arch = "x86_64"))]
    eprintln!("fused_lstm: needs AVX-512; H={hidden} is not compared for {seconds} s");
}
