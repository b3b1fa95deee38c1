//! The rows of a group of a network with large weights.

use crate::plan::Pass;

use super::super::graph::Network;

/// Rows of a group for weights beyond some bytes, as every row group reads the weights of the loop at each step: where the
/// second cache does not hold them, more rows share each read. The bytes are those of usual second caches (1 to 2 MiB), and no
/// property of the machine: gradients are added group by group, so that their bits would depend on it.
///
/// Measured with the example `row_groups` on a Zen 4 (1 MiB; LSTM, 64 rows, one thread, against 16 rows): 1.03 and 1.02 times as
/// fast with 32 and 64 rows for 4 MiB, 1.02 and 1.12 for 9 MiB, 1.15 and 1.30 for 16 MiB. On an Intel Xeon (2 MiB) 64 rows were
/// 1.04 times as fast for 4 MiB, and 1.05 for 16 MiB. More rows need more memory, so that few are chosen where the gain is small.
const BY_SIZE: [(usize, usize); 2] = [(4 << 20, 64), (1 << 20, 32)];

/// Rows of a group, or None for the usual number: `Extent::group_rows`. The network alone decides it.
pub fn group_rows<T>(network: &Network) -> Option<usize> {
    let passes = network.layers.iter().flat_map(|layer| {
        let training = [layer.forward(true), &layer.plan.back];
        training.into_iter().chain([layer.forward(false)])
    });
    rows_for(passes.map(Pass::loop_weights).max().unwrap_or(0) * size_of::<T>())
}

/// The same for weights of so many bytes.
fn rows_for(bytes: usize) -> Option<usize> {
    BY_SIZE.iter().find(|(most, _)| bytes > *most).map(|&(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_weights_keep_the_usual_groups() {
        let mib = 1 << 20;
        for (bytes, rows) in [
            (0, None),
            (mib, None),
            (mib + 1, Some(32)),
            (4 * mib, Some(32)),
            (4 * mib + 1, Some(64)),
            (1 << 30, Some(64)),
        ] {
            assert_eq!(rows_for(bytes), rows, "{bytes}");
        }
    }
}
