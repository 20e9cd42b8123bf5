//! A stream of market events as one side reads it: blocks of columns, a clock, and how far it has read.

use std::borrow::Cow;

use crate::event::{Columns, ColumnsBuf, Event, Kind, flag};
use crate::matching::Delay;
use crate::random::Stream;
use crate::types::{NO_TIME, Nanos, Ticks};

/// A block of columns with the time at which each row reaches its reader; times do not fall within or across blocks.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    columns: Rows<'a>,
    times: Cow<'a, [Nanos]>,
}

#[derive(Clone, Debug)]
enum Rows<'a> {
    Shared(Columns<'a>),
    Own(ColumnsBuf),
}

impl<'a> Block<'a> {
    /// The rows.
    #[inline]
    pub fn columns(&self) -> Columns<'_> {
        match &self.columns {
            Rows::Shared(columns) => *columns,
            Rows::Own(columns) => columns.view(),
        }
    }

    /// When each row reaches the reader.
    #[inline]
    pub fn times(&self) -> &[Nanos] {
        &self.times
    }
}

/// The blocks of one instrument for one reader.
#[derive(Clone, Debug, Default)]
pub struct Feed<'a> {
    blocks: Vec<Block<'a>>,
    at: Position,
    /// Rows before this one are known not to match `sought`.
    searched: Position,
    sought: u8,
}

/// A row: its block, and its number there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the block.
    pub block: usize,
    /// Number of the row in the block.
    pub row: usize,
}

