//! One look at every row's time, to know where windows can begin.

use std::ops::Range;

use crate::event::{Columns, Kind, flag};
use crate::matching::Delay;
use crate::random::Stream;
use crate::types::{NO_TIME, Nanos};

/// Rows looked at together when a recording is surveyed. A window is made of whole chunks. In tests so few that every
/// recording has many.
pub(super) const CHUNK: usize = if cfg!(test) { 4 } else { 1 << 8 };

/// What a survey found of a run of chunks of one block: of one chunk, or of all in a row whose times are the side's
/// column and do not fall. What holds for one of those can be read off the column, so nothing is kept of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Its block, its first chunk there, and the chunk behind its last. 32 bits, so that a recording with nothing in
    /// order has 40 bytes a chunk; a block of more chunks has more rows than any memory.
    block: u32,
    first: u32,
    end: u32,
    /// Whether it can be read as it stands.
    pub(super) in_order: bool,
    /// Whether its times are the side's column.
    pub(super) told: bool,
    /// Kinds of its rows, bit `1 << kind`.
    pub(super) kinds: u8,
    /// Latest time before it of the book's rows.
    pub(super) book_before: Nanos,
    /// Latest time up to its end, of it and of all rows before.
    pub(super) last: Nanos,
    /// Earliest time from its end on, in this block and those behind it.
    pub(super) after: Nanos,
}

impl Run {
    /// One chunk of a block, read as it stands for all that is known of it.
    fn new(block: usize, rows: &Range<usize>, kinds: u8) -> Self {
        let first = (rows.start / CHUNK) as u32;
        let (last, after, book_before) = (NO_TIME, Nanos::MAX, NO_TIME);
        let (in_order, told) = (true, true);
        Self { block: block as u32, first, end: first + 1, in_order, told, kinds, book_before, last, after }
    }

    /// Number of its block.
    #[inline]
    pub(super) fn block(&self) -> usize {
        self.block as usize
    }

    /// Its rows in its block.
    #[inline]
    pub(super) fn rows(&self, columns: &Columns<'_>) -> Range<usize> {
        self.first as usize * CHUNK..columns.len().min(self.end as usize * CHUNK)
    }

    /// Takes in the chunk behind it, if both are their column in order; says whether it did.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let joins = self.block == next.block && self.is_column() && next.is_column();
        if joins {
            (self.end, self.last) = (next.end, next.last);
            self.kinds |= next.kinds;
        }
        joins
    }

    /// Whether its times are the side's column and do not fall.
    fn is_column(&self) -> bool {
        self.in_order && self.told
    }

    /// Where those of its chunks end behind which nothing belongs before, of the chunks from `rows` on.
    pub(super) fn closed(&self, reader: Reader, columns: &Columns<'_>, rows: &Range<usize>) -> usize {
        if self.last <= self.after {
            return rows.end;
        }
        match reader.column(columns) {
            Some((times, later)) if self.is_column() => {
                let early = times[rows.clone()].partition_point(|time| time + later <= self.after);
                rows.start + early / CHUNK * CHUNK
            }
            _ => rows.start,
        }
    }
}

/// Whose clock a feed goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The venue's.
    Venue,
    /// Ours; with a latency, venue time + latency.
    Ours(Option<Nanos>),
    /// Ours with a latency that is drawn: see [`Drawing`].
    Drawn,
}

