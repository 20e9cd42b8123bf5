//! The matching engine against a naive book that looks at every order each time.

use kedge_core::market::order_book::{
    BookOrderId, Changes, Fill, LevelChange, NewOrder, OrderBook, Outcome, RestingOrder,
};
use kedge_core::types::{OrderKind, Qty, Side, Ticks, TimeInForce};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Submit(NewOrder),
    Cancel(usize),
    Reduce(usize, Qty),
}

fn operation() -> impl Strategy<Value = Operation> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind = prop_oneof![9 => Just(OrderKind::Limit), 1 => Just(OrderKind::Market)];
    let time_in_force = prop_oneof![
        4 => Just(TimeInForce::Gtc),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Fok),
        2 => Just(TimeInForce::PostOnly)
    ];
    let submit = (0..4_u32, side, kind, time_in_force, 95..105_i64, 1..40_i64).prop_map(
        |(owner, side, kind, time_in_force, price, qty)| {
            Operation::Submit(NewOrder { owner, side, kind, time_in_force, price, qty })
        },
    );
    prop_oneof![
        6 => submit,
        2 => any::<usize>().prop_map(Operation::Cancel),
        1 => (any::<usize>(), 1..50_i64).prop_map(|(at, by)| Operation::Reduce(at, by)),
    ]
}

/// Orders in the order they arrived; the best one is searched for each time.
#[derive(Default)]
struct Naive {
    orders: Vec<RestingOrder>,
}

impl Naive {
    fn candidates(&self, order: &NewOrder) -> Vec<RestingOrder> {
        let reaches = |maker: &RestingOrder| {
            order.kind == OrderKind::Market
                || match order.side {
                    Side::Buy => maker.price <= order.price,
                    Side::Sell => maker.price >= order.price,
                }
        };
        let mut makers: Vec<_> =
            self.orders.iter().filter(|maker| maker.side != order.side && reaches(maker)).copied().collect();
        // The sort is stable: arrival decides at one price.
        makers.sort_by_key(|maker| maker.price * order.side.sign());
        makers
    }

    fn submit(&mut self, order: NewOrder, id: BookOrderId) -> (Outcome, Vec<Fill>) {
        let makers = self.candidates(&order);
        let offered: Qty = makers.iter().map(|maker| maker.qty).sum();
        let refused = match order.time_in_force {
            TimeInForce::PostOnly => !makers.is_empty(),
            TimeInForce::Fok => offered < order.qty,
            _ => false,
        };
        let (mut fills, mut left) = (Vec::new(), order.qty);
        for maker in makers.iter().take_while(|_| !refused) {
            let qty = left.min(maker.qty);
            if qty > 0 {
                left -= qty;
                fills.push(Fill {
                    maker: maker.id,
                    maker_owner: maker.owner,
                    maker_left: maker.qty - qty,
                    taker: id,
                    taker_owner: order.owner,
                    side: order.side,
                    price: maker.price,
                    qty,
                });
                self.take_off(maker.id, qty);
            }
        }
        let may_rest = matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::PostOnly);
        let rests = !refused && may_rest && order.kind == OrderKind::Limit && left > 0;
        if rests {
            let NewOrder { owner, side, price, .. } = order;
            self.orders.push(RestingOrder { id, owner, side, price, qty: left });
        }
        let (resting, expired) = if rests { (left, 0) } else { (0, left) };
        (Outcome { id, filled: order.qty - left, resting, expired }, fills)
    }

    fn take_off(&mut self, id: BookOrderId, by: Qty) -> Option<Qty> {
        let at = self.orders.iter().position(|order| order.id == id)?;
        self.orders[at].qty -= by.min(self.orders[at].qty);
        let left = self.orders[at].qty;
        if left == 0 {
            self.orders.remove(at);
        }
        Some(left)
    }

    fn levels(&self, side: Side) -> Vec<(Ticks, Qty)> {
        let mut levels: Vec<(Ticks, Qty)> = Vec::new();
        let mut orders: Vec<_> = self.orders.iter().filter(|order| order.side == side).collect();
        orders.sort_by_key(|order| -order.price * side.sign());
        for order in orders {
            match levels.last_mut() {
                Some((price, qty)) if *price == order.price => *qty += order.qty,
                _ => levels.push((order.price, order.qty)),
            }
        }
        levels
    }
}

/// The levels that differ, as the book must report them.
fn differences(before: &[(Ticks, Qty)], after: &[(Ticks, Qty)], side: Side) -> Vec<LevelChange> {
    let at = |levels: &[(Ticks, Qty)], price| levels.iter().find(|level| level.0 == price).map_or(0, |level| level.1);
    (95..105)
        .filter(|&price| at(before, price) != at(after, price))
        .map(|price| LevelChange { side, price, qty: at(after, price) })
        .collect()
}

