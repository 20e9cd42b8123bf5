//! The sequence contract against a naive model that knows which updates really happened.

use std::collections::BTreeMap;

use kedge_core::codec::binance::{Diff, Market, Sequence, SyncState};
use kedge_core::event::{Event, Kind, flag};
use kedge_core::random::Stream;
use kedge_core::types::{NO_TIME, Side};
use proptest::prelude::*;

type Book = BTreeMap<(Side, i64), i64>;

fn apply(book: &mut Book, side: Side, price: i64, qty: i64) {
    if qty == 0 {
        book.remove(&(side, price))
    } else {
        book.insert((side, price), qty)
    };
}

fn side(code: u64) -> Side {
    if code == 0 { Side::Buy } else { Side::Sell }
}

/// What the venue did: updates in order, cut into diffs. Positions count updates from 1; 0 is the empty book.
struct Venue {
    market: Market,
    /// Update id, side, price, quantity.
    updates: Vec<(u64, Side, i64, i64)>,
    /// Each diff's updates: after the first position, up to the second.
    diffs: Vec<(usize, usize)>,
}

impl Venue {
    fn new(market: Market, random: &mut Stream, diffs: usize) -> Self {
        let mut venue = Self { market, updates: vec![], diffs: vec![] };
        let mut id = 1_000;
        for _ in 0..diffs {
            let from = venue.updates.len();
            for _ in 0..1 + random.below(4) {
                // Spot counts this instrument's updates, USD-M those of all.
                id += if market == Market::Spot { 1 } else { 1 + random.below(30) };
                let (price, qty) = (1 + random.below(12) as i64, random.below(4) as i64);
                venue.updates.push((id, side(random.below(2)), price, qty));
            }
            venue.diffs.push((from, venue.updates.len()));
        }
        venue
    }

    fn id(&self, position: usize) -> u64 {
        if position == 0 { 1_000 } else { self.updates[position - 1].0 }
    }

    fn book(&self, position: usize) -> Book {
        let mut book = Book::new();
        for &(_, side, price, qty) in &self.updates[..position] {
            apply(&mut book, side, price, qty);
        }
        book
    }

    fn diff(&self, number: usize, rows: &mut Vec<Event>) -> Diff {
        let (from, to) = self.diffs[number];
        let mut changed = Book::new();
        for &(_, side, price, qty) in &self.updates[from..to] {
            changed.insert((side, price), qty);
        }
        for ((side, price), qty) in changed {
            rows.push(Event::new(NO_TIME, 0, Kind::Delta, side, price, qty));
        }
        rows.last_mut().unwrap().flags |= flag::LAST;
        let previous = (self.market == Market::UsdM).then(|| self.id(from));
        Diff { first: self.id(from + 1), last: self.id(to), previous, ts_event: NO_TIME }
    }

    fn snapshot(&self, position: usize, rows: &mut Vec<Event>) -> u64 {
        rows.push(Event::new(NO_TIME, 0, Kind::Clear, Side::Buy, 0, 0));
        for ((side, price), qty) in self.book(position) {
            rows.push(Event::new(NO_TIME, 0, Kind::Level, side, price, qty));
        }
        rows.last_mut().unwrap().flags |= flag::LAST;
        self.id(position)
    }
}

/// Knows what was received, by position instead of by id.
#[derive(Default)]
struct Model {
    /// The position the book has reached, while it has missed nothing.
    at: Option<usize>,
    waiting: Vec<(usize, usize)>,
    spare: Option<usize>,
    gaps: u64,
    resyncs: u64,
    ever: bool,
}

impl Model {
    fn diff(&mut self, (from, to): (usize, usize)) {
        match self.at {
            None => self.waiting.push((from, to)),
            Some(at) if to <= at => {}
            Some(at) if from <= at => {
                self.at = Some(to);
                self.spare.take_if(|position| *position <= to);
            }
            Some(_) => {
                self.gaps += 1;
                self.at = None;
                self.waiting.push((from, to));
                if let Some(position) = self.spare.take() {
                    self.snapshot(position);
                }
            }
        }
    }

    fn snapshot(&mut self, position: usize) {
        if let Some(at) = self.at {
            if position > at {
                self.spare = Some(position);
            }
            return;
        }
        if self.waiting.iter().find(|(_, to)| *to > position).is_some_and(|(from, _)| *from > position) {
            return;
        }
        self.resyncs += u64::from(self.ever);
        self.ever = true;
        self.at = Some(position);
        for diff in std::mem::take(&mut self.waiting) {
            self.diff(diff);
        }
    }
}

