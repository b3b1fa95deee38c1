//! A pipeline: layers of a stack that run at the same time, each one piece of time behind the layer before it.

use std::sync::Arc;

use crate::team::Region;

/// The least number of rows in a piece of time: products with fewer rows read their weights too often.
const PIECE_ROWS: usize = 16;

/// The least number of steps in a piece of time.
const PIECE_STEPS: usize = 4;

/// Steps of a piece of time of `rows` sequences: a power of two, so that blocks of time are whole pieces.
pub fn piece_steps(rows: usize) -> usize {
    PIECE_ROWS.div_ceil(rows.max(1)).max(PIECE_STEPS).next_power_of_two()
}

/// The position of a layer in a pipeline: its index among the layers, which is also its part in the region.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub region: Arc<Region>,
    pub part: usize,
}

impl Pipeline {
    /// Waits until the previous layer has finished `steps` steps, in the order in which both run. Returns false if that
    /// layer was aborted.
    pub fn wait(&self, steps: usize) -> bool {
        self.region.wait(self.part, steps)
    }

    /// Reports that `steps` steps are finished.
    pub fn report(&self, steps: usize) {
        self.region.report(self.part, steps);
    }
}
