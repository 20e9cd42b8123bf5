//! A stream of market events as one side reads it: blocks of columns, a clock, and how far it has read.
//!
//! Nothing is copied where the rows can be read as they stand. Where the venue's order is another than the one received,
//! or times have to be made, that is done for a window of rows at a time: between two places behind which nothing
//! belongs before. So a recording of any length needs the memory of a window beside its columns.

use std::ops::Range;

use crate::event::{Clock, Columns, ColumnsBuf, Event, Kind, flag};
use crate::types::{NO_TIME, Nanos, Ticks};

/// Rows looked at together when a recording is surveyed. A window is made of whole chunks. In tests so few that every
/// recording has many.
const CHUNK: usize = if cfg!(test) { 4 } else { 1 << 13 };

/// Rows with the time at which each reaches its reader; times do not fall within or across blocks.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    columns: Rows<'a>,
    times: Times<'a>,
}

#[derive(Clone, Debug)]
enum Rows<'a> {
    Shared(Columns<'a>),
    Own(ColumnsBuf),
}

#[derive(Clone, Debug)]
enum Times<'a> {
    /// A column, so much later.
    Shared(&'a [Nanos], Nanos),
    /// Times of the rows from this one on.
    Own(usize, Vec<Nanos>),
}

impl<'a> Block<'a> {
    /// The rows. Those before the reader's place may be of an earlier block.
    #[inline]
    pub fn columns(&self) -> Columns<'_> {
        match &self.columns {
            Rows::Shared(columns) => *columns,
            Rows::Own(columns) => columns.view(),
        }
    }

    /// When each row reaches the reader.
    #[inline]
    pub fn times(&self) -> Clock<'_> {
        match &self.times {
            Times::Shared(times, later) => Clock::new(times, 0, *later),
            Times::Own(first, times) => Clock::new(times, *first, 0),
        }
    }
}

/// What a survey found of a chunk of rows.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Latest time before it, of all rows and of the book's.
    before: Nanos,
    book_before: Nanos,
    /// Latest time up to its end.
    last: Nanos,
    /// Earliest time from its end on, in this block and those behind it.
    after: Nanos,
    /// Whether it can be read as it stands.
    in_order: bool,
    /// Whether its times are the side's column.
    told: bool,
    /// Kinds of its rows, bit `1 << kind`.
    kinds: u8,
}

/// Whose clock a feed goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The venue's.
    Venue,
    /// Ours; with a latency, venue time + latency.
    Ours(Option<Nanos>),
}

