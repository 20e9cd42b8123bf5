//! Columns under `benches/data`, as `benches/workloads/columns.py` writes them, repeated in time.

use std::path::{Path, PathBuf};

use kedge_core::event::ColumnsBuf;
use kedge_core::instrument::Instrument;
use kedge_core::types::NO_TIME;
use serde_json::Value;

/// One workload's data.
pub(crate) struct Market {
    pub(crate) instrument: Instrument,
    /// The book before the first event: a `Clear` and its `Level`s.
    pub(crate) snapshot: ColumnsBuf,
    /// The events, as often as the data says.
    pub(crate) rows: ColumnsBuf,
    /// What a rival counts as events, where that is not the rows.
    events: Option<usize>,
}

impl Market {
    /// Reads everything into memory; what is missing or does not fit is named.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("data");
        let about = about(&folder, name)?;
        let instrument = Instrument::from_json(&about["instrument"].to_string()).map_err(|e| e.0)?;
        let once = read(&folder, name, &about)?;
        let repeats = usize::try_from(integer(&about, "repeat")?).map_err(|e| e.to_string())?;
        let rows = repeated(&once, repeats, integer(&about, "period_ns")?);
        let snapshot = format!("{name}_snapshot");
        let snapshot = read(&folder, &snapshot, &self::about(&folder, &snapshot)?)?;
        Ok(Self { instrument, snapshot, rows, events: None })
    }

    /// The same where there is no book.
    pub(crate) fn read_without_snapshot(name: &str) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("data");
        let about = about(&folder, name)?;
        let instrument = Instrument::from_json(&about["instrument"].to_string()).map_err(|e| e.0)?;
        let rows = read(&folder, name, &about)?;
        let events = about["events"].as_u64().and_then(|events| usize::try_from(events).ok());
        Ok(Self { instrument, snapshot: ColumnsBuf::default(), rows, events })
    }

    /// Events, the snapshot not counted.
    pub(crate) fn events(&self) -> usize {
        self.events.unwrap_or(self.rows.flags.len())
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
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (numbers, rest) = bytes.as_chunks::<SIZE>();
    if rest.is_empty() {
        Ok(numbers.iter().map(|&number| from_bytes(number)).collect())
    } else {
        Err(format!("{}: must hold whole numbers of {SIZE} bytes, was {} bytes long", path.display(), bytes.len()))
    }
}

/// `once`, `repeats` times, each time `period` later.
fn repeated(once: &ColumnsBuf, repeats: usize, period: i64) -> ColumnsBuf {
    let shifted = |times: &[i64]| {
        let later = |repeat: usize, time: i64| if time == NO_TIME { time } else { time + period * repeat as i64 };
        (0..repeats).flat_map(|repeat| times.iter().map(move |&time| later(repeat, time))).collect()
    };
    ColumnsBuf {
        ts_event: shifted(&once.ts_event),
        ts_recv: shifted(&once.ts_recv),
        price: once.price.repeat(repeats),
        qty: once.qty.repeat(repeats),
        flags: once.flags.repeat(repeats),
        // Wide rows keep their index: every repetition points at the same wide values.
        wide_price: once.wide_price.clone(),
        wide_qty: once.wide_qty.clone(),
        price_base: once.price_base,
        qty_scale: once.qty_scale,
        order: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kedge_core::event::{Event, Kind, flag};
    use kedge_core::types::Side;

    #[test]
    fn a_repetition_is_the_same_later() {
        let row = |time, qty| Event::new(time, time + 1, Kind::Delta, Side::Buy, 7, qty);
        let once = ColumnsBuf::pack(&[row(10, 3), row(11, 1 << 40), row(NO_TIME, 4)]);
        assert!(once.flags.iter().any(|flags| flags & flag::WIDE != 0));
        let twice = repeated(&once, 2, 100);
        assert!(twice.view().check().is_ok());
        let events: Vec<Event> = twice.view().iter().collect();
        assert_eq!(events[..3], once.view().iter().collect::<Vec<_>>());
        assert_eq!(events[4], Event { ts_event: 111, ts_recv: 112, ..events[1] });
        assert_eq!(events[5].ts_event, NO_TIME);
    }
}
