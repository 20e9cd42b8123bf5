//! Inputs of a live session as records of its journal, and back: what a replay takes is what the session took.

use kedge_core::event::{Columns, ColumnsBuf, Event};
use kedge_core::live::{Act, Input};
use kedge_core::record::{self, Decision};
use kedge_core::types::{InstrumentIx, Nanos, StrategyIx};
use kedge_journal::kind;
use kedge_journal::market_block::{self, MarketBlock};
use serde_json::{Value, json};

/// The first bytes of decisions that are inputs of a live session: they stand in its journal as such.
pub(crate) const INPUT_TAGS: [u8; 3] = [4, 8, 9];

/// Kind and payload of the record of an input taken at `now`.
///
/// # Errors
/// Says why rows cannot be packed.
pub(crate) fn written(now: Nanos, input: &Input<'_>) -> Result<(u8, Vec<u8>), String> {
    let decision = |kind, decision| {
        let mut payload = Vec::new();
        record::encode(&decision, &mut payload);
        Ok((kind, payload))
    };
    match *input {
        Input::Rows(instrument, rows) => Ok((kind::MARKET, block(instrument, rows)?)),
        Input::Report(mut report) => {
            report.ts_recv = now;
            decision(kind::REPORT, Decision::Report(report))
        }
        Input::EarlierFill { order, request, fill } => {
            decision(kind::EARLIER_FILL, Decision::EarlierFill { ts: now, order, request, fill })
        }
        Input::Funding { instrument, amount, ts_venue } => {
            decision(kind::FUNDING, Decision::Funding { ts: now, instrument, ts_venue, amount })
        }
        Input::Act(act) => Ok((kind::SETTING, act_json(act).to_string().into_bytes())),
        Input::Time => Ok((kind::TIMER, now.to_le_bytes().to_vec())),
    }
}

fn block(instrument: InstrumentIx, rows: &[Event]) -> Result<Vec<u8>, String> {
    let columns = ColumnsBuf::pack(rows);
    let block = MarketBlock {
        stream: instrument,
        price_base: columns.price_base,
        qty_scale: columns.qty_scale.max(1),
        ts_event: columns.ts_event.into(),
        ts_recv: columns.ts_recv.into(),
        price: columns.price.into(),
        qty: columns.qty.into(),
        flags: columns.flags.into(),
        wide_price: columns.wide_price.into(),
        wide_qty: columns.wide_qty.into(),
    };
    let mut payload = Vec::new();
    market_block::encode(&block, &mut payload)?;
    Ok(payload)
}

fn act_json(act: Act) -> Value {
    match act {
        Act::Halt => json!({"act": "halt", "id": 0}),
        Act::Resume => json!({"act": "resume", "id": 0}),
        Act::Cancel(order) => json!({"act": "cancel", "id": order}),
        Act::Stop(strategy) => json!({"act": "stop", "id": strategy}),
        Act::Start(strategy) => json!({"act": "start", "id": strategy}),
        Act::End => json!({"act": "end", "id": 0}),
    }
}

/// The input of a record and the time it was taken at; the rows of a market block are left in `rows`.
///
/// `ts_engine` is the record's own time, `strategies` how many there are.
///
/// # Errors
/// Says what the record should have been.
pub(crate) fn read<'a>(
    kind: u8,
    ts_engine: Nanos,
    payload: &[u8],
    strategies: usize,
    rows: &'a mut Vec<Event>,
) -> Result<(Nanos, Input<'a>), String> {
    match kind {
        kind::MARKET => {
            let instrument = read_rows(payload, rows)?;
            return Ok((ts_engine, Input::Rows(instrument, rows)));
        }
        kind::SETTING => return Ok((ts_engine, Input::Act(read_act(payload, strategies)?))),
        kind::TIMER => {
            let now = payload.try_into().map(i64::from_le_bytes);
            return now.map(|now| (now, Input::Time)).map_err(|_| format!("a time has 8 bytes, had {}", payload.len()));
        }
        _ => {}
    }
    match (kind, record::decode(payload)) {
        (kind::REPORT, Some(Decision::Report(report))) => Ok((report.ts_recv, Input::Report(report))),
        (kind::EARLIER_FILL, Some(Decision::EarlierFill { ts, order, request, fill })) => {
            Ok((ts, Input::EarlierFill { order, request, fill }))
        }
        (kind::FUNDING, Some(Decision::Funding { ts, instrument, ts_venue, amount })) => {
            Ok((ts, Input::Funding { instrument, amount, ts_venue }))
        }
        _ => Err(format!("a record of kind {kind} and {} bytes is no input of a live session", payload.len())),
    }
}

/// The rows of a market block, left in `rows`; whose they are.
///
/// # Errors
/// Says what of the block does not fit.
pub(crate) fn read_rows(payload: &[u8], rows: &mut Vec<Event>) -> Result<InstrumentIx, String> {
    let block = market_block::decode(payload)?;
    let columns = Columns {
        ts_event: &block.ts_event,
        ts_recv: &block.ts_recv,
        price: &block.price,
        qty: &block.qty,
        flags: &block.flags,
        wide_price: &block.wide_price,
        wide_qty: &block.wide_qty,
        price_base: block.price_base,
        qty_scale: block.qty_scale,
        shift: 0,
    };
    columns.check()?;
    rows.clear();
    rows.extend(columns.iter());
    Ok(block.stream)
}

fn read_act(payload: &[u8], strategies: usize) -> Result<Act, String> {
    let json: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let id = json["id"].as_u64().ok_or("a setting needs an `id`")?;
    let strategy = StrategyIx::try_from(id).ok().filter(|ix| usize::from(*ix) < strategies);
    let strategy = strategy.ok_or_else(|| format!("there is no strategy {id}"));
    match json["act"].as_str() {
        Some("halt") => Ok(Act::Halt),
        Some("resume") => Ok(Act::Resume),
        Some("cancel") => Ok(Act::Cancel(id)),
        Some("stop") => Ok(Act::Stop(strategy?)),
        Some("start") => Ok(Act::Start(strategy?)),
        Some("end") => Ok(Act::End),
        other => Err(format!("no setting is called {other:?}")),
    }
}
