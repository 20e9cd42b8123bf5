//! What must be true of every run, found again from its records and its recordings without asking the engine.
//!
//! Every function panics with what does not hold.

use std::collections::BTreeMap;

use kedge_core::event::Kind;
use kedge_core::instrument::InstrumentKind;
use kedge_core::ledger::{Account, Currencies, Ledger};
use kedge_core::matching::Delay;
use kedge_core::order::{Fill, OrderRequest, OrderState, ReportKind};
use kedge_core::record::{Decision, decode, encode, split};
use kedge_core::types::{
    CurrencyIx, InstrumentIx, Liquidity, Money, NO_TIME, Nanos, OrderId, OrderKind, Qty, SECOND, Side, StrategyIx,
    Ticks, TimeInForce,
};

use crate::world::{Outcome, Place, World};

/// One order as its records tell it.
#[derive(Clone, Debug)]
pub struct Life {
    /// As it was sent.
    pub request: OrderRequest,
    /// When it was sent.
    pub sent: Nanos,
    /// Prices and quantities it was asked to have.
    pub amends: Vec<(Nanos, Ticks, Qty)>,
    /// Its price and quantity as the venue last told.
    pub terms: (Ticks, Qty),
    /// What the venue said: its time, ours, what.
    pub reports: Vec<(Nanos, Nanos, ReportKind)>,
    /// Executed.
    pub filled: Qty,
    /// Whether the venue said that nothing more can happen.
    pub ended: bool,
}

/// The records of a run, read back.
pub struct Story {
    /// In the order made.
    pub decisions: Vec<Decision>,
    /// Every order sent, by id.
    pub lives: BTreeMap<OrderId, Life>,
}

/// Two runs of one world agree in everything that can be seen of them.
pub fn same(world: &World, one: &Outcome, other: &Outcome, what: &str) {
    alike(&decisions(&one.records), &decisions(&other.records), &format!("{what}: records"));
    assert_eq!(one.hash, other.hash, "{what}: hash of {} bytes", one.records.len());
    for (strategy, (one, other)) in one.seen.iter().zip(&other.seen).enumerate() {
        alike(one, other, &format!("{what}: what strategy {strategy} of {} saw", world.members.len()));
    }
    alike(&one.blotter.fills, &other.blotter.fills, &format!("{what}: fills"));
    alike(&one.ended, &other.ended, &format!("{what}: ended orders"));
    alike(&one.blotter.samples, &other.blotter.samples, &format!("{what}: samples"));
    assert_eq!(one.blotter.odd_reports, other.blotter.odd_reports, "{what}: odd reports");
    alike(&one.open, &other.open, &format!("{what}: open orders"));
    alike(&one.tallies, &other.tallies, &format!("{what}: refused and withheld"));
    alike(&one.pnl, &other.pnl, &format!("{what}: pnl"));
    assert_eq!(one.faults, other.faults, "{what}: faults");
    if one.faults == 0 {
        alike(&one.counts, &other.counts, &format!("{what}: rows"));
    }
}

/// Panics with the first difference alone: a whole run is no message.
fn alike<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T], what: &str) {
    let at = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (one.get(at), other.get(at));
    assert!(one.is_none() && other.is_none(), "{what}, number {at}:\n  {one:?}\n  {other:?}");
}

/// Everything that must be true of one run.
pub fn invariants(world: &World, outcome: &Outcome) -> Story {
    assert_eq!(outcome.imbalance, 0, "the books do not balance");
    let story = tell(&outcome.records);
    lifecycle(world, outcome, &story);
    wires(world, &story);
    prices(&story);
    sync(world, &story);
    limits(world, outcome, &story);
    cash(world, &story);
    postings(world, outcome, &story);
    story
}

fn decisions(records: &[u8]) -> Vec<Decision> {
    let records = split(records).expect("whole records");
    records.into_iter().map(|record| decode(record).expect("a record that can be read")).collect()
}

