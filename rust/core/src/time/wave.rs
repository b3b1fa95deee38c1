//! A wave: layers of a stack that run at the same time, each a piece of time behind the one before it.

use std::sync::Arc;

use crate::team::Region;

/// Rows that a piece of time has at least: products of fewer read their weights too often.
const PIECE_ROWS: usize = 16;

/// Steps that it has at least.
const PIECE_STEPS: usize = 4;

/// Steps of a piece of time of `rows` sequences: a power of two, so that blocks of time are whole pieces.
pub fn piece_steps(rows: usize) -> usize {
    PIECE_ROWS.div_ceil(rows.max(1)).max(PIECE_STEPS).next_power_of_two()
}

/// The place of a layer in a wave: its number among the layers, which is that of its part in the region.
#[derive(Debug, Clone)]
pub struct Wave {
    pub region: Arc<Region>,
    pub part: usize,
}

impl Wave {
    /// Waits until the layer before has done so many steps, in the order in which both run. False if it did not come to its end.
    pub fn wait(&self, steps: usize) -> bool {
        self.region.wait(self.part, steps)
    }

    /// Tells that so many steps are done.
    pub fn tell(&self, steps: usize) {
        self.region.tell(self.part, steps);
    }
}