impl<'a> Feed<'a> {
    /// The venue's own view: rows ordered by its time, in the order received where times are equal.
    ///
    /// A recording has the rows as they were received; a trade may have been told after the book update that it caused.
    /// Book rows keep their order whatever their times say. Rows without a venue time stand where they were received.
    /// Quotes are left out: they repeat the book.
    pub fn venue(blocks: &[Columns<'a>]) -> Self {
        let order = VenueOrder::of(blocks);
        let blocks = if order.is_as_received { order.share(blocks) } else { vec![order.sort(blocks)] };
        Self { blocks, ..Self::default() }
    }

    /// Our view: rows in the order received, at `ts_recv`, or at venue time + `latency` where one is given; never
    /// before the row ahead of them, and never before the venue's own time. A latency that is drawn is drawn from
    /// `random` once a packet.
    pub fn ours(blocks: &[Columns<'a>], latency: Option<&Delay>, random: Stream) -> Self {
        let mut last = NO_TIME;
        let blocks = match latency {
            Some(latency) if latency.constant().is_none() => {
                let mut late = Late { latency, random, now: 0, begins: true };
                blocks.iter().map(|columns| late.block(columns, &mut last)).collect()
            }
            _ => {
                let latency = latency.and_then(Delay::constant);
                blocks.iter().map(|columns| our_block(columns, latency, &mut last)).collect()
            }
        };
        Self { blocks, ..Self::default() }
    }

    /// The block being read, and where in it the next row is.
    #[inline]
    pub fn current(&mut self) -> Option<(&Block<'a>, Position)> {
        self.at = self.skip_ended(self.at);
        self.blocks.get(self.at.block).map(|block| (block, self.at))
    }

    fn skip_ended(&self, mut at: Position) -> Position {
        while self.blocks.get(at.block).is_some_and(|block| at.row >= block.times.len()) {
            at = Position { block: at.block + 1, row: 0 };
        }
        at
    }

    /// Goes on to a row of the current block.
    #[inline]
    pub fn seek(&mut self, row: usize) {
        self.at.row = row;
    }

    /// When the next row reaches the reader.
    #[inline]
    pub fn next_time(&mut self) -> Option<Nanos> {
        self.current().map(|(block, at)| block.times[at.row])
    }

    /// The next row that ends a message of one of the kinds in `kinds` (bit `1 << kind`), and when it reaches the
    /// reader.
    /// Rows already searched for the same kinds are not searched again.
    pub fn find(&mut self, kinds: u8) -> Option<(Nanos, Position)> {
        if kinds == 0 {
            return None;
        }
        if kinds != self.sought {
            (self.sought, self.searched) = (kinds, self.at);
        }
        let mut at = self.skip_ended(self.searched.max(self.at));
        while let Some(block) = self.blocks.get(at.block) {
            let flags = &block.columns().flags[at.row..];
            let ends = |f: u8| kinds >> (f & 7) & 1 != 0 && (f & flag::LAST != 0 || Kind::of(f) == Kind::Trade);
            if let Some(found) = flags.iter().position(|&f| ends(f)) {
                at.row += found;
                self.searched = at;
                return Some((block.times[at.row], at));
            }
            at = Position { block: at.block + 1, row: 0 };
        }
        self.searched = at;
        None
    }

    /// Takes the next row.
    pub fn pop(&mut self) -> Option<(Nanos, Event)> {
        let (block, at) = self.current()?;
        let next = (block.times[at.row], block.columns().get(at.row));
        self.at.row += 1;
        Some(next)
    }

    /// Takes the next row if it ends a message of one of `kinds` (as in [`Feed::find`]) and reaches the reader by
    /// `until`.
    #[inline]
    pub fn pop_if(&mut self, kinds: u8, until: Nanos) -> Option<(Nanos, Event)> {
        let block = self.blocks.get(self.at.block)?;
        let (columns, row) = (block.columns(), self.at.row);
        let code = *columns.flags.get(row)?;
        let ends = kinds >> (code & 7) & 1 != 0 && (code & flag::LAST != 0 || Kind::of(code) == Kind::Trade);
        if !ends || block.times[row] > until {
            return None;
        }
        self.at.row += 1;
        Some((block.times[row], columns.get(row)))
    }

    /// A row that was found.
    pub fn row(&self, at: Position) -> Option<Event> {
        self.blocks.get(at.block).map(|block| block.columns().get(at.row))
    }

    /// The last trade among the rows read: when it reached the reader, and its price.
    pub fn last_trade(&self) -> Option<(Nanos, Ticks)> {
        let read = self.blocks.iter().take(self.at.block + 1).enumerate().rev();
        let mut found = read.filter_map(|(ix, block)| {
            let columns = block.columns();
            let rows = if ix == self.at.block { self.at.row } else { columns.len() };
            let row = columns.flags[..rows].iter().rposition(|flags| Kind::of(*flags) == Kind::Trade)?;
            Some((block.times()[row], columns.price_qty(row).0))
        });
        found.next()
    }

    /// Whether any row tells of the book.
    pub fn has_book(&self) -> bool {
        let book = 1 << Kind::Delta as u8 | 1 << Kind::Clear as u8 | 1 << Kind::Level as u8;
        self.blocks.iter().any(|block| block.columns().flags.iter().any(|flags| book >> (flags & 7) & 1 != 0))
    }

    /// First and last time of all blocks.
    pub fn span(&self) -> Option<(Nanos, Nanos)> {
        let mut times = self.blocks.iter().filter(|block| !block.times.is_empty());
        let first = times.clone().next()?.times.first()?;
        Some((*first, *times.next_back()?.times.last()?))
    }

    /// Rows in all blocks.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.times.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn our_block<'a>(columns: &Columns<'a>, latency: Option<Nanos>, last: &mut Nanos) -> Block<'a> {
    let arrival = |i: usize| match (latency, columns.ts_event[i]) {
        (Some(latency), ts_event) if ts_event != NO_TIME => ts_event.saturating_add(latency),
        (_, ts_event) => columns.ts_recv[i].max(ts_event),
    };
    let times = running_max((0..columns.len()).map(arrival), columns.ts_recv, last);
    Block { columns: Rows::Shared(*columns), times }
}

/// A feed latency that is not constant, on its way through the blocks.
struct Late<'d> {
    latency: &'d Delay,
    random: Stream,
    /// The current packet's.
    now: Nanos,
    begins: bool,
}

impl Late<'_> {
    fn block<'a>(&mut self, columns: &Columns<'a>, last: &mut Nanos) -> Block<'a> {
        let arrivals = (0..columns.len()).map(|i| {
            let ts_event = columns.ts_event[i];
            if self.begins {
                self.now = self.latency.of(ts_event, &mut self.random);
            }
            self.begins = columns.flags[i] & flag::LAST != 0;
            let at = if ts_event == NO_TIME { columns.ts_recv[i] } else { ts_event.saturating_add(self.now) };
            *last = at.max(*last);
            *last
        });
        Block { columns: Rows::Shared(*columns), times: arrivals.collect() }
    }
}

