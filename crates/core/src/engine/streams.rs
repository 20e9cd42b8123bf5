//! Randomness of what happens outside the engine, from the same seeds as its strategies'.

use super::Engine;
use crate::random::Stream;
use crate::types::InstrumentIx;

impl Engine {
    /// By account: the shared one has the engine's seed, a strategy's own that of the strategy. So one strategy's
    /// messages take as long among a thousand as alone.
    pub fn account_streams(&self) -> Vec<Stream> {
        let own = self.state.slots.iter().map(|slot| slot.random.branch(u64::MAX));
        std::iter::once(self.shared_stream()).chain(own).collect()
    }

    /// An instrument's market data on its way to us.
    pub fn feed_stream(&self, instrument: InstrumentIx) -> Stream {
        self.shared_stream().branch(u64::from(instrument))
    }

    fn shared_stream(&self) -> Stream {
        Stream::new(self.settings.seed, u64::MAX)
    }
}
