//! What a session of the trader left behind, for the next one.

use kedge_core::engine::{Checkpoint, Context, Engine, EngineSettings, Seat};
use kedge_core::record;
use kedge_core::recovery::Recovery;
use kedge_core::strategy::{Fault, Strategy, Wake};
use kedge_core::types::{InstrumentIx, OrderId, Side, StrategyIx};
use pyo3::prelude::*;

use crate::backtest::instrument;
use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(recover_books, module)?)
}

/// Stands in a strategy's place while books are added up.
struct Nobody;

impl Strategy for Nobody {
    fn wake(&mut self, _: &Wake, _: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// An order without an end: (id, strategy, instrument, side, whole quantity, filled, state, last trade).
type OpenOrder = (OrderId, StrategyIx, InstrumentIx, &'static str, String, String, &'static str, u64);

/// The books at the end of a session, as a checkpoint, and the orders whose end it did not see.
///
/// `instruments` are definitions, `seats` the instrument of each strategy; `records` stand in order of their sequence,
/// each either a checkpoint (its JSON, as text) or a decision (bytes); only the last checkpoint counts.
#[pyfunction]
pub(crate) fn recover_books(
    instruments: Vec<String>,
    seats: Vec<InstrumentIx>,
    records: Vec<Bound<'_, PyAny>>,
) -> PyResult<(String, Vec<OpenOrder>)> {
    let mut engine = Engine::new(EngineSettings { seed: 0, sample_every: None, keep_records: false });
    let instruments = instruments.iter().map(|text| instrument(text)).collect::<PyResult<Vec<_>>>()?;
    for definition in &instruments {
        engine.add_instrument(definition.clone());
    }
    for seat in seats {
        let seat = Seat { instrument: seat, ..Seat::default() };
        engine.add_strategy(seat, Box::new(Nobody));
    }
    let wrong = |what: String| kedge_error("UnsafeStateError", what, "the journal is from another set of strategies");
    let last = records.iter().rposition(|record| record.extract::<&str>().is_ok());
    let mut recovery = Recovery::new(engine);
    for (at, record) in records.iter().enumerate() {
        if let Ok(bytes) = record.extract::<&[u8]>() {
            let decision =
                record::decode(bytes).ok_or_else(|| wrong(format!("{} bytes are no decision", bytes.len())))?;
            recovery.take(&decision);
        } else if Some(at) == last {
            let books: Checkpoint =
                serde_json::from_str(record.extract()?).map_err(|error| wrong(error.to_string()))?;
            recovery.checkpoint(&books).map_err(wrong)?;
        }
    }
    let (books, open) = recovery.finish();
    let open = open.iter().map(|order| {
        let request = &order.request;
        let qty = |steps| instruments[usize::from(request.instrument)].quantity_step_in_data.text(steps);
        let side = if request.side == Side::Buy { "buy" } else { "sell" };
        let (whole, filled) = (qty(request.qty), qty(order.filled));
        (order.id, request.strategy, request.instrument, side, whole, filled, order.state.name(), order.last_trade)
    });
    Ok((serde_json::to_string(&books).unwrap_or_default(), open.collect()))
}
