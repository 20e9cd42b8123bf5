//! Exact places in the queues of an L3 feed, against an exchange that keeps a plain list for each price.

use super::*;
use crate::market::order_book::{Changes, NewOrder, OrderBook};

const OPERATIONS: u64 = 100_000;

/// Who stands at a price, first come first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    Theirs(u64, Qty),
    Ours(OrderId, Qty),
}

/// Lists of orders and nothing else. What others do is given; our orders stand among theirs and move nobody.
#[derive(Default)]
struct Naive {
    levels: BTreeMap<(bool, Ticks), Vec<Stands>>,
    told: Vec<(Nanos, OrderId, Ticks, Qty)>,
}

impl Naive {
    fn level(&mut self, side: Side, price: Ticks) -> &mut Vec<Stands> {
        self.levels.entry((side == Side::Sell, price)).or_default()
    }

    /// Fills ours at this price while anything of `rest` is left; theirs take their part of it where `theirs_first`.
    fn fill(&mut self, at: Nanos, side: Side, price: Ticks, rest: &mut Qty, theirs_first: bool) {
        let mut told = Vec::new();
        for stands in self.level(side, price).iter_mut() {
            match stands {
                Stands::Theirs(_, qty) if theirs_first => *rest = (*rest - *qty).max(0),
                Stands::Theirs(..) => {}
                Stands::Ours(id, leaves) => {
                    let qty = (*leaves).min(*rest);
                    *leaves -= qty;
                    *rest -= qty;
                    told.extend((qty > 0).then_some((at, *id, price, qty)));
                }
            }
        }
        self.told.extend(told);
        self.level(side, price).retain(|stands| !matches!(stands, Stands::Ours(_, 0)));
    }

    /// Prices of ours on a side, best first, that are better than `price` or, with `equal`, as good.
    fn reached(&self, side: Side, price: Ticks, equal: bool) -> Vec<Ticks> {
        let beyond = |&(sell, own): &(bool, Ticks)| {
            sell == (side == Side::Sell) && ((own - price) * side.sign() > 0 || equal && own == price)
        };
        let mut prices: Vec<Ticks> = self.levels.keys().filter(|key| beyond(key)).map(|key| key.1).collect();
        prices.sort_by_key(|own| -own * side.sign());
        prices
    }

    fn trade(&mut self, at: Nanos, aggressor: Side, price: Ticks, qty: Qty) {
        let (side, mut rest) = (aggressor.opposite(), qty);
        for own in self.reached(side, price, false) {
            self.fill(at, side, own, &mut rest, false);
        }
        self.fill(at, side, price, &mut rest, true);
    }

    fn add(&mut self, at: Nanos, id: u64, side: Side, price: Ticks, qty: Qty) {
        self.level(side, price).push(Stands::Theirs(id, qty));
        let mut rest = qty;
        for own in self.reached(side.opposite(), price, true) {
            self.fill(at, side.opposite(), own, &mut rest, false);
        }
    }

    fn set(&mut self, id: u64, qty: Qty) {
        let all = self.levels.values_mut().flatten();
        for stands in all.filter(|stands| matches!(stands, Stands::Theirs(other, _) if *other == id)) {
            *stands = Stands::Theirs(id, qty);
        }
        self.levels.values_mut().for_each(|level| level.retain(|stands| !matches!(stands, Stands::Theirs(_, 0))));
    }

    fn cancel(&mut self, id: OrderId) {
        self.levels.values_mut().for_each(|level| level.retain(|x| !matches!(x, Stands::Ours(own, _) if *own == id)));
    }

    /// Of each of ours: what stands ahead, and what is left of it.
    fn places(&self) -> BTreeMap<OrderId, (Qty, Qty)> {
        let mut places = BTreeMap::new();
        for level in self.levels.values() {
            let mut ahead = 0;
            for stands in level {
                match *stands {
                    Stands::Theirs(_, qty) => ahead += qty,
                    Stands::Ours(id, leaves) => _ = places.insert(id, (ahead, leaves)),
                }
            }
        }
        places
    }
}

