//! A network, with the memory that its calls leave to later calls.

use std::ops::Deref;

use super::super::graph::Network;
use super::pools::Pools;

/// A network that is ready to be called. A clone starts without memory.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    pub network: Network,
    pub(super) pools: Pools,
}

impl Engine {
    pub fn new(network: Network) -> Engine {
        Engine { network, pools: Pools::default() }
    }
}

impl Deref for Engine {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}
