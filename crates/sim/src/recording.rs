//! A recorded market of one instrument: a book that wanders, trades told in time and late, quotes, bursts, equal times,
//! breaks of the sequence with the snapshot that mends them, levels far away and quantities too wide for a column.

use std::collections::BTreeMap;

use kedge_core::event::{ColumnsBuf, Event, Kind, flag};
use kedge_core::random::Stream;
use kedge_core::types::{NO_TIME, Nanos, Qty, Side, Ticks};

/// How a market is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// First venue time.
    pub start: Nanos,
    /// Times are multiples of this, so that they meet those of timers and of other instruments.
    pub grid: Nanos,
    /// Mean time between packets.
    pub pause: Nanos,
    /// Packets after the first snapshot.
    pub packets: u64,
    /// Where the middle begins, in ticks.
    pub mid: Ticks,
    /// The instrument's lot, in steps.
    pub lot: Qty,
    /// Whether funding rates and marks are told.
    pub perpetual: bool,
    /// Whether the sequence breaks now and then.
    pub gaps: bool,
}

/// The rows as received, and the same in blocks.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// In the order received.
    pub rows: Vec<Event>,
    /// The rows in consecutive blocks, some of them empty.
    pub blocks: Vec<ColumnsBuf>,
}

struct Market {
    manner: Manner,
    random: Stream,
    now: Nanos,
    received: Nanos,
    mid: Ticks,
    sides: [BTreeMap<Ticks, Qty>; 2],
    in_sync: bool,
    rows: Vec<Event>,
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Draws a market. It begins with a snapshot.
pub fn record(manner: Manner, mut random: Stream) -> Recording {
    let cuts = random.below(4);
    let mut market = Market {
        now: manner.start,
        received: manner.start,
        mid: manner.mid,
        sides: [BTreeMap::new(), BTreeMap::new()],
        in_sync: true,
        rows: Vec::new(),
        random,
        manner,
    };
    for _ in 0..12 {
        market.place_level();
    }
    market.snapshot();
    for _ in 0..manner.packets {
        market.wait();
        market.packet();
    }
    let Market { mut random, rows, .. } = market;
    let mut ends: Vec<usize> = (0..cuts).map(|_| random.below(rows.len() as u64 + 1) as usize).collect();
    ends.push(rows.len());
    ends.sort_unstable();
    let mut start = 0;
    let mut blocks = Vec::new();
    for end in ends {
        blocks.push(ColumnsBuf::pack(&rows[start..end]));
        start = end;
    }
    Recording { rows, blocks }
}

impl Market {
    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    fn side(&mut self) -> Side {
        SIDES[self.random.below(2) as usize]
    }

    fn qty(&mut self) -> Qty {
        let lots = 1 + self.random.below(40) as Qty;
        // Data may be finer than a lot.
        let dust = if self.chance(10) { self.random.below(self.manner.lot as u64) as Qty } else { 0 };
        if self.chance(1) { 1 << 33 } else { lots * self.manner.lot + dust }
    }

    fn wait(&mut self) {
        let grid = self.manner.grid;
        self.now += match self.random.below(10) {
            0..3 => 0,
            3..6 => grid,
            _ => (self.random.exponential() * self.manner.pause as f64) as Nanos / grid * grid,
        };
    }

    fn packet(&mut self) {
        match self.random.below(100) {
            _ if !self.in_sync => match self.random.below(10) {
                0..2 => {
                    self.shift();
                    self.snapshot();
                }
                2..6 => self.trade(),
                _ => self.quote(),
            },
            0..45 => self.deltas(),
            45..72 => self.trade(),
            72..84 => {
                let rows = self.shift();
                self.send(self.now, rows);
            }
            84..90 => self.quote(),
            90..94 => (0..self.random.below(30)).for_each(|_| self.deltas()),
            94..97 if self.manner.perpetual => self.tell_perpetual(),
            97 => self.snapshot(),
            98 if self.manner.gaps => {
                self.in_sync = false;
                self.send(self.now, vec![(Kind::Gap, Side::Buy, 0, 0)]);
            }
            _ => self.sweep(),
        }
    }

    /// Writes one packet; each row is kind, side, price, quantity.
    fn send(&mut self, ts_event: Nanos, rows: Vec<(Kind, Side, Ticks, Qty)>) {
        let grid = self.manner.grid;
        let delay = match self.random.below(20) {
            // The recorder's clock is a little off.
            0 => -grid,
            1..6 => 0,
            _ => self.random.below(8) as Nanos * grid,
        };
        self.received = self.received.max(self.now + delay);
        let last = rows.len().saturating_sub(1);
        for (at, (kind, side, price, qty)) in rows.into_iter().enumerate() {
            let mut event = Event::new(ts_event, self.received, kind, side, price, qty);
            event.flags |= if at == last { flag::LAST } else { 0 };
            self.rows.push(event);
        }
    }

