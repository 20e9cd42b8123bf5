//! What a venue does to an account by itself: funding, interest, liquidation. Live, only funding is told so; in a
//! simulation all of them come as reports.

use super::Engine;
use super::blotter::{FillRow, InterestPaid, Liquidation};
use super::state::State;
use crate::instrument::Instrument;
use crate::ledger::{SETTLEMENT, fee_in_base, payments, quantities, share};
use crate::order::{AccountEvent, Fill, Order, OrderRequest, OrderState, Report, Terms};
use crate::record::Decision;
use crate::strategy::Wake;
use crate::types::{AccountIx, InstrumentIx, Money, Nanos, OrderId, OrderKind, Qty, Side, StrategyIx, TimeInForce};

impl Engine {
    /// Lets a spot instrument be sold short: its base currency is lent, behind the account's margin.
    pub fn lend(&mut self, instrument: InstrumentIx) {
        self.state.views[usize::from(instrument)].lends = true;
    }

    /// Books a funding payment of the shared account on an instrument (negative: paid), in the currency it settles in.
    ///
    /// It is shared between the strategies that stand on the side of the account's net position, by their size, to the
    /// step the venue settles in; what is over goes to the first of them. Without any it is the account's.
    pub fn book_funding(&mut self, instrument: InstrumentIx, amount: Money, ts_venue: Nanos, now: Nanos) {
        self.state.now = self.state.now.max(now);
        let ts = self.state.now;
        self.state.log.add(&Decision::Funding { ts, instrument, ts_venue, amount });
        self.state.fund(0, instrument, amount);
    }

    /// Takes in what a report says of an account.
    #[cold]
    pub(super) fn account_event(&mut self, report: &Report, event: &AccountEvent) {
        match *event {
            AccountEvent::Funding { account, instrument, amount } => self.state.fund(account, instrument, amount),
            AccountEvent::Interest { strategy, instrument, price, qty } => {
                let view = &self.state.views[usize::from(instrument)];
                let transaction = self.state.ledger.interest(strategy, &view.instrument, view.currencies, price, qty);
                let fills = self.state.blotter.fills.len();
                self.state.blotter.interest.push(InterestPaid { strategy, price, qty, fills });
                self.state.log.add(&Decision::Posting { ts: self.state.now, order: 0, transaction });
            }
            AccountEvent::Liquidated { account, instrument, side, fill } => {
                self.liquidated(report, account, instrument, side, &fill);
            }
        }
    }

    /// Books a liquidation on the strategies that held the position, and tells those who hear of fills.
    fn liquidated(&mut self, report: &Report, account: AccountIx, instrument: InstrumentIx, side: Side, fill: &Fill) {
        let ts = self.state.now;
        self.state.blotter.liquidations.push(Liquidation { ts, account, instrument, side, fill: *fill });
        let held = self.state.held(account, instrument);
        let parts = split(&held, fill, &self.state.views[usize::from(instrument)].instrument, side);
        for (strategy, part) in parts {
            let order = self.state.book_part(report, strategy, instrument, side, &part);
            if self.state.slots[usize::from(strategy)].interest.fill {
                self.wake(strategy, &Wake::Fill(order, part));
            }
        }
    }
}

/// A liquidation's parts: the quantity as the strategies hold it, the fee by quantity, what is over with the first.
/// Fees are such as the venue charges: what settles, and in base currency whole quantity steps.
pub(crate) fn split(
    held: &[(StrategyIx, Qty)],
    fill: &Fill,
    instrument: &Instrument,
    side: Side,
) -> Vec<(StrategyIx, Fill)> {
    let parts = quantities(held, fill.qty, instrument.lot_steps());
    let whole = parts.iter().map(|(_, qty)| qty).sum();
    let unit = if fee_in_base(instrument, side) { instrument.base_step_value() } else { SETTLEMENT };
    let fee = |qty| share(fill.fee, qty, whole) / unit * unit;
    let mut parts: Vec<(StrategyIx, Fill)> =
        parts.iter().map(|&(ix, qty)| (ix, Fill { qty, fee: fee(qty), ..*fill })).collect();
    let over = fill.fee - parts.iter().map(|(_, part)| part.fee).sum::<Money>();
    if let Some((_, first)) = parts.first_mut() {
        first.fee += over;
    }
    parts
}

impl State {
    /// What each strategy of an account holds of an instrument.
    fn held(&self, account: AccountIx, instrument: InstrumentIx) -> Vec<(StrategyIx, Qty)> {
        let of_account = |ix: &StrategyIx| {
            let slot = &self.slots[usize::from(*ix)];
            slot.account == account && slot.instrument == instrument
        };
        // An account of a strategy's own has the number of its owner.
        let alone = account.checked_sub(1).map_or(0..0, |owner| self.legs(owner));
        let all = if account > 0 { &[] } else { self.sharing.as_slice() };
        let members = alone.chain(all.iter().copied()).filter(of_account);
        members.map(|ix| (ix, self.ledger.position(ix).qty)).collect()
    }

    fn fund(&mut self, account: AccountIx, instrument: InstrumentIx, amount: Money) {
        let view = &self.views[usize::from(instrument)];
        let currency = view.currencies.settled_in(view.instrument.kind);
        for (owner, amount) in payments(account, &self.held(account, instrument), amount) {
            let transaction = self.ledger.funding(owner, currency, amount);
            self.log.add(&Decision::Posting { ts: self.now, order: 0, transaction });
        }
    }

    /// One strategy's part of a liquidation, as an order of the venue that filled at once.
    fn book_part(
        &mut self,
        report: &Report,
        strategy: StrategyIx,
        instrument: InstrumentIx,
        side: Side,
        fill: &Fill,
    ) -> Order {
        let (kind, time_in_force, terms) = (OrderKind::Market, TimeInForce::Ioc, Terms::default());
        let request = OrderRequest { strategy, instrument, side, kind, time_in_force, price: 0, qty: fill.qty, terms };
        let id = self.orders.reserve_id();
        let mut order = Order::new(id, request, self.now);
        (order.state, order.filled, order.last_trade) = (OrderState::Filled, fill.qty, fill.trade);
        self.orders.insert(order);
        // As the fill of an order that is not this session's: so it is booked again from the records.
        self.log.add(&Decision::EarlierFill { ts: self.now, order: id, request, fill: *fill });
        self.book(report, id, &request, fill);
        order
    }
    /// Posts a fill, and notes it for the report.
    pub(super) fn book(&mut self, report: &Report, order: OrderId, request: &OrderRequest, fill: &Fill) {
        let OrderRequest { strategy, instrument, side, qty: asked, .. } = *request;
        let view = &self.views[usize::from(instrument)];
        let transaction = self.ledger.fill(strategy, &view.instrument, view.currencies, side, fill);
        self.log.posting(self.now, order, &transaction);
        let Report { ts_venue, ts_recv, .. } = *report;
        let twice_mid = if fill.twice_mid == 0 { view.twice_mid() } else { fill.twice_mid };
        let row = FillRow { order, strategy, instrument, side, asked, fill: *fill, ts_venue, ts_recv, twice_mid };
        self.blotter.fills.push(row);
    }
}
