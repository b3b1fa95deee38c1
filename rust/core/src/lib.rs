//! The engine of ostinato: write one step; it is repeated through time, forwards and backwards.