/// The blocks of one instrument for one reader.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    reader: Reader,
    blocks: Vec<Columns<'a>>,
    chunks: Vec<Vec<Chunk>>,
    /// What is being read; its first row and the place behind its last among `blocks`.
    window: Option<Block<'a>>,
    begin: usize,
    next: Position,
    at: Position,
    /// The last trade before the window.
    traded: Option<(Nanos, Ticks)>,
    rows: usize,
    span: Option<(Nanos, Nanos)>,
    /// Rows before this one are known not to match `sought`.
    searched: Position,
    sought: u8,
    found: Option<(Nanos, Position)>,
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
        Self::new(Reader::Venue, blocks)
    }

    /// Our view: rows in the order received, at `ts_recv`, or at venue time + `latency` where one is given; never
    /// before the row ahead of them, and never before the venue's own time.
    pub fn ours(blocks: &[Columns<'a>], latency: Option<Nanos>) -> Self {
        Self::new(Reader::Ours(latency), blocks)
    }

    fn new(reader: Reader, blocks: &[Columns<'a>]) -> Self {
        let mut feed = Self {
            reader,
            blocks: blocks.to_vec(),
            chunks: Vec::with_capacity(blocks.len()),
            window: None,
            begin: 0,
            traded: None,
            next: Position::default(),
            at: Position::default(),
            rows: 0,
            span: None,
            searched: Position::default(),
            sought: 0,
            found: None,
        };
        feed.survey();
        feed
    }

    /// Looks once at every row's times, and keeps what tells where windows can begin.
    fn survey(&mut self) {
        let (mut last, mut book) = (NO_TIME, NO_TIME);
        for columns in &self.blocks {
            let mut chunks = Vec::with_capacity(columns.len().div_ceil(CHUNK));
            for start in (0..columns.len()).step_by(CHUNK) {
                let rows = start..columns.len().min(start + CHUNK);
                let (chunk, first) = self.reader.survey(columns, rows.clone(), &mut last, &mut book);
                let quotes = if self.reader == Reader::Venue && chunk.kinds & 1 << Kind::Quote as u8 != 0 {
                    columns.flags[rows.clone()].iter().filter(|&&code| Kind::of(code) == Kind::Quote).count()
                } else {
                    0
                };
                self.rows += rows.len() - quotes;
                if let Some(first) = first {
                    self.span = Some((self.span.map_or(first, |span| span.0.min(first)), last));
                }
                // For the moment its own earliest time.
                chunks.push(Chunk { after: first.unwrap_or(Nanos::MAX), ..chunk });
            }
            self.chunks.push(chunks);
        }
        let mut after = Nanos::MAX;
        for chunk in self.chunks.iter_mut().flatten().rev() {
            let own = chunk.after;
            chunk.after = after;
            after = after.min(own);
        }
    }

    /// What is being read, and where in it the next row is.
    #[inline]
    pub fn current(&mut self) -> Option<(&Block<'a>, Position)> {
        let ended = self.window.as_ref().is_none_or(|window| self.at.row >= window.columns().len());
        if ended && !self.open() {
            return None;
        }
        self.window.as_ref().map(|window| (window, self.at))
    }

    /// Opens the next window; `false` behind the last.
    #[cold]
    fn open(&mut self) -> bool {
        while self.chunks.get(self.next.block).is_some_and(|chunks| self.next.row >= chunks.len()) {
            self.next = Position { block: self.next.block + 1, row: 0 };
        }
        if self.next.block >= self.blocks.len() {
            // Stays behind the last row.
            self.at =
                self.window.as_ref().map_or(self.at, |window| Position { row: window.columns().len(), ..self.at });
            return false;
        }
        self.traded = self.last_trade();
        self.at = Position { block: self.next.block, row: self.next.row * CHUNK };
        let window = match self.as_it_stands() {
            Some(window) => window,
            None => self.sorted(),
        };
        self.begin = self.at.row;
        let is_empty = self.begin >= window.columns().len();
        self.window = Some(window);
        !is_empty || self.open()
    }

    /// The longest window from `next` on that can be read as it stands.
    fn as_it_stands(&mut self) -> Option<Block<'a>> {
        let columns = self.blocks[self.next.block];
        let chunks = &self.chunks[self.next.block];
        let first = chunks[self.next.row];
        let fits = |chunk: &&Chunk| chunk.in_order && chunk.last <= chunk.after && chunk.told == first.told;
        let mut count = chunks[self.next.row..].iter().take_while(fits).count();
        if count > 0 && !first.told {
            count = 1;
        }
        if count == 0 {
            return None;
        }
        let rows = self.next.row * CHUNK..columns.len().min((self.next.row + count) * CHUNK);
        self.next.row += count;
        let times = match self.reader.column(&columns) {
            Some((times, later)) if first.told => Times::Shared(&times[..rows.end], later),
            _ => Times::Own(rows.start, self.reader.times(&columns, rows.clone(), first.before, first.book_before)),
        };
        Some(Block { columns: Rows::Shared(columns.first(rows.end)), times })
    }

    /// The shortest window from `next` on behind which nothing belongs before, in the venue's order.
    fn sorted(&mut self) -> Block<'a> {
        let mut order: Vec<(Nanos, usize, usize)> = Vec::new();
        let mut scale = i64::MAX;
        loop {
            let (block, columns) = (self.next.block, self.blocks[self.next.block]);
            let Some(chunk) = self.chunks[block].get(self.next.row) else {
                self.next = Position { block: block + 1, row: 0 };
                continue;
            };
            let rows = self.next.row * CHUNK..columns.len().min((self.next.row + 1) * CHUNK);
            let times = self.reader.times(&columns, rows.clone(), NO_TIME, chunk.book_before);
            let kept = rows.zip(times).filter(|(row, _)| Kind::of(columns.flags[*row]) != Kind::Quote);
            order.extend(kept.map(|(row, time)| (time, block, row)));
            // Scales are powers of ten, so the smallest divides the others.
            scale = scale.min(columns.qty_scale);
            self.next.row += 1;
            if chunk.last <= chunk.after {
                break;
            }
        }
        // Block and row are part of the key: equal times keep the order received.
        order.sort_unstable();
        let price_base = self.blocks[self.at.block].price_base;
        let mut sorted = ColumnsBuf { price_base, qty_scale: scale, ..ColumnsBuf::default() };
        order.iter().for_each(|&(_, block, row)| sorted.push(&self.blocks[block].get(row)));
        self.at.row = 0;
        Block { columns: Rows::Own(sorted), times: Times::Own(0, order.iter().map(|row| row.0).collect()) }
    }

    /// Goes on to a row of the current block.
    #[inline]
    pub fn seek(&mut self, row: usize) {
        self.at.row = row;
    }

    /// When the next row reaches the reader.
    #[inline]
    pub fn next_time(&mut self) -> Option<Nanos> {
        self.current().map(|(block, at)| block.times().at(at.row))
    }

    /// The next row of our view that ends a message of one of the kinds in `kinds` (bit `1 << kind`), and when it
    /// reaches us.
    /// Rows already searched for the same kinds are not searched again.
    pub fn find(&mut self, kinds: u8) -> Option<(Nanos, Position)> {
        if kinds == 0 {
            return None;
        }
        if kinds != self.sought {
            (self.sought, self.searched, self.found) = (kinds, self.at, None);
        }
        if let Some(found) = self.found.filter(|found| found.1 >= self.at) {
            return Some(found);
        }
        let mut at = self.searched.max(self.at);
        while let Some(columns) = self.blocks.get(at.block) {
            while at.row < columns.len() {
                let end = columns.len().min((at.row / CHUNK + 1) * CHUNK);
                let chunk = self.chunks[at.block][at.row / CHUNK];
                let hit = if chunk.kinds & kinds == 0 {
                    None
                } else {
                    columns.flags[at.row..end].iter().position(|&code| ends(code, kinds))
                };
                if let Some(hit) = hit {
                    at.row += hit;
                    self.searched = at;
                    self.found = Some((self.time(at), at));
                    return self.found;
                }
                at.row = end;
            }
            at = Position { block: at.block + 1, row: 0 };
        }
        self.searched = at;
        None
    }

    /// When a row of our view reaches us.
    fn time(&self, at: Position) -> Nanos {
        let (columns, chunk) = (&self.blocks[at.block], self.chunks[at.block][at.row / CHUNK]);
        match self.reader.column(columns) {
            Some((times, later)) if chunk.told => times[at.row] + later,
            _ => {
                let rows = at.row / CHUNK * CHUNK..at.row + 1;
                let times = self.reader.times(columns, rows, chunk.before, chunk.book_before);
                times.last().copied().unwrap_or(NO_TIME)
            }
        }
    }

    /// Takes the next row.
    pub fn pop(&mut self) -> Option<(Nanos, Event)> {
        let (block, at) = self.current()?;
        let next = (block.times().at(at.row), block.columns().get(at.row));
        self.at.row += 1;
        Some(next)
    }

    /// Takes the next row if it ends a message of one of `kinds` (as in [`Feed::find`]) and reaches the reader by
    /// `until`.
    #[inline]
    pub fn pop_if(&mut self, kinds: u8, until: Nanos) -> Option<(Nanos, Event)> {
        let (block, at) = self.current()?;
        let (columns, time) = (block.columns(), block.times().at(at.row));
        if !ends(columns.flags[at.row], kinds) || time > until {
            return None;
        }
        let next = (time, columns.get(at.row));
        self.at.row += 1;
        Some(next)
    }

    /// The last trade among the rows read: when it reached the reader, and its price.
    pub fn last_trade(&self) -> Option<(Nanos, Ticks)> {
        let window = self.window.as_ref()?;
        let columns = window.columns();
        let is_trade = |code: &u8| Kind::of(*code) == Kind::Trade;
        match columns.flags[self.begin..self.at.row].iter().rposition(is_trade) {
            Some(at) => Some((window.times().at(self.begin + at), columns.price_qty(self.begin + at).0)),
            None => self.traded,
        }
    }

    /// Whether any row tells of the book.
    pub fn has_book(&self) -> bool {
        let book = 1 << Kind::Delta as u8 | 1 << Kind::Clear as u8 | 1 << Kind::Level as u8;
        self.chunks.iter().flatten().any(|chunk| chunk.kinds & book != 0)
    }

    /// A row that was found.
    pub fn row(&self, at: Position) -> Option<Event> {
        self.blocks.get(at.block).map(|columns| columns.get(at.row))
    }

    /// First and last time of all blocks.
    pub fn span(&self) -> Option<(Nanos, Nanos)> {
        self.span
    }

    /// Rows in all blocks.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Reader {
    /// The column that its times may be, and how much later they are than it says.
    fn column<'a>(self, columns: &Columns<'a>) -> Option<(&'a [Nanos], Nanos)> {
        Some(match self {
            Self::Venue => (columns.ts_event, columns.shift),
            Self::Ours(Some(latency)) => (columns.ts_event, columns.shift.checked_add(latency)?),
            Self::Ours(None) => (columns.ts_recv, columns.shift),
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
            Self::Ours(_) => received.max(told),
        }
    }

    /// The times of rows, not falling for us, and not falling from book row to book row for the venue.
    fn times(self, columns: &Columns<'_>, rows: Range<usize>, before: Nanos, book_before: Nanos) -> Vec<Nanos> {
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
    fn survey(
        self,
        columns: &Columns<'_>,
        rows: Range<usize>,
        last: &mut Nanos,
        book: &mut Nanos,
    ) -> (Chunk, Option<Nanos>) {
        let kinds = columns.flags[rows.clone()].iter().fold(0, |kinds, code| kinds | 1_u8 << (code & 7));
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

/// Whether a row ends a message of one of these kinds.
#[inline]
fn ends(code: u8, kinds: u8) -> bool {
    kinds >> (code & 7) & 1 != 0 && (code & flag::LAST != 0 || Kind::of(code) == Kind::Trade)
}

fn is_book(code: u8) -> bool {
    matches!(Kind::of(code), Kind::Delta | Kind::Clear | Kind::Level | Kind::Gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Side;
    use proptest::prelude::*;

    /// Both readers' times and rows as one would make them of a whole recording.
    fn naive(rows: &[Event], latency: Option<Nanos>) -> [Vec<(Nanos, Event)>; 2] {
        let (mut book, mut last) = (NO_TIME, NO_TIME);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for &row in rows {
            let told = if row.ts_event == NO_TIME { row.ts_recv } else { row.ts_event };
            if is_book(row.flags) {
                book = book.max(told);
            }
            if row.kind() != Kind::Quote {
                theirs.push((if is_book(row.flags) { book } else { told }, row));
            }
            last = last.max(match latency {
                Some(latency) if row.ts_event != NO_TIME => row.ts_event + latency,
                _ => row.ts_recv.max(row.ts_event),
            });
            ours.push((last, row));
        }
        theirs.sort_by_key(|row| row.0);
        [theirs, ours]
    }

    /// Rows mostly in order, some told late, some without a venue time, some out of the recorder's clock.
    fn recording() -> impl Strategy<Value = Vec<Event>> {
        let kind = prop_oneof![
            12 => Just(Kind::Delta),
            6 => Just(Kind::Trade),
            1 => Just(Kind::Quote),
            1 => Just(Kind::Funding),
            1 => Just(Kind::Gap)
        ];
        let late = prop_oneof![30 => Just(1), 2 => 2_i64..40, 1 => -3_i64..1, 1 => Just(NO_TIME)];
        let row = (kind, late, prop_oneof![10 => 0_i64..3, 1 => Just(50_i64)], prop::bool::ANY);
        prop::collection::vec(row, 1..80).prop_map(|rows| {
            let mut now = 1_000;
            let event = |(ix, (kind, late, step, last)): (usize, (Kind, Nanos, Nanos, bool))| {
                now += step;
                let told = if late == NO_TIME { NO_TIME } else { now - late };
                let mut event = Event::new(told, now, kind, Side::Buy, 100 + ix as i64, 7);
                event.flags |= if last { flag::LAST } else { 0 };
                event
            };
            rows.into_iter().enumerate().map(event).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Window by window is as in memory, however the recording is cut and whenever its memory says it was.
        #[test]
        fn windows_are_the_whole_recording(
            rows in recording(),
            cuts in prop::collection::vec(0_usize..80, 0..4),
            latency in prop::option::of(0_i64..5),
            shift in prop_oneof![Just(0), -500_i64..500]
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % rows.len()).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            let early = |row: &Event| Event {
                ts_event: if row.ts_event == NO_TIME { NO_TIME } else { row.ts_event - shift },
                ts_recv: row.ts_recv - shift,
                ..*row
            };
            let held: Vec<ColumnsBuf> = cuts
                .windows(2)
                .map(|cut| ColumnsBuf::pack(&rows[cut[0]..cut[1]].iter().map(early).collect::<Vec<_>>()))
                .collect();
            let blocks: Vec<Columns<'_>> = held.iter().map(|block| block.view().later(shift)).collect();
            let [theirs, ours] = naive(&rows, latency);
            for (mut feed, expected) in [(Feed::venue(&blocks), theirs), (Feed::ours(&blocks, latency), ours)] {
                prop_assert_eq!(feed.len(), expected.len());
                let times = expected.iter().map(|row| row.0);
                prop_assert_eq!(feed.span(), times.clone().min().zip(times.max()));
                let mut traded = None;
                for row in &expected {
                    prop_assert_eq!(feed.next_time(), Some(row.0));
                    prop_assert_eq!(feed.last_trade(), traded);
                    prop_assert_eq!(feed.pop(), Some(*row));
                    traded = if row.1.kind() == Kind::Trade { Some((row.0, row.1.price)) } else { traded };
                }
                prop_assert_eq!(feed.pop(), None);
                prop_assert_eq!(feed.last_trade(), traded);
            }
        }

        /// What is found ahead is what comes.
        #[test]
        fn what_is_found_ahead_comes(rows in recording(), latency in prop::option::of(0_i64..5), kinds in 1_u8..255) {
            let held = ColumnsBuf::pack(&rows);
            let mut feed = Feed::ours(&[held.view()], latency);
            let [_, ours] = naive(&rows, latency);
            let sought = |row: &&(Nanos, Event)| ends(row.1.flags, kinds);
            for (at, _) in ours.iter().enumerate() {
                let expected = ours[at..].iter().find(sought);
                let found = feed.find(kinds);
                prop_assert_eq!(found.map(|found| found.0), expected.map(|row| row.0));
                prop_assert_eq!(found.and_then(|found| feed.row(found.1)), expected.map(|row| row.1));
                feed.pop();
            }
        }
    }

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
        let (venue, ours) = (Feed::venue(&[rows.view()]), Feed::ours(&[rows.view()], None));
        let (mut venue, mut ours) = (venue, ours);
        for (feed, column) in [(&mut venue, &rows.ts_event), (&mut ours, &rows.ts_recv)] {
            let Some((Block { columns: Rows::Shared(columns), times: Times::Shared(times, 0) }, _)) = feed.current()
            else {
                panic!("a copy")
            };
            assert!(std::ptr::eq(*times, &**column) && std::ptr::eq(columns.price, &*rows.price));
        }
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
        assert_eq!(read(Feed::ours(&[rows.view()], None)), [(100, 1), (100, 2), (120, 3)]);
        assert_eq!(read(Feed::ours(&[rows.view()], Some(7))), [(107, 1), (107, 2), (112, 3)]);
    }
}