fn tell(records: &[u8]) -> Story {
    let decisions = decisions(records);
    let mut again = Vec::new();
    let mut lives: BTreeMap<OrderId, Life> = BTreeMap::new();
    for (decision, bytes) in decisions.iter().zip(split(records).expect("whole records")) {
        again.clear();
        encode(decision, &mut again);
        assert_eq!(again, bytes, "{decision:?} has other bytes");
        match *decision {
            Decision::Submit { ts, order, request } => {
                let terms = (request.price, request.qty);
                let (amends, reports) = (Vec::new(), Vec::new());
                let life = Life { request, sent: ts, amends, terms, reports, filled: 0, ended: false };
                assert!(lives.insert(order, life).is_none(), "order {order} was sent twice");
            }
            Decision::Amend { ts, order, price, qty } => {
                lives.get_mut(&order).expect("an amended order was sent").amends.push((ts, price, qty));
            }
            Decision::Report(report) => {
                let life = lives.get_mut(&report.order).expect("a reported order was sent");
                life.hear(report.order, report.ts_venue, report.ts_recv, report.kind);
            }
            _ => {}
        }
    }
    Story { decisions, lives }
}

impl Life {
    fn hear(&mut self, id: OrderId, ts_venue: Nanos, ts_recv: Nanos, kind: ReportKind) {
        let refused = matches!(kind, ReportKind::CancelRejected(_) | ReportKind::AmendRejected(_));
        assert!(!self.ended || refused, "order {id}: {kind:?} after its end");
        match kind {
            ReportKind::Filled(fill) => {
                assert!(fill.qty > 0, "order {id}: an empty fill");
                self.filled += fill.qty;
                assert!(self.filled <= self.terms.1, "order {id}: filled {} of {}", self.filled, self.terms.1);
                self.ended = self.filled == self.terms.1;
            }
            ReportKind::Amended { price, qty } => {
                assert!(qty > self.filled, "order {id}: amended to no more than is filled");
                self.terms = (price, qty);
            }
            ReportKind::Canceled | ReportKind::Rejected(_) | ReportKind::Expired(_) => self.ended = true,
            ReportKind::Accepted { queue_ahead } => {
                assert!(
                    self.reports.is_empty() && queue_ahead >= -1,
                    "order {id}: taken twice, or {queue_ahead} ahead"
                );
            }
            ReportKind::CancelRejected(_)
            | ReportKind::AmendRejected(_)
            | ReportKind::Unknown
            | ReportKind::Triggered { .. }
            | ReportKind::Account(_) => {}
        }
        self.reports.push((ts_venue, ts_recv, kind));
    }
}

/// Every order sent is open or ended, once, and as its reports told.
fn lifecycle(world: &World, outcome: &Outcome, story: &Story) {
    let mut found = 0;
    for (strategy, (open, running, recounted)) in outcome.open.iter().enumerate() {
        assert_eq!(running, recounted, "exposure of strategy {strategy} of {}", world.members.len());
        assert!(running.open.iter().all(|&open| open >= 0));
        for order in open {
            let life = &story.lives[&order.id];
            assert!(!order.state.is_final() && !life.ended, "order {} is open and ended", order.id);
            assert_eq!((order.filled, usize::from(order.request.strategy)), (life.filled, strategy));
            found += 1;
        }
    }
    for order in &outcome.ended {
        let life = &story.lives[&order.id];
        assert!(order.state.is_final() && life.ended, "order {} has not ended", order.id);
        assert_eq!(order.filled, life.filled, "order {}", order.id);
        assert_eq!(order.state == OrderState::Filled, order.filled == order.request.qty, "order {}", order.id);
        found += 1;
    }
    assert_eq!(found, story.lives.len(), "every order sent is open or ended, once");
}