/// When each row happened at the venue, and whether that is the order in which the rows stand.
struct VenueOrder {
    /// (time, block, row) of every row but the quotes.
    rows: Vec<(Nanos, u32, u32)>,
    is_as_received: bool,
}

impl VenueOrder {
    /// Over all blocks together: how a recording is cut into blocks must not decide what happened first.
    fn of(blocks: &[Columns<'_>]) -> Self {
        let (mut rows, mut is_as_received) = (Vec::with_capacity(blocks.iter().map(Columns::len).sum()), true);
        let (mut last, mut book) = (NO_TIME, NO_TIME);
        for (block, columns) in blocks.iter().enumerate() {
            for i in 0..columns.len() {
                let kind = Kind::of(columns.flags[i]);
                if kind == Kind::Quote {
                    is_as_received = false;
                    continue;
                }
                let told = columns.ts_event[i];
                let mut time = if told == NO_TIME { columns.ts_recv[i] } else { told };
                if matches!(kind, Kind::Delta | Kind::Clear | Kind::Level | Kind::Gap) {
                    book = book.max(time);
                    time = book;
                }
                is_as_received &= last <= time;
                last = last.max(time);
                rows.push((time, block as u32, i as u32));
            }
        }
        Self { rows, is_as_received }
    }

    fn share<'a>(&self, blocks: &[Columns<'a>]) -> Vec<Block<'a>> {
        let (mut rows, mut unused) = (self.rows.as_slice(), NO_TIME);
        let mut share = |columns: &Columns<'a>| {
            let (own, rest) = rows.split_at(columns.len());
            rows = rest;
            let times = running_max(own.iter().map(|row| row.0), columns.ts_event, &mut unused);
            Block { columns: Rows::Shared(*columns), times }
        };
        blocks.iter().map(&mut share).collect()
    }

    fn sort<'a>(mut self, blocks: &[Columns<'a>]) -> Block<'a> {
        // Block and row are part of the key: equal times keep the order received.
        self.rows.sort_unstable();
        let mut sorted = ColumnsBuf {
            price_base: blocks.first().map_or(0, |columns| columns.price_base),
            // Scales are powers of ten, so the smallest divides the others.
            qty_scale: blocks.iter().map(|columns| columns.qty_scale).min().unwrap_or(1),
            ..ColumnsBuf::default()
        };
        self.rows.iter().for_each(|&(_, block, row)| sorted.push(&blocks[block as usize].get(row as usize)));
        Block { columns: Rows::Own(sorted), times: self.rows.iter().map(|row| row.0).collect() }
    }
}

