//! What the engine must remember across a restart: the ledger's balances, the strategies' positions, what the day has
//! brought, and where the order ids go on.

use serde::{Deserialize, Serialize};

use super::Engine;
use super::state::State;
use crate::ledger::{Ledger, Position, Transaction};
use crate::order::{Fill, OrderRequest};
use crate::record::Decision;
use crate::types::{Money, Nanos, OrderId, Qty, StrategyIx};

/// Money as decimal text of its units, since JSON has no 128-bit numbers.
type Units = String;

/// An engine's books, whole. Orders are not in it: what was open is settled with the venue before anything trades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Codes of the currencies, in the order of the balances.
    pub currencies: Vec<String>,
    /// Balances of each owner (the account first, then each strategy), currency by currency, account by account.
    pub balances: Vec<Vec<Units>>,
    /// Position of each strategy.
    pub positions: Vec<HeldPosition>,
    /// No order has this id or a later one.
    pub next_order: OrderId,
    /// What each strategy saved, as base64; empty where none could be asked.
    #[serde(default)]
    pub saved: Vec<Option<String>>,
    /// Whether the books begin here: the deposits of the settings are still to be made.
    #[serde(default)]
    pub deposits_follow: bool,
    /// The UTC day it was made on, in days since the epoch.
    #[serde(default)]
    pub day: i64,
    /// PnL of each strategy; none in a checkpoint that is older than these.
    #[serde(default)]
    pub pnl: Vec<HeldPnl>,
}

/// A strategy's PnL as a checkpoint holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPnl {
    /// When the day began.
    pub day_start: Units,
    /// When the checkpoint was made.
    pub now: Units,
}

/// A position as a checkpoint holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPosition {
    /// Held, in steps.
    pub qty: Qty,
    /// What it cost.
    pub cost: Units,
    /// Made by closing.
    pub realised: Units,
    /// Paid.
    pub fees: Units,
    /// Traded.
    pub turnover: Units,
}

fn units(text: &str) -> Result<Money, String> {
    text.parse().map_err(|_| format!("`{text}` is no amount"))
}

impl Checkpoint {
    /// Gives a ledger these balances and positions; it must have the same currencies and strategies.
    ///
    /// # Errors
    /// Says what does not fit; nothing is changed then.
    pub fn put_into(&self, ledger: &mut Ledger) -> Result<(), String> {
        let row = |row: &Vec<Units>| row.iter().map(|text| units(text)).collect::<Result<Vec<_>, _>>();
        let balances: Vec<Vec<Money>> = self.balances.iter().map(row).collect::<Result<_, _>>()?;
        let position = |held: &HeldPosition| -> Result<Position, String> {
            Ok(Position {
                qty: held.qty,
                cost: units(&held.cost)?,
                realised: units(&held.realised)?,
                fees: units(&held.fees)?,
                turnover: units(&held.turnover)?,
            })
        };
        let positions = self.positions.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        ledger.restore(&self.currencies, balances, positions)
    }

    /// (When the day began, at the checkpoint) of each strategy.
    fn held_pnl(&self) -> Result<Vec<(Money, Money)>, String> {
        self.pnl.iter().map(|held| Ok((units(&held.day_start)?, units(&held.now)?))).collect()
    }
}

impl Engine {
    /// The books as they stand.
    pub fn checkpoint(&self) -> Checkpoint {
        let ledger = &self.state.ledger;
        let held = |position: &Position| HeldPosition {
            qty: position.qty,
            cost: position.cost.to_string(),
            realised: position.realised.to_string(),
            fees: position.fees.to_string(),
            turnover: position.turnover.to_string(),
        };
        Checkpoint {
            currencies: ledger.currencies().to_vec(),
            balances: ledger.balances().iter().map(|row| row.iter().map(Money::to_string).collect()).collect(),
            positions: (0..self.strategies.len()).map(|ix| held(ledger.position(ix as StrategyIx))).collect(),
            next_order: self.state.orders.next_id(),
            saved: Vec::new(),
            deposits_follow: false,
            day: self.state.day,
            pnl: (0..self.strategies.len()).map(|ix| self.state.held_pnl(ix as StrategyIx)).collect(),
        }
    }

    /// Takes a checkpoint's books over. Instruments and strategies must have been added, the same in the same order.
    ///
    /// # Errors
    /// Says what does not fit; nothing is changed then.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        if checkpoint.positions.len() != self.strategies.len() {
            let (was, is) = (checkpoint.positions.len(), self.strategies.len());
            return Err(format!("the checkpoint has {was} strategies, the settings have {is}"));
        }
        let pnl = checkpoint.held_pnl()?;
        if !pnl.is_empty() && pnl.len() != self.strategies.len() {
            let (was, is) = (pnl.len(), self.strategies.len());
            return Err(format!("the checkpoint has the PnL of {was} strategies, the settings have {is}"));
        }
        checkpoint.put_into(&mut self.state.ledger)?;
        self.state.orders.go_on_from(checkpoint.next_order);
        self.state.day = checkpoint.day;
        for ix in 0..self.state.slots.len() {
            // An older checkpoint does not say: the day begins with it, what is held at its cost.
            let held = pnl.get(ix).copied();
            let (day_start, now) = held.unwrap_or_else(|| [self.state.pnl(ix as StrategyIx); 2].into());
            (self.state.slots[ix].day_start, self.state.slots[ix].pnl_before) = (day_start, now);
        }
        Ok(())
    }

    /// Order ids begin here, if that is later than where they are. Panics if orders are open.
    pub fn start_ids(&mut self, first: OrderId) {
        self.state.orders.go_on_from(first.max(self.state.orders.next_id()));
    }

    /// Posts a transaction that was written down.
    pub fn post(&mut self, transaction: &Transaction) {
        self.state.ledger.post(transaction);
    }

    /// Books an execution of an order that an earlier session sent and this one does not hold.
    ///
    /// Returns false, and books nothing, where the strategy is not there.
    pub fn book_earlier_fill(&mut self, order: OrderId, request: &OrderRequest, fill: &Fill, now: Nanos) -> bool {
        if usize::from(request.strategy) >= self.strategies.len() {
            return false;
        }
        self.state.now = self.state.now.max(now);
        self.state.log.add(&Decision::EarlierFill { ts: self.state.now, order, request: *request, fill: *fill });
        let view = &self.state.views[usize::from(request.instrument)];
        let (instrument, currencies) = (&view.instrument, view.currencies);
        let transaction = self.state.ledger.fill(request.strategy, instrument, currencies, request.side, fill);
        self.state.log.add(&Decision::Posting { ts: self.state.now, order, transaction });
        true
    }
}

impl State {
    fn held_pnl(&self, strategy: StrategyIx) -> HeldPnl {
        let day_start = self.slots[usize::from(strategy)].day_start;
        HeldPnl { day_start: day_start.to_string(), now: self.pnl_or_before(strategy).to_string() }
    }
}
