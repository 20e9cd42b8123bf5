//! Columns under `benches/data`, as `benches/workloads/columns.py` writes them, repeated in time.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use kedge_core::event::{Columns, ColumnsBuf};
use kedge_core::instrument::Instrument;
use serde_json::Value;

/// One workload's data.
pub(crate) struct Market {
    pub(crate) instrument: Instrument,
    /// The book before the first event: a `Clear` and its `Level`s.
    pub(crate) snapshot: ColumnsBuf,
    /// The events, once.
    pub(crate) rows: ColumnsBuf,
    /// How often they are played, each time so much later.
    repeats: usize,
    period: i64,
    /// What a rival counts as events, where that is not the rows.
    events: Option<usize>,
}

impl Market {
    /// Reads everything into memory; what is missing or does not fit is named.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("data");
        let about = about(&folder, name)?;
        let instrument = Instrument::from_json(&about["instrument"].to_string()).map_err(|e| e.0)?;
        let rows = read(&folder, name, &about)?;
        let repeats = usize::try_from(integer(&about, "repeat")?).map_err(|e| e.to_string())?;
        let period = integer(&about, "period_ns")?;
        let snapshot = format!("{name}_snapshot");
        let snapshot = read(&folder, &snapshot, &self::about(&folder, &snapshot)?)?;
        Ok(Self { instrument, snapshot, rows, repeats, period, events: None })
    }

    /// The same where there is no book.
    pub(crate) fn read_without_snapshot(name: &str) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("data");
        let about = about(&folder, name)?;
        let instrument = Instrument::from_json(&about["instrument"].to_string()).map_err(|e| e.0)?;
        let rows = read(&folder, name, &about)?;
        let events = about["events"].as_u64().and_then(|events| usize::try_from(events).ok());
        Ok(Self { instrument, snapshot: ColumnsBuf::default(), rows, repeats: 1, period: 0, events })
    }

    /// The snapshot, then the rows as often as they are played: the same memory each time.
    pub(crate) fn blocks(&self) -> Vec<Columns<'_>> {
        let rows = (0..self.repeats).map(|repeat| self.rows.view().later(self.period * repeat as i64));
        std::iter::once(self.snapshot.view()).chain(rows).collect()
    }

    /// Events, the snapshot not counted.
    pub(crate) fn events(&self) -> usize {
        self.events.unwrap_or(self.rows.flags.len() * self.repeats)
    }
}

fn about(folder: &Path, name: &str) -> Result<Value, String> {
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read(&path).map_err(|e| format!("{}: {e}. `make bench` makes it.", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn integer(about: &Value, key: &str) -> Result<i64, String> {
    about[key].as_i64().ok_or_else(|| format!("`{key}` must be a whole number, was {}", about[key]))
}

fn read(folder: &Path, name: &str, about: &Value) -> Result<ColumnsBuf, String> {
    let path = |column: &str| folder.join(format!("{name}.{column}"));
    let columns = ColumnsBuf {
        ts_event: numbers(&path("ts_event.i64"), i64::from_le_bytes)?,
        ts_recv: numbers(&path("ts_recv.i64"), i64::from_le_bytes)?,
        price: numbers(&path("price.i32"), i32::from_le_bytes)?,
        qty: numbers(&path("qty.i32"), i32::from_le_bytes)?,
        flags: numbers(&path("flags.u8"), u8::from_le_bytes)?,
        wide_price: numbers(&path("wide_price.i64"), i64::from_le_bytes)?,
        wide_qty: numbers(&path("wide_qty.i64"), i64::from_le_bytes)?,
        price_base: integer(about, "price_base")?,
        qty_scale: integer(about, "qty_scale")?,
        order: Vec::new(),
    };
    columns.view().check().map_err(|e| format!("{name}: {e}"))?;
    Ok(columns)
}

fn numbers<T, const SIZE: usize>(path: &PathBuf, from_bytes: fn([u8; SIZE]) -> T) -> Result<Vec<T>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(fail)?;
    let size = usize::try_from(file.metadata().map_err(fail)?.len()).map_err(|e| e.to_string())?;
    if size % SIZE != 0 {
        return Err(format!("{}: must hold whole numbers of {SIZE} bytes, was {size} bytes long", path.display()));
    }
    let (mut numbers, mut bytes) = (Vec::with_capacity(size / SIZE), vec![0; size.min(1 << 16)]);
    while numbers.len() < size / SIZE {
        let part = bytes.len().min(size - numbers.len() * SIZE);
        file.read_exact(&mut bytes[..part]).map_err(fail)?;
        numbers.extend(bytes[..part].as_chunks::<SIZE>().0.iter().map(|&number| from_bytes(number)));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kedge_core::event::{Event, Kind};
    use kedge_core::types::{NO_TIME, Side};

    #[test]
    fn a_repetition_is_the_same_later() {
        let row = |time, qty| Event::new(time, time + 1, Kind::Delta, Side::Buy, 7, qty);
        let (rows, snapshot) =
            (ColumnsBuf::pack(&[row(10, 3), row(11, 1 << 40), row(NO_TIME, 4)]), ColumnsBuf::default());
        let id = r#"{"id": "A/B@c", "symbol": "AB", "kind": "spot", "tick_size": "1", "lot_size": "1",
            "quantity_step_in_data": "1", "min_notional": "0", "maker_fee": "0", "taker_fee": "0"}"#;
        let instrument = Instrument::from_json(id).unwrap();
        let market = Market { instrument, snapshot, rows, repeats: 3, period: 50, events: None };
        let events: Vec<Vec<Event>> = market.blocks().iter().map(|block| block.iter().collect()).collect();
        assert_eq!((events.len(), market.events()), (4, 9));
        assert_eq!(events[1], market.rows.view().iter().collect::<Vec<_>>());
        let later = 2 * 50;
        assert_eq!(events[3][1], Event { ts_event: 11 + later, ts_recv: 12 + later, ..events[1][1] });
        assert_eq!(events[3][2].ts_event, NO_TIME);
    }
}
