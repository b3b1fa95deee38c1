//! A network, with the memory that its calls leave to later calls.

use std::ops::Deref;
use std::sync::OnceLock;

use super::super::graph::Network;
use super::pools::Pools;

/// A network that is ready to be called. A clone starts without memory.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    pub network: Network,
    /// See `Network::copied_by_block`; of a finished network.
    by_block: OnceLock<Vec<bool>>,
    pub(super) pools: Pools,
}

impl Engine {
    pub fn new(network: Network) -> Engine {
        Engine { network, by_block: OnceLock::new(), pools: Pools::default() }
    }

    /// See `Network::copied_by_block`. The network is finished.
    pub(super) fn copied_by_block(&self) -> &[bool] {
        self.by_block.get_or_init(|| self.network.copied_by_block())
    }
}

impl Deref for Engine {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}
