use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{ColumnsBuf, flag};

/// The book as one would write it without a thought for speed.
#[derive(Default)]
struct Naive {
    sides: [BTreeMap<Ticks, Qty>; 2],
}

impl Naive {
    fn apply(&mut self, event: &Event) {
        match event.kind() {
            Kind::Delta | Kind::Level if event.qty == 0 => {
                self.sides[event.side() as usize].remove(&event.price);
            }
            Kind::Delta | Kind::Level => {
                self.sides[event.side() as usize].insert(event.price, event.qty);
            }
            Kind::Clear => self.sides.iter_mut().for_each(BTreeMap::clear),
            _ => {}
        }
    }

    fn levels(&self, side: Side) -> Vec<(Ticks, Qty)> {
        let levels = self.sides[side as usize].iter().map(|(&price, &qty)| (price, qty));
        if side == Side::Buy { levels.rev().collect() } else { levels.collect() }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    // Near, far and very far prices; quantities that often delete; now and then a snapshot or a trade between.
    let price = prop_oneof![6 => 60_000_i64..60_040, 3 => 50_000_i64..70_000, 1 => 1_i64..6_000_000];
    let qty = prop_oneof![2 => Just(0_i64), 3 => 1_i64..1_000, 1 => 1_i64..(1 << 40)];
    let kind = prop_oneof![
        40 => Just(Kind::Delta),
        4 => Just(Kind::Trade),
        2 => Just(Kind::Level),
        1 => Just(Kind::Clear),
        1 => Just(Kind::Quote)
    ];
    (kind, prop::bool::ANY, price, qty, prop::bool::ANY).prop_map(|(kind, sell, price, qty, last)| {
        let mut event = Event::new(0, 0, kind, if sell { Side::Sell } else { Side::Buy }, price, qty);
        event.flags |= if last { flag::LAST } else { 0 };
        event
    })
}

fn same(book: &Book, naive: &Naive) {
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(book.levels(side).collect::<Vec<_>>(), naive.levels(side));
        assert_eq!(book.best(side), naive.levels(side).first().map(|level| level.0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_book_equals_a_naive_one_after_every_row(events in prop::collection::vec(any_event(), 200)) {
        let (mut book, mut naive) = (Book::default(), Naive::default());
        for event in &events {
            book.apply(event, 0);
            naive.apply(event);
            let held = naive.sides[event.side() as usize].get(&event.price).copied().unwrap_or(0);
            prop_assert_eq!(book.qty(event.side(), event.price), held);
            prop_assert_eq!(book.best(Side::Buy), naive.levels(Side::Buy).first().map(|level| level.0));
            prop_assert_eq!(book.best(Side::Sell), naive.levels(Side::Sell).first().map(|level| level.0));
        }
        same(&book, &naive);
    }

    #[test]
    fn in_bulk_is_one_by_one(
        events in prop::collection::vec(any_event(), 200),
        limit in prop::option::of(59_990_i64..60_050)
    ) {
        let mut events = events;
        for (at, event) in events.iter_mut().enumerate() {
            event.ts_recv = at as Nanos / 3;
        }
        let packed = ColumnsBuf::pack(&events);
        let columns = packed.view();
        let mut one = Book::default();
        for event in &events {
            one.apply(event, event.ts_recv);
        }
        // The rows of interest are handed back and applied by hand; the book must not notice.
        let watch =
            limit.map_or(Watch::NONE, |bid| Watch::orders(Some((bid, bid - 10)), Some((bid + 5, bid + 9))));
        let (mut bulk, mut row, mut until) = (Book::default(), 0, 0);
        while row < columns.len() {
            let stop = bulk.advance(&columns, columns.ts_recv.into(), row..columns.len(), until, watch);
            for side in [Side::Buy, Side::Sell] {
                prop_assert!(bulk.best(side).is_none_or(|price| bulk.qty(side, price) > 0), "a best that is gone");
            }
            match stop {
                Stop::Time(next) => {
                    prop_assert!(next == columns.len() || columns.ts_recv[next] > until);
                    row = next;
                    until += 7;
                }
                Stop::Row(next) => {
                    let event = columns.get(next);
                    prop_assert!(event.ts_recv <= until);
                    bulk.apply(&event, event.ts_recv);
                    row = next + 1;
                }
            }
        }
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(bulk.levels(side).collect::<Vec<_>>(), one.levels(side).collect::<Vec<_>>());
            prop_assert_eq!(bulk.best(side), one.best(side));
        }
        prop_assert_eq!((bulk.state(), bulk.updated()), (one.state(), one.updated()));
    }

    #[test]
    fn every_row_that_can_touch_an_order_is_handed_back(
        event in any_event(),
        bid in 59_990_i64..60_010,
        ask in 60_010_i64..60_030,
        depth in 0_i64..5
    ) {
        let packed = ColumnsBuf::pack(&[event]);
        let watch = Watch::orders(Some((bid, bid - depth)), Some((ask, ask + depth)));
        let stop = Book::default().advance(&packed.view(), [0].as_slice().into(), 0..1, 0, watch);
        let touches = match (event.kind(), event.side()) {
            (Kind::Delta, Side::Buy) => (bid - depth..=bid).contains(&event.price) || event.price >= ask,
            (Kind::Delta, Side::Sell) => (ask..=ask + depth).contains(&event.price) || event.price <= bid,
            (Kind::Trade, Side::Buy) => event.price >= ask,
            (Kind::Trade, Side::Sell) => event.price <= bid,
            _ => true,
        };
        let wide = packed.flags[0] & flag::WIDE != 0;
        prop_assert_eq!(stop == Stop::Row(0), touches || wide);
    }
}

#[test]
fn a_book_is_in_sync_from_the_end_of_a_snapshot_to_a_gap() {
    let row = |kind, last| {
        let mut event = Event::new(0, 0, kind, Side::Buy, 100, 1);
        event.flags |= if last { flag::LAST } else { 0 };
        event
    };
    let mut book = Book::default();
    for (kind, last, state) in [
        (Kind::Delta, true, Sync::Syncing),
        (Kind::Clear, false, Sync::Syncing),
        (Kind::Level, false, Sync::Syncing),
        (Kind::Level, true, Sync::InSync),
        (Kind::Delta, true, Sync::InSync),
        (Kind::Gap, true, Sync::Gap),
        (Kind::Delta, true, Sync::Gap),
        (Kind::Clear, false, Sync::Syncing),
        (Kind::Level, true, Sync::InSync),
    ] {
        book.apply(&row(kind, last), 5);
        assert_eq!(book.state(), state, "{kind:?}");
    }
    assert_eq!(book.updated(), 5);
}

#[test]
fn a_price_beyond_what_a_book_holds_is_counted_not_stored() {
    let mut book = Book::default();
    for price in [60_000, i64::MAX - 1, i64::MAX, 1 << 50] {
        book.apply(&Event::new(0, 0, Kind::Delta, Side::Sell, price, 1), 0);
    }
    assert_eq!(book.levels(Side::Sell).collect::<Vec<_>>(), [(60_000, 1)]);
    assert_eq!(book.ignored(), 3);
}
