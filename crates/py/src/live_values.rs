//! How a live session stands, for whoever shows it.

use kedge_core::types::{InstrumentIx, Side, StrategyIx};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::session::Session;

impl Session {
    /// What is open, by strategy: (order, strategy, instrument, side, price, quantity, filled, state).
    pub(crate) fn open_orders(&mut self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let strategies = self.raised.len();
        let engine = self.live.engine();
        let mut found = Vec::new();
        for strategy in 0..strategies as StrategyIx {
            for order in engine.orders().open(strategy) {
                let definition = engine.instrument(order.request.instrument);
                let qty = |steps| definition.quantity_step_in_data.text(steps);
                let side = if order.request.side == Side::Buy { "buy" } else { "sell" };
                let price = definition.tick_size.text(order.request.price);
                let (whole, filled) = (qty(order.request.qty), qty(order.filled));
                let row =
                    (order.id, strategy, order.request.instrument, side, price, whole, filled, order.state.name());
                found.push(row.into_pyobject(py)?.into_any().unbind());
            }
        }
        Ok(found)
    }

    /// Values of every strategy and instrument now.
    pub(crate) fn values<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        let strategies = self.raised.len() as StrategyIx;
        let counts: Vec<(u64, u64)> = (0..self.markets.len()).map(|ix| self.live.counts(ix as InstrumentIx)).collect();
        let engine = self.live.engine();
        let value = |ix: StrategyIx| {
            let definition = engine.instrument(engine.instrument_of(ix));
            let position = engine.ledger().position(ix);
            let held = definition.quantity_step_in_data.text(position.qty);
            let tally = engine.tally(ix);
            let open = engine.orders().open(ix).count();
            (
                held,
                engine.pnl(ix),
                position.fees,
                open,
                tally.refused.iter().sum::<u64>(),
                engine.is_running(ix),
                engine.day_pnl(ix),
            )
        };
        out.set_item("strategies", (0..strategies).map(value).collect::<Vec<_>>())?;
        let view = |ix: InstrumentIx| {
            let (book, definition) = (engine.book(ix), engine.instrument(ix));
            let best = |side| book.best(side).map(|price| definition.tick_size.text(price));
            let state = ["syncing", "in_sync", "gap"][book.state() as usize];
            let (gaps, resyncs) = counts[usize::from(ix)];
            (state, book.updated(), best(Side::Buy), best(Side::Sell), engine.counts(ix).events, gaps, resyncs)
        };
        out.set_item("instruments", (0..counts.len() as InstrumentIx).map(view).collect::<Vec<_>>())?;
        let ledger = engine.ledger();
        let cash =
            ledger.currencies().iter().enumerate().map(|(ix, code)| (code.clone(), ledger.cash_of_all(ix as u16)));
        out.set_item("balances", cash.collect::<Vec<_>>())?;
        out.set_item("imbalance", engine.imbalance())?;
        out.set_item("odd_reports", engine.blotter().odd_reports)?;
        out.set_item("fills", engine.blotter().fills.len())?;
        out.set_item("trace_hash", engine.log().trace_hash())?;
        Ok(out)
    }
}
