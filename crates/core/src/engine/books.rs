//! Where our book of an instrument comes from: its rows, its trades, or the venue's book of some time ago.

use super::Engine;
use crate::book::Book;
use crate::feed::Feed;
use crate::types::{InstrumentIx, Nanos};

impl Engine {
    /// An instrument's data has no book: the last trade's price stands in for it.
    pub fn takes_trades_for_book(&mut self, instrument: InstrumentIx) {
        self.state.views[usize::from(instrument)].book = Book::of_trades();
    }

    /// Whether somebody is woken by rows of an instrument.
    pub(crate) fn hears_rows(&self, instrument: InstrumentIx) -> bool {
        self.state.views[usize::from(instrument)].sought != 0
    }

    /// From now on our book of an instrument is the venue's as it was `lag` ago, for as long as it is
    /// [lent](Engine::swap_book); or no longer.
    pub(crate) fn share_book(&mut self, instrument: InstrumentIx, shared: bool) {
        self.state.views[usize::from(instrument)].is_shared = shared;
    }

    /// Goes on in our feed of an instrument, of which we have the venue's book, to where the venue is in its own.
    pub(crate) fn follow(&mut self, instrument: InstrumentIx, ours: &mut Feed<'_>, venue: &Feed<'_>) {
        self.state.views[usize::from(instrument)].follow(ours, venue.position());
    }

    /// Takes a book for ours and gives ours back; the clock of what comes is `lag` behind.
    pub(crate) fn swap_book(&mut self, instrument: InstrumentIx, book: &mut Book, lag: Nanos) {
        let ours = &mut self.state.views[usize::from(instrument)].book;
        std::mem::swap(ours, book);
        ours.delay(lag);
    }
}
