//! Market events: one row each, held in narrow columns (25 bytes a row) and read as [`Event`]s.
//!
//! A venue message becomes a *packet*: consecutive rows with the same times, the last of them flagged [`flag::LAST`].
//! Prices are ticks and quantities are quantity steps of the instrument, as decoded from text, never through a float.

use std::ops::Range;

use crate::types::{NO_TIME, Nanos, Qty, Side, Ticks};

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A level of the book now holds `qty` (0: the level is gone).
    Delta = 0,
    /// A print; the side is the aggressor's.
    Trade = 1,
    /// A snapshot begins: the book is emptied and is not in sync until the packet's last [`Kind::Level`].
    Clear = 2,
    /// A level of a snapshot.
    Level = 3,
    /// Best price and its quantity on one side, as the venue quotes it apart from the book.
    Quote = 4,
    /// The sequence broke here: the book is not to be trusted until the next snapshot. Price and quantity are 0.
    Gap = 5,
    /// The funding rate now in force, in 10⁻⁹, in `qty`; `price` is 0.
    Funding = 6,
    /// The mark price.
    Mark = 7,
    /// An order came to the book: its side, price and quantity; [`Event::order`] names it.
    Add = 8,
    /// An order holds `qty` now. Less keeps its place; more, or another price, stands behind all others there.
    Change = 9,
    /// An order left the book, executed or cancelled.
    Remove = 10,
}

impl Kind {
    /// The kind held in a flags byte. Unknown codes read as [`Kind::Gap`], the one that makes a book distrusted.
    #[inline]
    pub fn of(flags: u8) -> Self {
        match flags & flag::KIND {
            0 => Self::Delta,
            1 => Self::Trade,
            2 => Self::Clear,
            3 => Self::Level,
            4 => Self::Quote,
            6 => Self::Funding,
            7 => Self::Mark,
            8 => Self::Add,
            9 => Self::Change,
            10 => Self::Remove,
            _ => Self::Gap,
        }
    }
}

/// Bits of the flags column.
pub mod flag {
    /// The bits that hold the [`super::Kind`].
    pub const KIND: u8 = 0b0000_1111;
    /// Ask side of the book; seller was the aggressor of the trade.
    pub const SELL: u8 = 0b0001_0000;
    /// Last row of its packet.
    pub const LAST: u8 = 0b0010_0000;
    /// Price and quantity do not fit 32 bits: `price` is an index into the wide columns.
    pub const WIDE: u8 = 0b0100_0000;
}

/// One row, widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The venue's time of it, or [`crate::types::NO_TIME`].
    pub ts_event: Nanos,
    /// Our time of it, with the recorder's clock corrected.
    pub ts_recv: Nanos,
    /// In ticks.
    pub price: Ticks,
    /// In quantity steps.
    pub qty: Qty,
    /// Kind, side and end of packet; never [`flag::WIDE`].
    pub flags: u8,
    /// The venue's number of the order that an L3 row is about, else 0.
    pub order: u64,
}

impl Event {
    /// A row that is not the last of its packet.
    pub fn new(ts_event: Nanos, ts_recv: Nanos, kind: Kind, side: Side, price: Ticks, qty: Qty) -> Self {
        Self { ts_event, ts_recv, price, qty, flags: kind as u8 | ((side as u8) << 4), order: 0 }
    }

    /// What the row says.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::of(self.flags)
    }

    /// Side of the book, or of the aggressor.
    #[inline]
    pub fn side(&self) -> Side {
        side_of(self.flags)
    }

    /// Whether the packet ends here.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & flag::LAST != 0
    }
}

/// The side in a flags byte.
#[inline]
pub fn side_of(flags: u8) -> Side {
    if flags & flag::SELL == 0 { Side::Buy } else { Side::Sell }
}

/// A view of columns that somebody else owns (mapped from disk, shared with NumPy, or a [`ColumnsBuf`]).
///
/// All slices but the wide ones have one length. A row without [`flag::WIDE`] has price `price_base + price[i]` and
/// quantity `qty_scale * qty[i]`; a row with it has `wide_price[price[i]]` and `wide_qty[price[i]]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns<'a> {
    /// Venue time of each row.
    pub ts_event: &'a [i64],
    /// Our time of each row.
    pub ts_recv: &'a [i64],
    /// Ticks above `price_base`.
    pub price: &'a [i32],
    /// Quantity in units of `qty_scale` steps.
    pub qty: &'a [i32],
    /// See [`flag`].
    pub flags: &'a [u8],
    /// Prices that do not fit, in ticks.
    pub wide_price: &'a [i64],
    /// Quantities that do not fit, in steps.
    pub wide_qty: &'a [i64],
    /// Ticks to add to `price`.
    pub price_base: i64,
    /// Steps in one unit of `qty`: the largest power of ten that divides every quantity of the block.
    pub qty_scale: i64,
    /// The order of each L3 row; empty where the block has none.
    pub order: &'a [u64],
    /// ns added to every time when it is read, but not to [`NO_TIME`]: the same memory can be another day's.
    pub shift: i64,
}