/// Messages take their time, and those of one connection keep their order.
fn wires(world: &World, story: &Story) {
    let mut last: BTreeMap<InstrumentIx, (Nanos, Nanos)> = BTreeMap::new();
    for decision in &story.decisions {
        let Decision::Report(report) = decision else { continue };
        let life = &story.lives[&report.order];
        let latency = &world.places[usize::from(life.request.instrument)].settings.latency;
        assert!(report.ts_recv >= report.ts_venue + latency.response.least(), "{report:?} came too early");
        let before = last.insert(life.request.instrument, (report.ts_venue, report.ts_recv));
        if let Some(before) = before {
            assert!(before.0 <= report.ts_venue && before.1 <= report.ts_recv, "{report:?} overtook another");
        }
    }
    let mut arrived: BTreeMap<InstrumentIx, Nanos> = BTreeMap::new();
    for decision in &story.decisions {
        let Decision::Submit { order: id, .. } = decision else { continue };
        let life = &story.lives[id];
        let Some(first) = life.reports.first() else { continue };
        let latency = &world.places[usize::from(life.request.instrument)].settings.latency;
        assert!(first.0 >= life.sent + latency.entry.least(), "order {id} was answered before it arrived");
        let before = arrived.insert(life.request.instrument, first.0);
        assert!(before.is_none_or(|before| before <= first.0), "order {id} overtook an older one");
    }
}

/// Nothing trades beyond its limit; who rested trades at the own price; a time in force is kept.
fn prices(story: &Story) {
    for (id, life) in &story.lives {
        let mut price = life.request.price;
        // What waited arrives when its trigger is pulled.
        let pulled = life.reports.iter().find(|report| matches!(report.2, ReportKind::Triggered { .. }));
        let arrived = pulled.or(life.reports.first()).map_or(0, |report| report.0);
        for (at, (_, _, kind)) in life.reports.iter().enumerate() {
            match kind {
                ReportKind::Amended { price: to, .. } => price = *to,
                ReportKind::Filled(fill) => {
                    let limit = life.request.kind == OrderKind::Limit;
                    let beyond = |price: Ticks| (fill.price - price) * life.request.side.sign();
                    assert!(!limit || beyond(price) <= 0, "order {id} traded at {} beyond {price}", fill.price);
                    assert!(fill.liquidity == Liquidity::Taker || fill.price == price, "order {id}: {fill:?}");
                    if life.request.time_in_force == TimeInForce::PostOnly {
                        assert_eq!(fill.liquidity, Liquidity::Maker, "post-only order {id} took");
                    }
                    if !limit || matches!(life.request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
                        assert_eq!(fill.liquidity, Liquidity::Taker, "order {id} may not rest");
                        assert_eq!(life.reports[at].0, arrived, "order {id} filled after its arrival");
                    }
                }
                _ => {}
            }
        }
        let (fok, filled) = (life.request.time_in_force == TimeInForce::Fok, life.filled);
        let bounded = life.request.kind == OrderKind::Limit;
        assert!(!(fok && bounded && life.ended) || filled == 0 || filled == life.terms.1, "order {id} filled in part");
    }
}