/// A market of others: each operation as L3 rows, and done to the naive exchange.
struct Others {
    book: OrderBook,
    open: Vec<u64>,
    random: Stream,
    rows: Vec<Event>,
}

impl Others {
    fn row(&mut self, at: Nanos, kind: Kind, side: Side, price: Ticks, qty: Qty, order: u64) {
        let event = Event::new(at, at, kind, side, price, qty);
        self.rows.push(Event { flags: event.flags | flag::LAST, order, ..event });
    }

    fn operation(&mut self, at: Nanos, naive: &mut Naive) {
        let mut changes = Changes::default();
        let pick = self.random.below(10);
        let open = (!self.open.is_empty()).then(|| self.random.below(self.open.len() as u64) as usize);
        match (pick, open) {
            (0..3, Some(open)) => {
                let id = self.open[open];
                let Some(order) = self.book.order(id) else {
                    self.open.swap_remove(open);
                    return;
                };
                let by = if pick == 0 { 1 + self.random.below(4) as Qty } else { order.qty };
                let left = self.book.reduce(id, by.min(order.qty), &mut changes).unwrap_or(0);
                let kind = if left > 0 { Kind::Change } else { Kind::Remove };
                self.row(at, kind, order.side, order.price, left, id);
                naive.set(id, left);
            }
            _ => {
                let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
                let aggressive = self.random.below(4) == 0;
                let price = 1_000 - side.sign() * self.random.below(6) as i64 + 8 * side.sign() * i64::from(aggressive);
                let qty = 1 + self.random.below(9) as Qty;
                let (kind, time_in_force) = (OrderKind::Limit, GTC);
                let new = NewOrder { owner: 0, side, kind, time_in_force, price, qty };
                let outcome = self.book.submit(new, &mut changes);
                for fill in &changes.fills {
                    self.row(at, Kind::Trade, side, fill.price, fill.qty, 0);
                    naive.trade(at, side, fill.price, fill.qty);
                    let kind = if fill.maker_left > 0 { Kind::Change } else { Kind::Remove };
                    self.row(at, kind, side.opposite(), fill.price, fill.maker_left, fill.maker);
                    naive.set(fill.maker, fill.maker_left);
                }
                if outcome.resting > 0 {
                    self.open.push(outcome.id);
                    self.row(at, Kind::Add, side, price, outcome.resting, outcome.id);
                    naive.add(at, outcome.id, side, price, outcome.resting);
                }
            }
        }
    }
}