/// Times of rows, of a column or made: `times[row - first] + later`.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    times: &'a [Nanos],
    first: usize,
    later: Nanos,
}

impl<'a> Clock<'a> {
    /// The times of the rows from `first` on, each `later` than given.
    #[inline]
    pub fn new(times: &'a [Nanos], first: usize, later: Nanos) -> Self {
        Self { times, first, later }
    }

    /// The time of a row. Panics if it is not there.
    #[inline]
    pub fn at(&self, row: usize) -> Nanos {
        self.times[row - self.first] + self.later
    }

    /// The first of `rows` later than `until`, or their end. Found ahead, one look a cache line, in order: so the rows
    /// themselves need no look at the time, and the times still come from memory before they are asked for.
    #[inline]
    pub fn until(&self, rows: Range<usize>, until: Nanos) -> usize {
        const LINE: usize = 8;
        let until = until.saturating_sub(self.later);
        let times = &self.times[rows.start - self.first..rows.end - self.first];
        let (lines, _) = times.as_chunks::<LINE>();
        let at = LINE * lines.iter().position(|line| line[LINE - 1] > until).unwrap_or(lines.len());
        let rest = &times[at..times.len().min(at + LINE)];
        rows.start + at + rest.iter().map(|&time| usize::from(time <= until)).sum::<usize>()
    }
}

impl<'a> From<&'a [Nanos]> for Clock<'a> {
    fn from(times: &'a [Nanos]) -> Self {
        Self::new(times, 0, 0)
    }
}

impl<'a> Columns<'a> {
    /// Its first `rows` rows. Panics if there are fewer.
    #[inline]
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        Self {
            ts_event: &self.ts_event[..rows],
            ts_recv: &self.ts_recv[..rows],
            price: &self.price[..rows],
            qty: &self.qty[..rows],
            flags: &self.flags[..rows],
            order: if self.order.is_empty() { &[] } else { &self.order[..rows] },
            ..*self
        }
    }

    /// The same rows, another `shift` ns later.
    #[must_use]
    pub fn later(&self, shift: i64) -> Self {
        Self { shift: self.shift + shift, ..*self }
    }

    /// Venue time of a row. Panics if it is out of bounds.
    #[inline]
    pub fn event_time(&self, i: usize) -> Nanos {
        shifted(self.ts_event[i], self.shift)
    }

    /// Our time of a row. Panics if it is out of bounds.
    #[inline]
    pub fn recv_time(&self, i: usize) -> Nanos {
        shifted(self.ts_recv[i], self.shift)
    }

    /// Rows held.
    #[inline]
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// Price and quantity of row `i`. Panics if `i` is out of bounds.
    #[inline(always)]
    pub fn price_qty(&self, i: usize) -> (Ticks, Qty) {
        if self.flags[i] & flag::WIDE == 0 {
            (self.price_base + i64::from(self.price[i]), self.qty_scale * i64::from(self.qty[i]))
        } else {
            let at = self.price[i] as usize;
            (self.wide_price[at], self.wide_qty[at])
        }
    }

    /// Row `i`, widened. Panics if `i` is out of bounds.
    #[inline]
    pub fn get(&self, i: usize) -> Event {
        let (price, qty) = self.price_qty(i);
        let flags = self.flags[i] & !flag::WIDE;
        let (ts_event, ts_recv) = (self.event_time(i), self.recv_time(i));
        Event { ts_event, ts_recv, price, qty, flags, order: self.order.get(i).copied().unwrap_or(0) }
    }

    /// All rows, widened.
    pub fn iter(&self) -> impl Iterator<Item = Event> + 'a {
        let me = *self;
        (0..me.len()).map(move |i| me.get(i))
    }

    /// Checks lengths and indices once, so that reading cannot go out of bounds later.
    ///
    /// # Errors
    /// Names the column or the row that does not fit.
    pub fn check(&self) -> Result<(), String> {
        let n = self.len();
        for (name, len) in [
            ("ts_event", self.ts_event.len()),
            ("ts_recv", self.ts_recv.len()),
            ("price", self.price.len()),
            ("qty", self.qty.len()),
        ] {
            if len != n {
                return Err(format!("column `{name}` must have {n} rows, as `flags` has, was {len}"));
            }
        }
        if !self.order.is_empty() && self.order.len() != n {
            return Err(format!(
                "column `order` must have {n} rows, as `flags` has, or none, was {}",
                self.order.len()
            ));
        }
        if self.wide_price.len() != self.wide_qty.len() {
            return Err(format!(
                "wide columns must have one length, were {} and {}",
                self.wide_price.len(),
                self.wide_qty.len()
            ));
        }
        let out_of_range = |i: &usize| {
            self.flags[*i] & flag::WIDE != 0
                && !usize::try_from(self.price[*i]).is_ok_and(|at| at < self.wide_price.len())
        };
        match (0..n).find(out_of_range) {
            Some(i) => Err(format!(
                "row {i}: index {} is outside the wide columns ({} rows)",
                self.price[i],
                self.wide_price.len()
            )),
            None => Ok(()),
        }
    }
}

