//! Which depth rows may reach a book: the venue's numbering, and what happens where it breaks.
//!
//! | | spot | USD-M |
//! |-|-|-|
//! | already in the snapshot | `u ≤ lastUpdateId` | `u ≤ lastUpdateId` |
//! | first after the snapshot | `U ≤ lastUpdateId + 1 ≤ u` | `U ≤ lastUpdateId < u`, or `pu = lastUpdateId` |
//! | next | `U ≤ previous u + 1 ≤ u` | `pu = previous u` |
//!
//! A diff that ends at or before the book's last id brings nothing new: it is dropped, not taken for a break. (The
//! USD-M diff that ends exactly at `lastUpdateId` is the venue's first; without it the next one has that id as `pu`.)

use super::Market;
use crate::event::{Event, Kind, flag};
use crate::types::{Nanos, Side};

/// Rows kept while waiting for a snapshot; beyond it all that waits is dropped.
const MAX_WAITING_ROWS: usize = 1 << 20;
/// Diffs kept while waiting for a snapshot.
const MAX_WAITING_DIFFS: usize = 1 << 17;

/// The numbers of one depth message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diff {
    /// `U`, its first update.
    pub first: u64,
    /// `u`, its last update.
    pub last: u64,
    /// `pu`, the last update of the diff before; only USD-M sends it.
    pub previous: Option<u64>,
    /// The venue's time of it.
    pub ts_event: Nanos,
}

/// Whether the book that follows the rows can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// No snapshot yet: diffs wait for one.
    Syncing,
    /// Every update since the snapshot has been passed on.
    InSync,
    /// An update is missing: diffs wait for the next snapshot.
    Gap,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounts {
    /// Breaks seen, each with its [`Kind::Gap`] row.
    pub gaps: u64,
    /// Snapshots that ended a gap.
    pub resyncs: u64,
    /// Snapshots older than the diffs that waited for one.
    pub snapshots_refused: u64,
    /// Diffs that the book already had.
    pub stale_dropped: u64,
    /// Diffs dropped because too many waited.
    pub overflow_dropped: u64,
}

impl SequenceCounts {
    /// What has happened since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            gaps: self.gaps - earlier.gaps,
            resyncs: self.resyncs - earlier.resyncs,
            snapshots_refused: self.snapshots_refused - earlier.snapshots_refused,
            stale_dropped: self.stale_dropped - earlier.stale_dropped,
            overflow_dropped: self.overflow_dropped - earlier.overflow_dropped,
        }
    }
}

/// Keeps one book's sequence. Give it every diff and snapshot in the order received, right after decoding: it leaves
/// their rows, holds them back or takes them away.
///
/// A snapshot becomes one packet of [`Kind::Clear`] and [`Kind::Level`] rows, followed by the diffs that waited for it
/// with the snapshot's `ts_recv`. A break becomes one [`Kind::Gap`] row. A snapshot that nobody needs (the book is in
/// sync) is not shown to the book, whose far levels it may lack; it is kept until the diffs have passed it, in case
/// the next of them shows a break that it mends.
#[derive(Clone, Debug)]
pub struct Sequence {
    market: Market,
    state: SyncState,
    /// In sync: the last update that the book has.
    last: u64,
    /// In sync: whether a diff has followed the snapshot.
    bridged: bool,
    waiting: Vec<Waiting>,
    waiting_rows: Vec<Event>,
    spare: Option<Snapshot>,
    counts: SequenceCounts,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    diff: Diff,
    rows: usize,
}

#[derive(Clone, Debug)]
struct Snapshot {
    last: u64,
    rows: Vec<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Stale,
    Next,
    Beyond,
}

impl Sequence {
    /// A sequence that waits for its first snapshot.
    pub fn new(market: Market) -> Self {
        Self {
            market,
            state: SyncState::Syncing,
            last: 0,
            bridged: false,
            waiting: Vec::new(),
            waiting_rows: Vec::new(),
            spare: None,
            counts: SequenceCounts::default(),
        }
    }