/// The times made not to fall; shared with `same` where that is what they are.
fn running_max<'a>(
    times: impl Iterator<Item = Nanos> + Clone,
    same: &'a [Nanos],
    last: &mut Nanos,
) -> Cow<'a, [Nanos]> {
    let rising = |last: &mut Nanos, time: Nanos| {
        *last = (*last).max(time);
        *last
    };
    let mut check = *last;
    if times.clone().map(|time| rising(&mut check, time)).eq(same.iter().copied()) {
        *last = check;
        return Cow::Borrowed(same);
    }
    times.map(|time| rising(last, time)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Side;

    fn row(kind: Kind, ts_event: Nanos, ts_recv: Nanos, price: i64) -> Event {
        Event::new(ts_event, ts_recv, kind, Side::Buy, price, 1)
    }

    fn read(mut feed: Feed<'_>) -> Vec<(Nanos, i64)> {
        std::iter::from_fn(|| feed.pop()).map(|(time, event)| (time, event.price)).collect()
    }

    #[test]
    fn the_venue_sees_its_own_order() {
        let late_trade = ColumnsBuf::pack(&[
            row(Kind::Clear, NO_TIME, 50, 1),
            row(Kind::Delta, 40, 55, 2),
            row(Kind::Delta, 108, 110, 3),
            row(Kind::Quote, NO_TIME, 111, 4),
            row(Kind::Trade, 60, 112, 5),
            row(Kind::Delta, 107, 113, 6),
            row(Kind::Trade, 108, 114, 7),
        ]);
        let expected = [(50, 1), (50, 2), (60, 5), (108, 3), (108, 6), (108, 7)];
        assert_eq!(read(Feed::venue(&[late_trade.view()])), expected);
    }

    /// However a recording is cut into blocks, whatever scales they have: the venue's order is one.
    #[test]
    fn blocks_do_not_decide_what_happened_first() {
        let rows: Vec<Event> = (0..40_i64)
            .map(|i| {
                let kind = if i % 3 == 0 { Kind::Trade } else { Kind::Delta };
                let mut event = row(kind, 100 + (i * 37) % 50, 200 + i, 60_000 + i);
                event.qty = if i < 20 { 1_000 * i } else { i };
                event
            })
            .collect();
        let whole = ColumnsBuf::pack(&rows);
        let expected = read(Feed::venue(&[whole.view()]));
        for cut in 1..39 {
            let parts = [ColumnsBuf::pack(&rows[..cut]), ColumnsBuf::pack(&rows[cut..])];
            let mut feed = Feed::venue(&[parts[0].view(), parts[1].view()]);
            let events: Vec<Event> = std::iter::from_fn(|| feed.pop().map(|next| next.1)).collect();
            assert_eq!(
                events.iter().map(|event| event.price).collect::<Vec<_>>(),
                expected.iter().map(|e| e.1).collect::<Vec<_>>()
            );
            assert!(events.iter().all(|event| rows.contains(event)));
        }
    }

    #[test]
    fn columns_in_order_are_shared_not_copied() {
        let rows =
            ColumnsBuf::pack(&[row(Kind::Delta, 10, 20, 1), row(Kind::Trade, 10, 21, 2), row(Kind::Delta, 30, 40, 3)]);
        let (venue, ours) = (Feed::venue(&[rows.view()]), Feed::ours(&[rows.view()], None, Stream::new(0, 0)));
        assert!(std::ptr::eq(venue.blocks[0].times(), &*rows.ts_event));
        assert!(std::ptr::eq(ours.blocks[0].times(), &*rows.ts_recv));
        assert_eq!(venue.span(), Some((10, 30)));
        assert_eq!(ours.len(), 3);
    }

    #[test]
    fn nothing_reaches_us_early_or_out_of_order() {
        let rows = ColumnsBuf::pack(&[
            row(Kind::Delta, 100, 90, 1),
            row(Kind::Trade, NO_TIME, 80, 2),
            row(Kind::Delta, 105, 120, 3),
        ]);
        assert_eq!(read(Feed::ours(&[rows.view()], None, Stream::new(0, 0))), [(100, 1), (100, 2), (120, 3)]);
        assert_eq!(
            read(Feed::ours(&[rows.view()], Some(&Delay::Constant(7)), Stream::new(0, 0))),
            [(107, 1), (107, 2), (112, 3)]
        );
    }
}
