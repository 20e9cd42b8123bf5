//! One look at every row's time, to know where windows can begin.

use std::ops::Range;

use crate::event::{Columns, Kind, flag};
use crate::matching::Delay;
use crate::random::Stream;
use crate::types::{NO_TIME, Nanos};

/// Rows looked at together when a recording is surveyed. A window is made of whole chunks. In tests so few that every
/// recording has many.
pub(super) const CHUNK: usize = if cfg!(test) { 4 } else { 1 << 13 };

/// What a survey found of a chunk of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Latest time before it, of all rows and of the book's.
    pub(super) before: Nanos,
    pub(super) book_before: Nanos,
    /// Latest time up to its end.
    pub(super) last: Nanos,
    /// Earliest time from its end on, in this block and those behind it.
    pub(super) after: Nanos,
    /// Whether it can be read as it stands.
    pub(super) in_order: bool,
    /// Whether its times are the side's column.
    pub(super) told: bool,
    /// Kinds of its rows, bit `1 << kind`.
    pub(super) kinds: u8,
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

    /// Surveys a chunk, whose earliest time it returns as well, if there is any.
    pub(super) fn survey(
        self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        last: &mut Nanos,
        book: &mut Nanos,
    ) -> (Chunk, Option<Nanos>) {
        let kinds = kinds(&columns.flags[rows.clone()]);
        let (before, book_before) = (*last, *book);
        let mut chunk = Chunk { before, book_before, last: before, after: 0, in_order: true, told: true, kinds };
        if let Some(first) = self.plain(columns, rows.clone(), kinds, last, book) {
            chunk.last = *last;
            return (chunk, Some(first));
        }
        let column = self.column(columns);
        let mut first = None;
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
            first = Some(first.map_or(time, |first: Nanos| first.min(time)));
        }
        chunk.last = *last;
        (chunk, first)
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
    matches!(Kind::of(code), Kind::Delta | Kind::Clear | Kind::Level | Kind::Gap)
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

    /// Surveys a chunk, whose earliest time it returns as well.
    pub(super) fn survey(
        &mut self,
        delay: &Delay,
        columns: &Columns<'_>,
        rows: Range<usize>,
        last: &mut Nanos,
    ) -> (Chunk, Option<Nanos>) {
        let kinds = kinds(&columns.flags[rows.clone()]);
        let before = *last;
        let mut first = None;
        for time in self.times(delay, columns, rows, before) {
            first = first.or(Some(time));
            *last = time;
        }
        let chunk = Chunk { before, book_before: NO_TIME, last: *last, after: 0, in_order: true, told: false, kinds };
        (chunk, first)
    }
}

fn kinds(flags: &[u8]) -> u8 {
    flags.iter().fold(0, |kinds, code| kinds | 1 << (code & 7))
}