/// A reader that believes its rows and nothing else.
#[derive(Default)]
struct Reader {
    book: Book,
    in_sync: bool,
    gaps: u64,
}

impl Reader {
    fn read(&mut self, rows: &mut Vec<Event>) {
        let mut first = true;
        for row in rows.drain(..) {
            match row.kind() {
                Kind::Gap => (self.in_sync, self.gaps) = (false, self.gaps + 1),
                Kind::Clear => {
                    assert!(first, "a snapshot begins a packet");
                    (self.in_sync, self.book) = (false, Book::new());
                }
                _ => apply(&mut self.book, row.side(), row.price, row.qty),
            }
            if row.is_last() && matches!(row.kind(), Kind::Clear | Kind::Level) {
                self.in_sync = true;
            }
            first = row.is_last();
        }
        assert!(first, "the last packet is whole");
    }
}

/// One history: diffs lost, repeated and swapped, snapshots of other moments in between.
fn history(market: Market, seed: u64, loss: u64, mess: u64) -> Result<(Model, Sequence), TestCaseError> {
    let mut random = Stream::new(seed, 0);
    let venue = Venue::new(market, &mut random, 60);
    let (mut sequence, mut model, mut reader) = (Sequence::new(market), Model::default(), Reader::default());
    let mut order: Vec<usize> = vec![];
    for number in 0..venue.diffs.len() {
        if random.below(100) >= loss {
            order.push(number);
        }
        if random.below(100) < mess && !order.is_empty() {
            order.push(order[order.len() - 1 - random.below(order.len().min(4) as u64) as usize]);
        }
        if random.below(100) < mess && order.len() > 1 {
            let end = order.len();
            order.swap(end - 1, end - 2);
        }
    }
    let mut rows = vec![];
    for (turn, number) in order.into_iter().enumerate() {
        model.diff(venue.diffs[number]);
        let diff = venue.diff(number, &mut rows);
        sequence.diff(diff, 0, &mut rows, 0);
        reader.read(&mut rows);
        if turn == 3 || random.below(100) < 15 {
            let near = venue.diffs[number].1 as i64 + random.below(14) as i64 - 9;
            let position = near.clamp(0, venue.updates.len() as i64) as usize;
            model.snapshot(position);
            let last = venue.snapshot(position, &mut rows);
            sequence.snapshot(last, 0, &mut rows, 0);
            reader.read(&mut rows);
        }
        prop_assert_eq!(sequence.last(), model.at.map(|at| venue.id(at)));
        prop_assert_eq!(sequence.state() == SyncState::InSync, reader.in_sync);
        prop_assert_eq!((sequence.counts().gaps, reader.gaps), (model.gaps, model.gaps));
        prop_assert_eq!(sequence.counts().resyncs, model.resyncs);
        if let Some(at) = model.at {
            prop_assert_eq!(&reader.book, &venue.book(at));
        }
    }
    Ok((model, sequence))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_gap_is_seen_and_the_book_is_right_whenever_it_is_in_sync(
        seed in any::<u64>(), spot in any::<bool>(), loss in 0_u64..20, mess in 0_u64..20,
    ) {
        history(if spot { Market::Spot } else { Market::UsdM }, seed, loss, mess)?;
    }

    #[test]
    fn no_alarm_without_a_loss(seed in any::<u64>(), spot in any::<bool>()) {
        let (_, sequence) = history(if spot { Market::Spot } else { Market::UsdM }, seed, 0, 0)?;
        prop_assert_eq!(sequence.counts().gaps, 0);
    }
}

#[test]
fn the_histories_hold_what_they_are_meant_to() {
    let (mut gaps, mut resyncs, mut refused, mut stale) = (0, 0, 0, 0);
    for seed in 0..200 {
        let market = if seed % 2 == 0 { Market::Spot } else { Market::UsdM };
        let counts = history(market, seed, 8, 8).unwrap().1.counts();
        gaps += counts.gaps;
        resyncs += counts.resyncs;
        refused += counts.snapshots_refused;
        stale += counts.stale_dropped;
    }
    assert!(gaps > 200 && resyncs > 200 && refused > 50 && stale > 200, "{gaps} {resyncs} {refused} {stale}");
}