    fn place_level(&mut self) -> (Kind, Side, Ticks, Qty) {
        let (side, away) = (self.side(), self.random.below(10) as Ticks);
        let far = if self.chance(1) { 3_000_000 } else { 0 };
        let price = match side {
            Side::Buy => self.mid - away,
            Side::Sell => self.mid + 1 + away + far,
        };
        let qty = if self.chance(30) { 0 } else { self.qty() };
        self.set(side, price, qty);
        (Kind::Delta, side, price, qty)
    }

    fn set(&mut self, side: Side, price: Ticks, qty: Qty) {
        if qty == 0 {
            self.sides[side as usize].remove(&price);
        } else {
            self.sides[side as usize].insert(price, qty);
        }
    }

    fn deltas(&mut self) {
        let rows = (0..=self.random.below(4)).map(|_| self.place_level()).collect();
        self.send(self.now, rows);
    }

    /// Moves the middle; the rows take away what it passed and may put a new touch there, in any order.
    fn shift(&mut self) -> Vec<(Kind, Side, Ticks, Qty)> {
        let to = self.mid + self.random.below(7) as Ticks - 3;
        self.mid = to.clamp(self.manner.mid / 2, self.manner.mid * 2);
        let mid = self.mid;
        let passed = |side: Side, price: Ticks| if side == Side::Buy { price > mid } else { price <= mid };
        let mut rows = Vec::new();
        for side in SIDES {
            let gone: Vec<Ticks> = self.sides[side as usize].keys().copied().filter(|&p| passed(side, p)).collect();
            for price in gone {
                self.set(side, price, 0);
                rows.push((Kind::Delta, side, price, 0));
            }
        }
        let fresh = self.place_level();
        rows.insert(self.random.below(rows.len() as u64 + 1) as usize, fresh);
        rows
    }

    fn snapshot(&mut self) {
        let levels = SIDES.into_iter().flat_map(|side| {
            self.sides[side as usize].iter().map(move |(&price, &qty)| (Kind::Level, side, price, qty))
        });
        let rows = std::iter::once((Kind::Clear, Side::Buy, 0, 0)).chain(levels).collect();
        let ts_event = if self.chance(50) { NO_TIME } else { self.now };
        self.send(ts_event, rows);
        self.in_sync = true;
    }

    fn best(&self, side: Side) -> Option<(Ticks, Qty)> {
        let levels = &self.sides[side as usize];
        let best = if side == Side::Buy { levels.last_key_value() } else { levels.first_key_value() };
        best.map(|(&price, &qty)| (price, qty))
    }

    /// A trade at the touch; the book says so at once, later, or never. Some trades are told after the book.
    fn trade(&mut self) {
        let aggressor = self.side();
        let hit = aggressor.opposite();
        let (price, shown) = self.best(hit).unwrap_or((self.mid, self.manner.lot));
        let qty = self.qty().min(shown);
        let (trade, happened) = ((Kind::Trade, aggressor, price, qty), self.now);
        let book_too = self.in_sync && self.chance(80);
        if book_too {
            self.set(hit, price, shown - qty);
        }
        let delta = (Kind::Delta, hit, price, shown - qty);
        if book_too && self.chance(30) {
            self.wait();
            self.send(self.now, vec![delta]);
            return self.send(happened, vec![trade]);
        }
        self.send(happened, vec![trade]);
        if book_too {
            self.wait();
            self.send(self.now, vec![delta]);
        }
    }

    /// Several trades in one packet, each deeper than the last, and a book that lost those levels.
    fn sweep(&mut self) {
        let hit = self.side();
        let (mut trades, mut deltas) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(3) {
            let Some((price, shown)) = self.best(hit) else { break };
            self.set(hit, price, 0);
            trades.push((Kind::Trade, hit.opposite(), price, shown));
            deltas.push((Kind::Delta, hit, price, 0));
        }
        if !trades.is_empty() {
            self.send(self.now, trades);
            self.send(self.now, deltas);
        }
    }

    fn quote(&mut self) {
        let rows: Vec<_> = SIDES
            .into_iter()
            .filter_map(|side| self.best(side).map(|(price, qty)| (Kind::Quote, side, price, qty)))
            .collect();
        self.send(NO_TIME, rows);
    }

    fn tell_perpetual(&mut self) {
        let rate = self.random.below(200_000) as Qty - 100_000;
        let row =
            if self.chance(50) { (Kind::Funding, Side::Buy, 0, rate) } else { (Kind::Mark, Side::Buy, self.mid, 0) };
        self.send(self.now, vec![row]);
    }
}