    /// Waits for a snapshot again; what was counted stays.
    pub fn restart(&mut self) {
        *self = Self { counts: self.counts, ..Self::new(self.market) };
    }

    /// A sequence whose book already has every update up to `last`.
    pub fn continuing(market: Market, last: u64) -> Self {
        Self { state: SyncState::InSync, last, bridged: true, ..Self::new(market) }
    }

    /// Whether the book can be trusted.
    pub fn state(&self) -> SyncState {
        self.state
    }

    /// The last update that the book has, while it is in sync.
    pub fn last(&self) -> Option<u64> {
        (self.state == SyncState::InSync).then_some(self.last)
    }

    /// What has happened so far.
    pub fn counts(&self) -> SequenceCounts {
        self.counts
    }

    /// Takes a diff whose rows are `rows[start..]`, received at `ts_recv`.
    pub fn diff(&mut self, diff: Diff, ts_recv: Nanos, rows: &mut Vec<Event>, start: usize) {
        if self.state != SyncState::InSync {
            return self.wait(diff, rows, start);
        }
        match self.place(&diff) {
            Place::Next => {
                self.advance(&diff);
                self.spare.take_if(|spare| spare.last <= diff.last);
            }
            Place::Stale => {
                self.counts.stale_dropped += 1;
                rows.truncate(start);
            }
            Place::Beyond => {
                self.wait(diff, rows, start);
                self.break_at(&diff, ts_recv, rows);
                if let Some(spare) = self.spare.take() {
                    let start = rows.len();
                    rows.extend_from_slice(&spare.rows);
                    self.snapshot(spare.last, ts_recv, rows, start);
                }
            }
        }
    }

    /// Takes a snapshot whose rows are `rows[start..]`, received at `ts_recv`.
    pub fn snapshot(&mut self, last: u64, ts_recv: Nanos, rows: &mut Vec<Event>, start: usize) {
        if self.state == SyncState::InSync {
            let snapshot = Snapshot { last, rows: rows.split_off(start) };
            if last > self.last {
                self.spare = Some(snapshot);
            }
            return;
        }
        let before = (self.last, self.bridged);
        (self.last, self.bridged) = (last, false);
        let first_new = self.waiting.iter().map(|w| self.place(&w.diff)).find(|&place| place != Place::Stale);
        if first_new == Some(Place::Beyond) {
            (self.last, self.bridged) = before;
            self.counts.snapshots_refused += 1;
            return rows.truncate(start);
        }
        self.counts.resyncs += u64::from(self.state == SyncState::Gap);
        self.state = SyncState::InSync;
        for row in &mut rows[start..] {
            row.ts_recv = ts_recv;
        }
        self.release(ts_recv, rows);
    }

