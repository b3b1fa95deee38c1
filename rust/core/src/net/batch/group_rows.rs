//! The rows of a group of a network whose weights exceed the second cache.

use crate::kernel::Caches;
use crate::plan::Pass;

use super::super::graph::Network;

/// Rows of a group for weights that the second cache does not hold: a step reads them from a farther cache, so more rows
/// share each read. By the share of the weights that fits: (times the second cache, rows). Measured with the example
/// `row_groups` on a Zen 4 (1 MiB; LSTM, 64 rows; one thread, against 16 rows): at 4 times, 1.03 and 1.02 times as fast with
/// 32 and 64 rows; at 9 times, 1.02 and 1.12; at 16 times, 1.15 and 1.30. On an Intel Xeon (2 MiB) 64 rows were 1.04 times as
/// fast at 2 times, and 1.05 at 8 times. More rows need more memory, so that few are chosen where the gain is small.
const BY_SIZE: [(usize, usize); 2] = [(4, 64), (1, 32)];

/// Rows of a group, or None for the usual number: `Extent::group_rows`. The network and the machine's caches decide it, never
/// the number of threads, so that sums of gradients do not depend on the threads.
pub fn group_rows<T>(network: &Network) -> Option<usize> {
    let passes = network.layers.iter().flat_map(|layer| {
        let training = [layer.forward(true), &layer.plan.back];
        training.into_iter().chain([layer.forward(false)])
    });
    let bytes = passes.map(Pass::loop_weights).max().unwrap_or(0) * size_of::<T>();
    rows_for(bytes, Caches::or_usual().l2)
}

/// The same for weights of so many bytes.
fn rows_for(bytes: usize, l2: usize) -> Option<usize> {
    BY_SIZE.iter().find(|(times, _)| bytes > times * l2).map(|&(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_in_the_second_cache_keep_the_usual_groups() {
        let l2 = 1 << 20;
        for (bytes, rows) in [
            (0, None),
            (l2, None),
            (l2 + 1, Some(32)),
            (4 * l2, Some(32)),
            (4 * l2 + 1, Some(64)),
            (1 << 30, Some(64)),
        ] {
            assert_eq!(rows_for(bytes, l2), rows, "{bytes}");
        }
    }
}