/// Columns that own their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnsBuf {
    /// See [`Columns::ts_event`].
    pub ts_event: Vec<i64>,
    /// See [`Columns::ts_recv`].
    pub ts_recv: Vec<i64>,
    /// See [`Columns::price`].
    pub price: Vec<i32>,
    /// See [`Columns::qty`].
    pub qty: Vec<i32>,
    /// See [`Columns::flags`].
    pub flags: Vec<u8>,
    /// See [`Columns::wide_price`].
    pub wide_price: Vec<i64>,
    /// See [`Columns::wide_qty`].
    pub wide_qty: Vec<i64>,
    /// See [`Columns::price_base`].
    pub price_base: i64,
    /// See [`Columns::qty_scale`].
    pub qty_scale: i64,
    /// See [`Columns::order`].
    pub order: Vec<u64>,
}

impl ColumnsBuf {
    /// Packs rows: base = the middle of the prices' range, scale = the largest power of ten that divides every
    /// quantity.
    pub fn pack(events: &[Event]) -> Self {
        let mut packed = Self { qty_scale: common_power_of_ten(events), ..Self::default() };
        if let (Some(low), Some(high)) = (events.iter().map(|e| e.price).min(), events.iter().map(|e| e.price).max()) {
            packed.price_base = low.midpoint(high);
        }
        for event in events {
            packed.push(event);
        }
        packed
    }

    /// Appends one row, in the wide columns if it does not fit the narrow ones.
    pub fn push(&mut self, event: &Event) {
        self.qty_scale = self.qty_scale.max(1);
        let price = event.price.checked_sub(self.price_base).and_then(|p| i32::try_from(p).ok());
        let qty = if event.qty % self.qty_scale == 0 { i32::try_from(event.qty / self.qty_scale).ok() } else { None };
        if event.order != 0 || !self.order.is_empty() {
            self.order.resize(self.flags.len(), 0);
            self.order.push(event.order);
        }
        self.ts_event.push(event.ts_event);
        self.ts_recv.push(event.ts_recv);
        if let (Some(price), Some(qty)) = (price, qty) {
            self.price.push(price);
            self.qty.push(qty);
            self.flags.push(event.flags);
        } else {
            let at = i32::try_from(self.wide_price.len()).expect("fewer than 2³¹ wide rows");
            self.price.push(at);
            self.qty.push(0);
            self.flags.push(event.flags | flag::WIDE);
            self.wide_price.push(event.price);
            self.wide_qty.push(event.qty);
        }
    }

    /// The rows as a view.
    pub fn view(&self) -> Columns<'_> {
        Columns {
            ts_event: &self.ts_event,
            ts_recv: &self.ts_recv,
            price: &self.price,
            qty: &self.qty,
            flags: &self.flags,
            wide_price: &self.wide_price,
            wide_qty: &self.wide_qty,
            price_base: self.price_base,
            qty_scale: self.qty_scale.max(1),
            shift: 0,
            order: &self.order,
        }
    }
}

#[inline]
fn shifted(time: Nanos, shift: i64) -> Nanos {
    if time == NO_TIME { time } else { time + shift }
}

fn common_power_of_ten(events: &[Event]) -> i64 {
    let mut scale = 1_000_000_000_000_i64;
    for event in events {
        while event.qty % scale != 0 {
            scale /= 10;
        }
        if scale == 1 {
            break;
        }
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_loses_nothing(
            rows in prop::collection::vec(
                (any::<i64>(), any::<i64>(), -(1_i64 << 40)..(1_i64 << 40), 0..1_i64 << 50, 0_u8..64), 0..50
            )
        ) {
            let order = 0;
            let event = |&(ts_event, ts_recv, price, qty, flags)| Event { ts_event, ts_recv, price, qty, flags, order };
            let events: Vec<Event> = rows.iter().map(event).collect();
            let packed = ColumnsBuf::pack(&events);
            prop_assert!(packed.view().check().is_ok());
            prop_assert_eq!(packed.view().iter().collect::<Vec<_>>(), events);
        }
    }

    #[test]
    fn quantities_share_the_largest_power_of_ten() {
        let row = |qty| Event::new(0, 0, Kind::Delta, Side::Buy, 1, qty);
        assert_eq!(ColumnsBuf::pack(&[row(378_826_000), row(1_000), row(0)]).qty_scale, 1_000);
        assert_eq!(ColumnsBuf::pack(&[row(7)]).qty_scale, 1);
    }
}
