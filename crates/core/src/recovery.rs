//! What a session that is over left behind: its books, and the orders whose end it did not see.

use std::collections::BTreeMap;

use crate::engine::{Checkpoint, Engine, HeldPnl};
use crate::order::{Order, ReportKind};
use crate::record::Decision;
use crate::types::OrderId;

/// Goes through a session's records in their order.
///
/// Orders are followed from the session's beginning; the books begin at the last checkpoint, so give
/// [`Recovery::checkpoint`] at its place and what comes after it changes the books.
pub struct Recovery {
    engine: Engine,
    orders: BTreeMap<OrderId, Order>,
    counts: bool,
    saved: Vec<Option<String>>,
    deposits_follow: bool,
    day: (i64, Vec<HeldPnl>),
}

impl Recovery {
    /// Begins with an engine that has the session's instruments and as many strategies.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            orders: BTreeMap::new(),
            counts: false,
            saved: Vec::new(),
            deposits_follow: false,
            day: (0, Vec::new()),
        }
    }

    /// The books as they stood here.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn checkpoint(&mut self, books: &Checkpoint) -> Result<(), String> {
        self.counts = true;
        (self.saved, self.deposits_follow) = (books.saved.clone(), books.deposits_follow);
        self.day = (books.day, books.pnl.clone());
        self.engine.restore(books)
    }

    /// Takes one command, report, execution of an earlier order, or posting.
    pub fn take(&mut self, decision: &Decision) {
        match decision {
            Decision::Submit { ts, order, request } => {
                self.orders.insert(*order, Order::new(*order, *request, *ts));
            }
            Decision::Report(report) => {
                let Some(order) = self.orders.get_mut(&report.order) else { return };
                // A report told twice, or out of its place, changes nothing: as in the session itself.
                let fits = order.apply(report).is_ok();
                let request = order.request;
                if let (true, true, ReportKind::Filled(fill)) = (fits, self.counts, report.kind) {
                    self.engine.book_earlier_fill(report.order, &request, &fill, report.ts_recv);
                }
            }
            Decision::EarlierFill { ts, order, request, fill } if self.counts => {
                self.engine.book_earlier_fill(*order, request, fill, *ts);
            }
            // Capital and funding: what no fill explains.
            Decision::Posting { order: 0, transaction, .. } if self.counts => {
                self.deposits_follow = false;
                self.engine.post(transaction);
            }
            _ => {}
        }
    }

    /// The books at the end, and the orders that had not ended, oldest first.
    pub fn finish(mut self) -> (Checkpoint, Vec<Order>) {
        let next = self.orders.keys().next_back().map_or(0, |last| last + 1);
        let mut books = self.engine.checkpoint();
        books.next_order = books.next_order.max(next);
        (books.saved, books.deposits_follow) = (self.saved, self.deposits_follow);
        // There are no prices here: PnL is as the checkpoint says.
        (books.day, books.pnl) = self.day;
        self.orders.retain(|_, order| !order.state.is_final());
        (books, self.orders.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Context, EngineSettings, Seat};
    use crate::instrument::{Instrument, money};
    use crate::order::{Fill, OrderRequest, Report};
    use crate::strategy::{Fault, Strategy, Wake};
    use crate::types::{Liquidity, OrderKind, Side, TimeInForce};

    const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
        "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
        "taker_fee": "0.001"}"#;

    struct Nobody;

    impl Strategy for Nobody {
        fn wake(&mut self, _: &Wake, _: &mut Context<'_>) -> Result<(), Fault> {
            Ok(())
        }
    }

    fn engine() -> Engine {
        let mut engine = Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false });
        let instrument = engine.add_instrument(Instrument::from_json(SPOT).unwrap());
        let seat = Seat { instrument, ..Seat::default() };
        engine.add_strategy(seat, Box::new(Nobody));
        engine
    }

    #[test]
    fn books_and_open_orders_are_as_the_session_left_them() {
        let request = |side| OrderRequest {
            strategy: 0,
            instrument: 0,
            side,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            price: 6_000_000,
            qty: 1_000_000,
            terms: crate::order::Terms::PLAIN,
        };
        let fill = |trade, qty| Fill {
            trade,
            price: 6_000_000,
            qty,
            liquidity: Liquidity::Maker,
            fee: 0,
            queue_ahead: -1,
            twice_mid: 0,
        };
        let report = |order, kind| Decision::Report(Report { order, ts_venue: 1, ts_recv: 2, kind });
        let mut first = engine();
        let begun = first.checkpoint();
        first.deposit("USDT", money("10000").unwrap());
        let deposited = first.checkpoint();
        let history = [
            Decision::Submit { ts: 1, order: 7, request: request(Side::Buy) },
            Decision::Submit { ts: 1, order: 8, request: request(Side::Buy) },
            report(7, ReportKind::Filled(fill(1, 400_000))),
            report(7, ReportKind::Filled(fill(1, 400_000))),
            report(8, ReportKind::Rejected(crate::order::Reason::None)),
        ];
        let mut recovery = Recovery::new(engine());
        recovery.checkpoint(&deposited).unwrap();
        history.iter().for_each(|decision| recovery.take(decision));
        let (books, open) = recovery.finish();
        assert_eq!(open.iter().map(|order| (order.id, order.filled)).collect::<Vec<_>>(), [(7, 400_000)]);
        assert_eq!((books.positions[0].qty, books.next_order), (400_000, 9));

        // From a later checkpoint only what comes after it changes the books.
        let mut again = Recovery::new(engine());
        again.checkpoint(&begun).unwrap();
        again.counts = false;
        history.iter().for_each(|decision| again.take(decision));
        again.checkpoint(&books).unwrap();
        again.take(&report(7, ReportKind::Filled(fill(2, 600_000))));
        let (later, open) = again.finish();
        assert_eq!((later.positions[0].qty, open.len()), (1_000_000, 0));
    }
}
