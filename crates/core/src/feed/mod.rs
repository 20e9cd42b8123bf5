//! A stream of market events as one side reads it: blocks of columns, a clock, and how far it has read.
//!
//! Nothing is copied where rows can be read as they stand. Where the venue's order is not the one received, or times
//! have to be made, that is done for a window of rows at a time: between two places behind which nothing belongs
//! before. So a recording of any length needs the memory of a window beside its columns, and that of its survey: 40
//! bytes for each stretch in order, or for each 256 rows where they are not.

mod survey;

use std::ops::Range;

use crate::event::{Clock, Columns, ColumnsBuf, Event, Kind, flag};
use crate::matching::Delay;
use crate::random::Stream;
use crate::types::{NO_TIME, Nanos, Ticks};
use survey::{CHUNK, Drawing, Reader, Run, has, sought};

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

/// The blocks of one instrument for one reader.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    reader: Reader,
    /// A latency that is drawn, and how far the drawing was where each run begins.
    drawn: Option<(Delay, Vec<Drawing>)>,
    blocks: Vec<Columns<'a>>,
    runs: Vec<Run>,
    /// What is being read, and its first row; the run that goes on behind it, and its first row that is left.
    window: Option<Block<'a>>,
    begin: usize,
    next: (usize, usize),
    at: Position,
    /// The last trade before the window.
    traded: Option<(Nanos, Ticks)>,
    rows: usize,
    span: Option<(Nanos, Nanos)>,
    /// Rows before this one are known not to match `sought`; no run before that one has it.
    searched: Position,
    searching: usize,
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
        let mut feed = Self::empty(Reader::Venue, blocks);
        feed.survey(Stream::new(0, 0));
        feed
    }

    /// Our view: rows in the order received, at `ts_recv`, or at venue time + `latency` where one is given; never
    /// before the row ahead of them, and never before the venue's own time. A latency that is drawn is drawn from
    /// `random` once a packet.
    pub fn ours(blocks: &[Columns<'a>], latency: Option<&Delay>, random: Stream) -> Self {
        let mut feed = match latency.map(|latency| (latency, latency.constant())) {
            Some((latency, None)) => {
                let mut feed = Self::empty(Reader::Drawn, blocks);
                feed.drawn = Some((latency.clone(), Vec::new()));
                feed
            }
            given => Self::empty(Reader::Ours(given.and_then(|latency| latency.1)), blocks),
        };
        feed.survey(random);
        feed
    }

    fn empty(reader: Reader, blocks: &[Columns<'a>]) -> Self {
        Self {
            drawn: None,
            reader,
            blocks: blocks.to_vec(),
            runs: Vec::new(),
            window: None,
            begin: 0,
            traded: None,
            next: (0, 0),
            at: Position::default(),
            rows: 0,
            span: None,
            searched: Position::default(),
            searching: 0,
            sought: 0,
            found: None,
        }
    }

    /// Looks once at every row's times, and keeps what tells where windows can begin.
    fn survey(&mut self, random: Stream) {
        let (mut last, mut book) = (NO_TIME, NO_TIME);
        let mut drawing = Drawing::new(random);
        for (block, columns) in self.blocks.iter().enumerate() {
            for start in (0..columns.len()).step_by(CHUNK) {
                let rows = start..columns.len().min(start + CHUNK);
                let chunk = match &mut self.drawn {
                    Some((delay, drawings)) => {
                        drawings.push(drawing.clone());
                        drawing.survey(delay, columns, block, rows.clone(), &mut last)
                    }
                    None => self.reader.survey(columns, block, rows.clone(), &mut last, &mut book),
                };
                let quotes = if self.reader == Reader::Venue && chunk.kinds & 1 << Kind::Quote as u8 != 0 {
                    columns.flags[rows.clone()].iter().filter(|&&code| Kind::of(code) == Kind::Quote).count()
                } else {
                    0
                };
                self.rows += rows.len() - quotes;
                if quotes < rows.len() {
                    self.span = Some((self.span.map_or(chunk.after, |span| span.0.min(chunk.after)), last));
                }
                if !self.runs.last_mut().is_some_and(|run| run.join(&chunk)) {
                    self.runs.push(chunk);
                }
            }
        }
        let mut after = Nanos::MAX;
        for run in self.runs.iter_mut().rev() {
            let own = run.after;
            run.after = after;
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
        let Some(&run) = self.runs.get(self.next.0) else {
            // Stays behind the last row.
            self.at =
                self.window.as_ref().map_or(self.at, |window| Position { row: window.columns().len(), ..self.at });
            return false;
        };
        self.traded = self.last_trade();
        self.at = Position { block: run.block(), row: self.left(&run).start };
        let window = match self.as_it_stands() {
            Some(window) => window,
            None => self.sorted(),
        };
        self.begin = self.at.row;
        let is_empty = self.begin >= window.columns().len();
        self.window = Some(window);
        !is_empty || self.open()
    }

    /// The rows of the next run that no window had.
    fn left(&self, run: &Run) -> Range<usize> {
        let rows = run.rows(&self.blocks[run.block()]);
        rows.start.max(self.next.1)..rows.end
    }

    /// The longest window from `next` on that can be read as it stands.
    fn as_it_stands(&mut self) -> Option<Block<'a>> {
        let run = self.runs[self.next.0];
        let columns = self.blocks[run.block()];
        let left = self.left(&run);
        let rows = left.start..run.closed(self.reader, &columns, &left);
        if !run.in_order || rows.is_empty() {
            return None;
        }
        let times = match self.reader.column(&columns) {
            Some((times, later)) if run.told => Times::Shared(&times[..rows.end], later),
            _ => Times::Own(rows.start, self.times(self.next.0, rows.clone())),
        };
        self.next = if rows.end == left.end { (self.next.0 + 1, 0) } else { (self.next.0, rows.end) };
        Some(Block { columns: Rows::Shared(columns.first(rows.end)), times })
    }

    /// The shortest window from `next` on behind which nothing belongs before, in the venue's order.
    fn sorted(&mut self) -> Block<'a> {
        let mut order: Vec<(Nanos, usize, usize)> = Vec::new();
        let mut scale = i64::MAX;
        while let Some(&run) = self.runs.get(self.next.0) {
            let (block, columns) = (run.block(), self.blocks[run.block()]);
            let rows = self.left(&run);
            self.next = (self.next.0 + 1, 0);
            let times = self.reader.times(&columns, rows.clone(), NO_TIME, run.book_before);
            let kept = rows.zip(times).filter(|(row, _)| Kind::of(columns.flags[*row]) != Kind::Quote);
            order.extend(kept.map(|(row, time)| (time, block, row)));
            // Scales are powers of ten, so the smallest divides the others.
            scale = scale.min(columns.qty_scale);
            // A run in order is taken whole: what belongs before the end of the run ahead belongs before all of it.
            if run.last <= run.after {
                break;
            }
        }
        // Stable, so equal times keep the order received; and quick where little is out of order.
        order.sort_by_key(|row| row.0);
        let price_base = self.blocks[self.at.block].price_base;
        let mut sorted = ColumnsBuf { price_base, qty_scale: scale, ..ColumnsBuf::default() };
        order.iter().for_each(|&(_, block, row)| sorted.push(&self.blocks[block].get(row)));
        self.at.row = 0;
        Block { columns: Rows::Own(sorted), times: Times::Own(0, order.iter().map(|row| row.0).collect()) }
    }

    /// How much later than the venue we see each of its rows, in its order and nothing else: then what we see is what
    /// the venue was that long ago. `None` where that is not so, or where there is more to it than a book and trades.
    pub fn lag(venue: &Self, ours: &Self) -> Option<Nanos> {
        let kinds =
            [Kind::Delta, Kind::Trade, Kind::Clear, Kind::Level].iter().fold(0, |kinds, kind| kinds | 1 << *kind as u8);
        let as_it_stands = |run: &Run| run.in_order && run.told && run.last <= run.after && run.kinds & !kinds == 0;
        if ![venue, ours].iter().all(|feed| feed.runs.iter().all(as_it_stands)) {
            return None;
        }
        let mut lag = None;
        for columns in &venue.blocks {
            if !columns.order.is_empty() {
                return None;
            }
            let (theirs, own) = (venue.reader.column(columns)?, ours.reader.column(columns)?);
            let later = own.1 - theirs.1;
            let one = own.0.first().zip(theirs.0.first()).map(|(own, theirs)| own - theirs);
            let Some(one) = one else { continue };
            let is_one = own.0.iter().zip(theirs.0).fold(true, |all, (own, theirs)| all & (own - theirs == one));
            if !is_one || lag.is_some_and(|lag| lag != one + later) {
                return None;
            }
            lag = Some(one + later);
        }
        lag.filter(|&lag| lag >= 0)
    }

    /// Goes on to a row of the current block.
    #[inline]
    pub fn seek(&mut self, row: usize) {
        self.at.row = row;
    }

    /// Where the next row is. Comparable between feeds of the same blocks that [`Feed::lag`] is given for.
    #[inline]
    pub fn position(&self) -> Position {
        self.at
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
            // Our windows are a run each.
            self.searching = self.next.0.saturating_sub(1);
        }
        if let Some(found) = self.found.filter(|found| found.1 >= self.at) {
            return Some(found);
        }
        let mut at = self.searched.max(self.at);
        while let Some(run) = self.runs.get(self.searching) {
            let (block, columns) = (run.block(), &self.blocks[run.block()]);
            let rows = run.rows(columns);
            at = at.max(Position { block, row: rows.start });
            let is_here = at.block == block && at.row < rows.end;
            if is_here
                && run.kinds & kinds != 0
                && let Some(hit) = first_end(&columns.flags[at.row..rows.end], kinds)
            {
                at.row += hit;
                self.searched = at;
                self.found = Some((self.time(at), at));
                return self.found;
            }
            at = at.max(Position { block, row: rows.end });
            self.searching += 1;
        }
        self.searched = at;
        None
    }

    /// When a row of our view reaches us, in the run that is searched.
    fn time(&self, at: Position) -> Nanos {
        let (columns, run) = (&self.blocks[at.block], self.runs[self.searching]);
        match self.reader.column(columns) {
            Some((times, later)) if run.told => times[at.row] + later,
            _ => self.times(self.searching, run.rows(columns).start..at.row + 1).last().copied().unwrap_or(NO_TIME),
        }
    }

    /// The times of rows from the beginning of a run on that is one chunk.
    fn times(&self, run: usize, rows: Range<usize>) -> Vec<Nanos> {
        let before = run.checked_sub(1).map_or(NO_TIME, |before| self.runs[before].last);
        let (number, run) = (run, self.runs[run]);
        let columns = &self.blocks[run.block()];
        match &self.drawn {
            Some((delay, drawings)) => drawings[number].clone().times(delay, columns, rows, before).collect(),
            None => self.reader.times(columns, rows, before, run.book_before),
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
        self.runs.iter().any(|run| run.kinds & book != 0)
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

/// Whether a row ends a message of one of these kinds.
#[inline]
fn ends(code: u8, kinds: u8) -> bool {
    kinds >> sought(code) & 1 != 0 && (code & flag::LAST != 0 || Kind::of(code) == Kind::Trade)
}

/// The first row that ends a message of one of these kinds. Mostly it is near; where it is not, chunks without them are
/// passed over with no branch a row.
fn first_end(flags: &[u8], kinds: u8) -> Option<usize> {
    flags.chunks(CHUNK).enumerate().find_map(|(number, chunk)| {
        if number > 0 && !has(chunk, kinds) {
            return None;
        }
        let at = chunk.iter().position(|&code| ends(code, kinds))?;
        Some(number * CHUNK + at)
    })
}

#[cfg(test)]
mod tests;