impl Reader {
    /// The column that its times may be, and how much later they are than it says.
    pub(super) fn column<'a>(self, columns: &Columns<'a>) -> Option<(&'a [Nanos], Nanos)> {
        Some(match self {
            Self::Venue => (columns.ts_event, columns.shift),
            Self::Ours(Some(latency)) => (columns.ts_event, columns.shift.checked_add(latency)?),
            Self::Ours(None) => (columns.ts_recv, columns.shift),
            Self::Drawn => return None,
        })
    }

    /// The time of a row by itself.
    #[inline]
    fn time(self, columns: &Columns<'_>, row: usize) -> Nanos {
        let (told, received) = (columns.event_time(row), columns.recv_time(row));
        match self {
            Self::Venue if told == NO_TIME => received,
            Self::Venue => told,
            Self::Ours(Some(latency)) if told != NO_TIME => told.saturating_add(latency),
            Self::Ours(_) | Self::Drawn => received.max(told),
        }
    }

    /// The times of rows, not falling for us, and not falling from book row to book row for the venue.
    pub(super) fn times(
        self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        before: Nanos,
        book_before: Nanos,
    ) -> Vec<Nanos> {
        let (mut last, mut book) = (before, book_before);
        rows.map(|row| {
            let mut time = self.time(columns, row);
            if self == Self::Venue {
                if is_book(columns.flags[row]) {
                    book = book.max(time);
                    time = book;
                }
                return time;
            }
            last = last.max(time);
            last
        })
        .collect()
    }

    /// Surveys a chunk. Its own earliest time stands for that from its end on.
    pub(super) fn survey(
        self,
        columns: &Columns<'_>,
        block: usize,
        rows: Range<usize>,
        last: &mut Nanos,
        book: &mut Nanos,
    ) -> Run {
        let kinds = kinds(&columns.flags[rows.clone()]);
        let mut chunk = Run { book_before: *book, ..Run::new(block, &rows, kinds) };
        if let Some(first) = self.plain(columns, rows.clone(), kinds, last, book) {
            return Run { last: *last, after: first, ..chunk };
        }
        let column = self.column(columns);
        for row in rows {
            if self == Self::Venue && Kind::of(columns.flags[row]) == Kind::Quote {
                chunk.in_order = false;
                continue;
            }
            let mut time = self.time(columns, row);
            if self == Self::Venue && is_book(columns.flags[row]) {
                *book = time.max(*book);
                time = *book;
            } else if self != Self::Venue {
                time = time.max(*last);
            }
            chunk.in_order &= *last <= time;
            chunk.told &= column
                .is_some_and(|(times, later)| times[row] != NO_TIME && times[row].checked_add(later) == Some(time));
            *last = time.max(*last);
            chunk.after = time.min(chunk.after);
        }
        Run { last: *last, ..chunk }
    }

    /// The same for most chunks, at once: those whose times are the column, in order. `None` for others.
    fn plain(
        self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        kinds: u8,
        last: &mut Nanos,
        book: &mut Nanos,
    ) -> Option<Nanos> {
        let (times, later) = self.column(columns)?;
        let times = &times[rows.clone()];
        let (first, end) = (times.first()?.checked_add(later)?, times.last()?.checked_add(later)?);
        let rises = times.windows(2).fold(true, |rises, pair| rises & (pair[0] <= pair[1]));
        let quotes = self == Self::Venue && kinds & 1 << Kind::Quote as u8 != 0;
        if times[0] == NO_TIME || !rises || quotes || first < *last || first < *book {
            return None;
        }
        if self == Self::Ours(None) {
            let told = columns.ts_event[rows.clone()].iter().zip(times);
            if !told.fold(true, |early, (told, received)| early & (told <= received)) {
                return None;
            }
        }
        *last = end;
        if self == Self::Venue {
            // Not later than the last row, whichever rows are the book's: so nothing behind is moved by it.
            let at = columns.flags[rows].iter().rposition(|&code| is_book(code));
            *book = at.map_or(*book, |at| times[at] + later);
        }
        Some(first)
    }
}

pub(super) fn is_book(code: u8) -> bool {
    !matches!(Kind::of(code), Kind::Trade | Kind::Funding | Kind::Mark | Kind::Quote)
}

/// A latency that is drawn once a packet, on its way through the rows.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    random: Stream,
    /// The current packet's.
    now: Nanos,
    begins: bool,
}

impl Drawing {
    pub(super) fn new(random: Stream) -> Self {
        Self { random, now: 0, begins: true }
    }

    /// When each row reaches us.
    pub(super) fn times(
        &mut self,
        delay: &Delay,
        columns: &Columns<'_>,
        rows: Range<usize>,
        mut last: Nanos,
    ) -> impl Iterator<Item = Nanos> {
        rows.map(move |row| {
            let told = columns.event_time(row);
            if self.begins {
                self.now = delay.of(told, &mut self.random);
            }
            self.begins = columns.flags[row] & flag::LAST != 0;
            let at = if told == NO_TIME { columns.recv_time(row) } else { told.saturating_add(self.now) };
            last = at.max(last);
            last
        })
    }

    /// Surveys a chunk. Its own earliest time stands for that from its end on.
    pub(super) fn survey(
        &mut self,
        delay: &Delay,
        columns: &Columns<'_>,
        block: usize,
        rows: Range<usize>,
        last: &mut Nanos,
    ) -> Run {
        let mut chunk = Run { told: false, ..Run::new(block, &rows, kinds(&columns.flags[rows.clone()])) };
        for time in self.times(delay, columns, rows, *last) {
            chunk.after = time.min(chunk.after);
            *last = time;
        }
        Run { last: *last, ..chunk }
    }
}

/// The number of a row's kind among those that can be sought: L3 rows count as deltas.
#[inline]
pub(super) fn sought(code: u8) -> u8 {
    code & 7 & (code >> 3 & 1).wrapping_sub(1)
}

fn kinds(flags: &[u8]) -> u8 {
    flags.iter().fold(0, |kinds, &code| kinds | 1 << sought(code))
}

/// Whether rows are of one of these kinds, found without a branch a row.
pub(super) fn has(flags: &[u8], kinds: u8) -> bool {
    let is_there = |kind: u8| flags.iter().fold(false, |is_there, &code| is_there | (sought(code) == kind));
    (0..8).any(|kind| kinds >> kind & 1 != 0 && is_there(kind))
}