    /// Passes on what waited, up to the first break.
    fn release(&mut self, ts_recv: Nanos, rows: &mut Vec<Event>) {
        let (waiting, waiting_rows) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.waiting_rows));
        let mut from = 0;
        for Waiting { diff, rows: count } in waiting {
            let start = rows.len();
            rows.extend(waiting_rows[from..from + count].iter().map(|row| Event { ts_recv, ..*row }));
            from += count;
            self.diff(diff, ts_recv, rows, start);
        }
    }

    fn place(&self, diff: &Diff) -> Place {
        if diff.last <= self.last {
            return Place::Stale;
        }
        let continues = match (self.market, self.bridged) {
            (Market::Spot, _) => diff.first <= self.last + 1,
            (Market::UsdM, true) => diff.previous == Some(self.last),
            (Market::UsdM, false) => diff.first <= self.last || diff.previous == Some(self.last),
        };
        if continues { Place::Next } else { Place::Beyond }
    }

    fn advance(&mut self, diff: &Diff) {
        self.last = diff.last;
        self.bridged = true;
    }

    fn break_at(&mut self, diff: &Diff, ts_recv: Nanos, rows: &mut Vec<Event>) {
        self.state = SyncState::Gap;
        self.counts.gaps += 1;
        let mut gap = Event::new(diff.ts_event, ts_recv, Kind::Gap, Side::Buy, 0, 0);
        gap.flags |= flag::LAST;
        rows.push(gap);
    }

    fn wait(&mut self, diff: Diff, rows: &mut Vec<Event>, start: usize) {
        let count = rows.len() - start;
        if self.waiting.len() == MAX_WAITING_DIFFS || self.waiting_rows.len() + count > MAX_WAITING_ROWS {
            self.counts.overflow_dropped += self.waiting.len() as u64;
            self.waiting.clear();
            self.waiting_rows.clear();
        }
        self.waiting.push(Waiting { diff, rows: count });
        self.waiting_rows.extend(rows.drain(start..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NO_TIME;

    fn diff(first: u64, last: u64, previous: Option<u64>) -> Diff {
        Diff { first, last, previous, ts_event: NO_TIME }
    }

    /// Feeds diffs as rows whose price is their `u`, snapshots as rows whose price is their id.
    struct Feed {
        sequence: Sequence,
        rows: Vec<Event>,
        now: Nanos,
    }

    impl Feed {
        fn new(market: Market) -> Self {
            Self { sequence: Sequence::new(market), rows: vec![], now: 0 }
        }

        fn push(&mut self, kind: Kind, price: u64) -> usize {
            self.now += 1;
            self.rows.push(Event::new(NO_TIME, self.now, kind, Side::Buy, price as i64, 1));
            self.rows.len() - 1
        }

        fn diff(&mut self, diff: Diff) -> SyncState {
            let start = self.push(Kind::Delta, diff.last);
            self.sequence.diff(diff, self.now, &mut self.rows, start);
            self.sequence.state()
        }

        fn snapshot(&mut self, last: u64) -> SyncState {
            let start = self.push(Kind::Clear, last);
            self.sequence.snapshot(last, self.now, &mut self.rows, start);
            self.sequence.state()
        }

        fn seen(&mut self) -> Vec<(Kind, i64, Nanos)> {
            self.rows.drain(..).map(|row| (row.kind(), row.price, row.ts_recv)).collect()
        }
    }

    #[test]
    fn the_first_diff_must_touch_the_snapshot() {
        use SyncState::{Gap, InSync};
        for (market, first, last, previous, state) in [
            (Market::Spot, 101, 105, None, InSync),
            (Market::Spot, 90, 101, None, InSync),
            (Market::Spot, 90, 100, None, InSync),
            (Market::Spot, 102, 105, None, Gap),
            (Market::UsdM, 100, 105, Some(97), InSync),
            (Market::UsdM, 90, 100, Some(80), InSync),
            (Market::UsdM, 90, 99, Some(80), InSync),
            (Market::UsdM, 103, 105, Some(100), InSync),
            (Market::UsdM, 101, 105, Some(97), Gap),
        ] {
            let mut feed = Feed::new(market);
            assert_eq!(feed.snapshot(100), InSync);
            assert_eq!(feed.diff(diff(first, last, previous)), state, "{market:?} {first}..{last}");
        }
    }

    #[test]
    fn the_next_diff_must_touch_the_one_before() {
        use SyncState::{Gap, InSync};
        for (market, first, last, previous, state, rows) in [
            (Market::Spot, 201, 203, None, InSync, 1),
            (Market::Spot, 195, 203, None, InSync, 1),
            (Market::Spot, 195, 200, None, InSync, 0),
            (Market::Spot, 202, 203, None, Gap, 1),
            (Market::UsdM, 260, 290, Some(200), InSync, 1),
            (Market::UsdM, 190, 290, Some(199), Gap, 1),
            (Market::UsdM, 201, 290, Some(201), Gap, 1),
            (Market::UsdM, 180, 200, Some(150), InSync, 0),
        ] {
            let mut feed = Feed::new(market);
            feed.sequence = Sequence::continuing(market, 200);
            assert_eq!(feed.diff(diff(first, last, previous)), state, "{market:?} {first}..{last}");
            assert_eq!(feed.seen().len(), rows);
        }
    }

    #[test]
    fn diffs_before_the_snapshot_wait_for_it() {
        let mut feed = Feed::new(Market::Spot);
        assert_eq!(feed.diff(diff(90, 95, None)), SyncState::Syncing);
        feed.diff(diff(96, 103, None));
        feed.diff(diff(104, 110, None));
        assert_eq!(feed.seen(), []);
        assert_eq!(feed.snapshot(50), SyncState::Syncing);
        assert_eq!((feed.seen(), feed.sequence.counts().snapshots_refused), (vec![], 1));
        assert_eq!(feed.snapshot(100), SyncState::InSync);
        assert_eq!(feed.seen(), [(Kind::Clear, 100, 5), (Kind::Delta, 103, 5), (Kind::Delta, 110, 5)]);
        assert_eq!(feed.sequence.last(), Some(110));
        assert_eq!(feed.sequence.counts().stale_dropped, 1);
    }

    #[test]
    fn a_gap_is_one_row_and_ends_with_the_next_snapshot() {
        let mut feed = Feed::new(Market::UsdM);
        feed.sequence = Sequence::continuing(Market::UsdM, 100);
        assert_eq!(feed.diff(diff(160, 170, Some(150))), SyncState::Gap);
        feed.diff(diff(171, 180, Some(170)));
        assert_eq!((feed.seen(), feed.sequence.last()), (vec![(Kind::Gap, 0, 1)], None));
        assert_eq!(feed.snapshot(120), SyncState::Gap, "older than what waits");
        assert_eq!(feed.snapshot(175), SyncState::InSync);
        assert_eq!(feed.seen(), [(Kind::Clear, 175, 4), (Kind::Delta, 180, 4)]);
        let counts = feed.sequence.counts();
        assert_eq!((counts.gaps, counts.resyncs, counts.snapshots_refused, counts.stale_dropped), (1, 1, 1, 1));
    }

    #[test]
    fn a_break_among_the_waiting_is_seen_when_they_are_let_go() {
        let mut feed = Feed::new(Market::Spot);
        for (first, last) in [(101, 103), (106, 108), (109, 110)] {
            feed.diff(diff(first, last, None));
        }
        assert_eq!(feed.snapshot(100), SyncState::Gap);
        assert_eq!(feed.seen(), [(Kind::Clear, 100, 4), (Kind::Delta, 103, 4), (Kind::Gap, 0, 4)]);
        assert_eq!(feed.snapshot(107), SyncState::InSync);
        assert_eq!(feed.seen(), [(Kind::Clear, 107, 5), (Kind::Delta, 108, 5), (Kind::Delta, 110, 5)]);
        assert_eq!(feed.sequence.counts().resyncs, 1);
    }

    #[test]
    fn a_snapshot_in_sync_is_kept_only_to_mend_the_next_break() {
        let mut feed = Feed::new(Market::Spot);
        feed.sequence = Sequence::continuing(Market::Spot, 100);
        feed.snapshot(90);
        feed.snapshot(105);
        feed.diff(diff(101, 110, None));
        assert_eq!(feed.seen(), [(Kind::Delta, 110, 3)], "the book goes on");
        feed.snapshot(150);
        assert_eq!(feed.diff(diff(141, 155, None)), SyncState::InSync);
        assert_eq!(feed.seen(), [(Kind::Gap, 0, 5), (Kind::Clear, 150, 5), (Kind::Delta, 155, 5)]);
        assert_eq!((feed.sequence.counts().gaps, feed.sequence.counts().resyncs), (1, 1));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut feed = Feed::new(Market::Spot);
        let many = MAX_WAITING_DIFFS as u64;
        for id in 1..=many + 3 {
            feed.diff(diff(id, id, None));
        }
        assert_eq!(feed.sequence.counts().overflow_dropped, many);
        assert_eq!(feed.snapshot(10), SyncState::Syncing, "older than what was dropped");
        assert_eq!(feed.snapshot(many + 1), SyncState::InSync);
        assert_eq!(feed.seen().len(), 3);
    }
}