/// Times between which our book of a place could be believed. At a moment with several rows each of its states counts.
fn in_sync(place: &Place) -> Vec<(Nanos, Nanos)> {
    let feed = place.settings.latency.feed.as_ref();
    let constant = feed.and_then(Delay::constant);
    if feed.is_some() && constant.is_none() {
        // When a drawn packet arrives is the feed's own affair: nothing is claimed.
        return vec![(Nanos::MIN, Nanos::MAX)];
    }
    let (mut spans, mut since, mut now) = (Vec::new(), None, NO_TIME);
    for row in &place.recording.rows {
        let due = match constant {
            Some(latency) if row.ts_event != NO_TIME => row.ts_event + latency,
            _ => row.ts_recv.max(row.ts_event),
        };
        now = now.max(due);
        let last = row.flags & kedge_core::event::flag::LAST != 0;
        let good = match row.kind() {
            Kind::Gap => false,
            Kind::Clear => last,
            Kind::Level if last => true,
            _ => continue,
        };
        match (since, good) {
            (None, true) => since = Some(now),
            (Some(start), false) => {
                spans.push((start, now));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|start| (start, Nanos::MAX)));
    spans
}

/// No order, and no amendment, on a book that could not be believed.
fn sync(world: &World, story: &Story) {
    let spans: Vec<_> = world.places.iter().map(in_sync).collect();
    let believed = |instrument: InstrumentIx, ts: Nanos| {
        let spans: &Vec<(Nanos, Nanos)> = &spans[usize::from(instrument)];
        let at = spans.partition_point(|span| span.1 < ts);
        spans.get(at).is_some_and(|span| span.0 <= ts)
    };
    for (id, life) in &story.lives {
        let instrument = life.request.instrument;
        assert!(believed(instrument, life.sent), "order {id} was sent at {} on a book not in sync", life.sent);
        for amend in &life.amends {
            assert!(believed(instrument, amend.0), "order {id} was amended at {} on a book not in sync", amend.0);
        }
    }
}

/// Sizes, rates and positions stay within the limits of their strategy.
fn limits(world: &World, outcome: &Outcome, story: &Story) {
    for (strategy, member) in world.members.iter().enumerate() {
        let limits = member.seat.limits;
        let own = |id: OrderId| usize::from(story.lives[&id].request.strategy) == strategy;
        let times = story.decisions.iter().filter_map(|decision| match *decision {
            Decision::Submit { ts, order, .. } | Decision::Amend { ts, order, .. } if own(order) => Some(ts),
            _ => None,
        });
        if let Some(rate) = limits.orders_per_second {
            let times: Vec<Nanos> = times.collect();
            let windows = times.windows(rate as usize + 1);
            let closest = windows.map(|window| window[rate as usize] - window[0]).min();
            assert!(closest.is_none_or(|closest| closest >= SECOND), "strategy {strategy}: over {rate} in a second");
        }
        let sent = story.lives.values().filter(|life| usize::from(life.request.strategy) == strategy);
        for life in sent {
            assert!(limits.order_size.is_none_or(|most| life.request.qty <= most), "strategy {strategy}: {life:?}");
        }
        let fills = outcome.blotter.fills.iter().zip(&outcome.held);
        let fills = fills.filter(|(row, _)| usize::from(row.strategy) == strategy);
        let (place, mut rebates) = (&world.places[usize::from(member.seat.instrument)], 0);
        for (row, after) in fills {
            // A rebate in base currency comes on top of what was bought.
            let in_base = place.instrument.kind == InstrumentKind::Spot && row.side == Side::Buy;
            rebates += if in_base { (-row.fill.fee).max(0) / place.instrument.base_step_value() } else { 0 };
            let held = i128::from(after.qty.abs()) - rebates;
            let most = limits.position.map_or(i128::MAX, i128::from);
            assert!(held <= most, "strategy {strategy} held {held}: {limits:?}");
            assert!(limits.short || after.qty >= 0, "strategy {strategy} sold what it did not hold: {row:?}");
        }
    }
}

/// No currency that was never lent is overdrawn: base of spot never; quote where only limit orders on spot spend it.
fn cash(world: &World, story: &Story) {
    let mut ledger = Ledger::default();
    let spot = world.places.iter().all(|place| place.instrument.kind == InstrumentKind::Spot);
    let bought = |life: &Life| life.request.kind == OrderKind::Market && life.request.side == Side::Buy;
    let exact = spot && !story.lives.values().any(bought);
    let (mut bases, mut quotes) = (Vec::new(), Vec::new());
    for place in &world.places {
        let c = currencies(&mut ledger, place);
        bases.push(c.base);
        quotes.push(c.quote);
    }
    let mut held: BTreeMap<CurrencyIx, Money> = BTreeMap::new();
    for decision in &story.decisions {
        let Decision::Posting { ts, order, transaction } = decision else { continue };
        for line in transaction.lines().iter().filter(|line| line.account == Account::Cash) {
            let cash = held.entry(line.currency).or_default();
            *cash += line.amount;
            let strict = bases.contains(&line.currency) || exact && quotes.contains(&line.currency);
            assert!(!strict || *cash >= 0, "order {order} at {ts} overdrew currency {} by {cash}", line.currency);
        }
    }
}

fn currencies(ledger: &mut Ledger, place: &Place) -> Currencies {
    let (base, quote) = place.instrument.base_quote().expect("a checked id");
    Currencies { base: ledger.currency(base), quote: ledger.currency(quote) }
}

/// Every fill has its postings and nothing else has any: a second ledger, fed with the fills alone, makes the same.
fn postings(world: &World, outcome: &Outcome, story: &Story) {
    let mut ledger = Ledger::default();
    let pairs: Vec<Currencies> = world.places.iter().map(|place| currencies(&mut ledger, place)).collect();
    let mut told = story.decisions.iter().filter_map(|decision| match decision {
        Decision::Posting { order, transaction, .. } => Some((*order, *transaction)),
        _ => None,
    });
    for (currency, amount) in &world.deposits {
        let currency = ledger.currency(currency);
        assert_eq!(told.next(), Some((0, ledger.deposit(0, currency, *amount))));
    }
    world.members.iter().for_each(|_| _ = ledger.add_strategy(false));
    let mut fills: BTreeMap<StrategyIx, usize> = BTreeMap::new();
    for (row, after) in outcome.blotter.fills.iter().zip(&outcome.held) {
        let place = &world.places[usize::from(row.instrument)];
        charged(place, row.side, &row.fill);
        let pair = pairs[usize::from(row.instrument)];
        let made = ledger.fill(row.strategy, &place.instrument, pair, row.side, &row.fill);
        assert_eq!(told.next(), Some((row.order, made)));
        assert_eq!(*after, *ledger.position(row.strategy));
        *fills.entry(row.strategy).or_default() += 1;
    }
    assert_eq!(told.next(), None, "a posting without its fill");
    if outcome.faults == 0 {
        for (strategy, pnl) in outcome.pnl.iter().enumerate() {
            let ix = usize::from(world.members[strategy].seat.instrument);
            let worth = worth(&world.places[ix], &ledger, strategy as StrategyIx, pairs[ix].quote);
            assert_eq!(worth, *pnl, "strategy {strategy}: what its postings and its position are worth is its PnL");
        }
    }
}

/// What a strategy's own postings left it, and what it holds, at the last prices of the recording.
fn worth(place: &Place, ledger: &Ledger, strategy: StrategyIx, quote: CurrencyIx) -> Money {
    let (mut sides, mut last) = ([BTreeMap::new(), BTreeMap::new()], 0);
    for row in &place.recording.rows {
        match row.kind() {
            Kind::Clear => sides.iter_mut().for_each(BTreeMap::clear),
            Kind::Delta | Kind::Level => drop(sides[row.side() as usize].insert(row.price, row.qty)),
            Kind::Trade => last = row.price,
            _ => {}
        }
    }
    sides.iter_mut().for_each(|side| side.retain(|_, qty| *qty > 0));
    let [bids, asks] = sides;
    let twice_mid = bids.keys().next_back().zip(asks.keys().next()).map_or(2 * last, |(bid, ask)| bid + ask);
    let (position, owner) = (ledger.position(strategy), strategy + 1);
    let held = match place.instrument.kind {
        InstrumentKind::Spot => position.value(&place.instrument, twice_mid),
        InstrumentKind::LinearPerpetual | InstrumentKind::InversePerpetual => {
            position.unrealised(&place.instrument, twice_mid)
        }
    };
    ledger.balance(owner, Account::Cash, quote) + ledger.balance(owner, Account::Rounding, quote) + held
}

/// The fee is its rate of what was traded, to the step it settles in, with the rate's sign.
fn charged(place: &Place, side: Side, fill: &Fill) {
    let instrument = &place.instrument;
    let rate = if fill.liquidity == Liquidity::Maker { instrument.maker_fee } else { instrument.taker_fee };
    let in_base = instrument.kind == InstrumentKind::Spot && side == Side::Buy;
    let (traded, step) = if in_base {
        (i128::from(fill.qty) * instrument.base_step_value(), instrument.base_step_value())
    } else {
        (instrument.notional(fill.price, fill.qty), 100_000_000)
    };
    let twice_off = 2 * (fill.fee * 1_000_000_000 - traded * rate);
    assert!(twice_off.abs() <= step * 1_000_000_000, "{fill:?} at a rate of {rate} in 10⁻⁹");
}