fn sorted(mut changes: Vec<LevelChange>) -> Vec<LevelChange> {
    changes.sort_by_key(|change| (change.side, change.price));
    changes
}

fn agree(book: &OrderBook, naive: &Naive) -> Result<(), TestCaseError> {
    for side in [Side::Buy, Side::Sell] {
        let levels = naive.levels(side);
        prop_assert_eq!(book.levels(side).collect::<Vec<_>>(), levels.clone());
        prop_assert_eq!(book.best(side), levels.first().copied());
        for (price, qty) in levels {
            let queue: Vec<_> = book.queue(side, price).collect();
            let expected: Vec<_> =
                naive.orders.iter().filter(|order| order.side == side && order.price == price).copied().collect();
            prop_assert_eq!(&queue, &expected, "the queue at {} is not in order of arrival", price);
            prop_assert_eq!(book.quantity_at(side, price), qty);
            prop_assert_eq!(queue.iter().map(|order| order.qty).sum::<Qty>(), qty);
        }
    }
    if let (Some((bid, _)), Some((ask, _))) = (book.best(Side::Buy), book.best(Side::Sell)) {
        prop_assert!(bid < ask, "crossed: bid {} ask {}", bid, ask);
    }
    Ok(())
}

fn run(operations: &[Operation]) -> Result<(), TestCaseError> {
    let (mut book, mut naive, mut out) = (OrderBook::new(), Naive::default(), Changes::default());
    let mut ids: Vec<BookOrderId> = Vec::new();
    for operation in operations {
        let before = [Side::Buy, Side::Sell].map(|side| naive.levels(side));
        out.clear();
        match *operation {
            Operation::Submit(order) => {
                let outcome = book.submit(order, &mut out);
                prop_assert!(ids.iter().all(|&id| id < outcome.id), "ids must rise");
                ids.push(outcome.id);
                let (expected, fills) = naive.submit(order, outcome.id);
                prop_assert_eq!(outcome, expected);
                prop_assert_eq!(outcome.filled + outcome.resting + outcome.expired, order.qty);
                prop_assert_eq!(&out.fills, &fills);
            }
            Operation::Cancel(at) if !ids.is_empty() => {
                let id = ids[at % ids.len()];
                let held = naive.orders.iter().find(|order| order.id == id).map(|order| order.qty);
                prop_assert_eq!(book.cancel(id, &mut out), held);
                naive.take_off(id, Qty::MAX);
            }
            Operation::Reduce(at, by) if !ids.is_empty() => {
                let id = ids[at % ids.len()];
                prop_assert_eq!(book.reduce(id, by, &mut out), naive.take_off(id, by));
            }
            _ => {}
        }
        for id in &ids {
            prop_assert_eq!(book.order(*id), naive.orders.iter().find(|order| order.id == *id).copied());
        }
        agree(&book, &naive)?;
        let [bids, asks] = before;
        let mut expected = differences(&bids, &naive.levels(Side::Buy), Side::Buy);
        expected.extend(differences(&asks, &naive.levels(Side::Sell), Side::Sell));
        prop_assert_eq!(sorted(out.levels.clone()), sorted(expected));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn the_book_does_what_a_naive_book_does(operations in prop::collection::vec(operation(), 200)) {
        run(&operations)?;
    }
}

fn limit(side: Side, price: Ticks, qty: Qty, time_in_force: TimeInForce) -> NewOrder {
    NewOrder { owner: 1, side, kind: OrderKind::Limit, time_in_force, price, qty }
}

#[test]
fn the_older_order_fills_first_and_a_reduced_one_keeps_its_place() {
    let (mut book, mut out) = (OrderBook::new(), Changes::default());
    let first = book.submit(limit(Side::Sell, 100, 5, TimeInForce::Gtc), &mut out).id;
    let second = book.submit(limit(Side::Sell, 100, 5, TimeInForce::PostOnly), &mut out).id;
    assert_eq!(book.reduce(first, 3, &mut out), Some(2));
    out.clear();
    let outcome = book.submit(limit(Side::Buy, 101, 4, TimeInForce::Ioc), &mut out);
    assert_eq!((outcome.filled, outcome.expired), (4, 0));
    let fills: Vec<_> = out.fills.iter().map(|fill| (fill.maker, fill.price, fill.qty, fill.maker_left)).collect();
    assert_eq!(fills, [(first, 100, 2, 0), (second, 100, 2, 3)]);
    assert_eq!(out.levels, [LevelChange { side: Side::Sell, price: 100, qty: 3 }]);
}