/// 10⁵ operations of others, with ours among them: the same fills at the same times, and the same places throughout.
#[test]
fn orders_stand_in_l3_queues_exactly_where_a_naive_exchange_has_them() {
    let (mut naive, mut random) = (Naive::default(), Stream::new(11, 1));
    let mut others = Others { book: OrderBook::new(), open: Vec::new(), random: Stream::new(11, 0), rows: Vec::new() };
    others.row(0, Kind::Clear, Side::Buy, 0, 0, 0);
    let (mut asked, mut ours, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=OPERATIONS {
        let at = 10 * number as Nanos;
        others.operation(at, &mut naive);
        ours.retain(|id| naive.places().contains_key(id));
        if random.below(12) == 0 && ours.len() < 6 {
            let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
            let price = 1_000 - side.sign() * random.below(4) as i64;
            let crosses = others.book.best(side.opposite()).is_some_and(|best| (best.0 - price) * side.sign() <= 0);
            if !crosses {
                let qty = 1 + random.below(12) as Qty;
                asked.push((at + 5, Request::Submit(order(number, side, POST, price, qty))));
                naive.level(side, price).push(Stands::Ours(number, qty));
                ours.push(number);
            }
        } else if random.below(30) == 0 && !ours.is_empty() {
            let id = ours.swap_remove(random.below(ours.len() as u64) as usize);
            asked.push((at + 5, Request::Cancel(id)));
            naive.cancel(id);
        }
        if number % 500 == 0 {
            places.push((at + 6, naive.places()));
        }
    }
    assert!(naive.told.len() > 3_000, "only {} fills", naive.told.len());
    for in_bulk in [true, false] {
        check(&others.rows, &asked, &places, &naive.told, in_bulk);
    }
}

type Places = Vec<(Nanos, BTreeMap<OrderId, (Qty, Qty)>)>;

fn check(
    rows: &[Event],
    asked: &[(Nanos, Request)],
    places: &Places,
    told: &[(Nanos, OrderId, Ticks, Qty)],
    in_bulk: bool,
) {
    let packed = ColumnsBuf::pack(rows);
    let mut feed = Feed::venue(&[packed.view()]);
    let (mut venue, mut out) = (VenueModel::new(instrument(1), RISK_AVERSE), Reports::default());
    let mut asked = asked.iter().peekable();
    for (until, expected) in places.iter().chain([&(Nanos::MAX - 1, BTreeMap::new())]) {
        while let Some((at, request)) = asked.next_if(|asked| asked.0 < *until) {
            go(&mut venue, &mut feed, *at - 1, in_bulk, &mut out);
            venue.send(*at, 0, *request);
        }
        go(&mut venue, &mut feed, *until, in_bulk, &mut out);
        let found: BTreeMap<_, _> = venue.places().map(|(id, place, left)| (id, (place.ahead(), left))).collect();
        assert!(*until == Nanos::MAX - 1 || &found == expected, "at {until}: {found:?}, expected {expected:?}");
    }
    let made = |report: &Report| match report.kind {
        ReportKind::Filled(fill) => Some((report.ts_venue, report.order, fill.price, fill.qty)),
        _ => None,
    };
    assert_eq!(out.iter().filter_map(made).collect::<Vec<_>>(), told);
    assert!(!out.iter().any(|report| matches!(report.kind, ReportKind::Expired(_))), "nothing of ours would take");
}

fn go(venue: &mut VenueModel, feed: &mut Feed<'_>, until: Nanos, in_bulk: bool, out: &mut Reports) {
    if in_bulk {
        venue.advance(feed, until, false, out);
    }
    while !in_bulk && venue.next_time(feed).is_some_and(|time| time <= until) {
        venue.step(feed, out);
    }
}

#[test]
fn a_snapshot_of_orders_brings_the_book_in_sync_and_odd_rows_change_nothing() {
    let mut told = story(RISK_AVERSE);
    let mut row = |kind, side, price, qty, order| {
        let event = Event::new(1, 1, kind, side, price, qty);
        told.rows.push(Event { order, ..event });
    };
    row(Kind::Clear, Side::Buy, 0, 0, 0);
    row(Kind::Add, Side::Buy, 99, 5, 1);
    row(Kind::Add, Side::Sell, 101, 5, 2);
    told.rows[2].flags |= flag::LAST;
    let before = VenueModel::new(instrument(1), RISK_AVERSE);
    assert_eq!(before.book().next_place(), 0);
    let asked = told.submit(2, buy(9, 99, 4));
    assert_eq!(asked.told(), ["2 #9 accepted behind 5"]);
    let more = |mut story: Story, kind, price, qty, order| {
        let event = Event::new(3, 3, kind, Side::Buy, price, qty);
        story.rows.push(Event { order, flags: event.flags | flag::LAST, ..event });
        story
    };
    let gone = more(more(asked, Kind::Remove, 99, 0, 77), Kind::Change, 99, 8, 1);
    assert_eq!(gone.resting(), [(9, 0, 4)], "who wants more goes behind ours");
    let (venue, _) = gone.play(true);
    assert_eq!((venue.book().qty(Side::Buy, 99), venue.book().ignored()), (8, 1));
}
