//! Recorded lines, `<our time, unix ns> <json>`, to the rows of one instrument.

use super::clock::read_clock;
use super::sequence::{Sequence, SequenceCounts, SyncState};
use super::shape::origin;
use super::{Decoder, Diff, Market, Message};
use crate::codec::DecodeError;
use crate::event::{ColumnsBuf, Event};
use crate::instrument::Instrument;
use crate::types::{NO_TIME, Nanos, SECOND};

/// How far the recorder's times may run back before that is an error.
const MAX_RUN_BACK: Nanos = SECOND;
/// How far the recorder's clock may be off.
const MAX_CLOCK_ERROR: Nanos = 86_400 * SECOND;
/// How far after its arrival a message's own time may lie, once the clock is corrected.
const MAX_AHEAD: Nanos = 60 * SECOND;

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Counted from 1 in its file.
    pub line: u64,
    /// What is wrong with it.
    pub error: DecodeError,
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.error)
    }
}

/// What one file held. Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// Lines read.
    pub lines: u64,
    /// Rows that came of them.
    pub rows: u64,
    /// Depth messages.
    pub depth: u64,
    /// Trades.
    pub trades: u64,
    /// Best bids and asks.
    pub quotes: u64,
    /// Mark prices.
    pub marks: u64,
    /// Depth snapshots.
    pub snapshots: u64,
    /// Messages without rows: see [`Message::Ignored`].
    pub ignored: u64,
    /// Breaks, resynchronisations and what was dropped over them.
    pub sequence: SequenceCounts,
    /// Quantities between two steps.
    pub off_step: u64,
    /// Lines that the recorder stamped earlier than one before them.
    pub recv_backwards: u64,
    /// Messages that carry the time they were sent.
    pub timed: u64,
    /// The recorder's clock less the venue's, already subtracted from every `ts_recv`; 0 or negative.
    pub clock_offset: Nanos,
    /// Messages that still seemed to arrive before they were sent.
    pub negative_latencies: u64,
    /// Least latency once the clock is corrected; 0 if nothing was timed.
    pub min_latency: Nanos,
    /// Median latency once the clock is corrected; 0 if nothing was timed.
    pub median_latency: Nanos,
    /// `U` of the first depth message; 0 if there was none.
    pub first_update_id: u64,
    /// The last update that the book has, if it is in sync; else the last one seen; 0 if there was none.
    pub last_update_id: u64,
    /// Whether the book was in sync at the end.
    pub in_sync: bool,
}

/// Decodes the recorded lines of one instrument, file by file, keeping its book's sequence from one to the next.
///
/// Rows get the recorder's time corrected by the file's clock offset, but never before their `ts_event` and never
/// running back. After an error the recording is of no further use.
#[derive(Clone, Debug)]
pub struct Recording {
    decoder: Decoder,
    sequence: Sequence,
    rows: Vec<Event>,
    /// Rows of files that have ended.
    settled: usize,
    /// The last corrected time.
    now: Option<Nanos>,
    file: File,
}

/// The file that is being read.
#[derive(Clone, Debug, Default)]
struct File {
    summary: FileSummary,
    /// The sequence's counts when it began.
    before: SequenceCounts,
    first_recv: Nanos,
    latest_recv: Nanos,
    /// Received less sent, of each message that tells.
    differences: Vec<Nanos>,
    /// The least "received − event", and its line.
    earliest: Option<(Nanos, u64)>,
}

impl Recording {
    /// Reads lines of one instrument of one market. `continue_from` is the last update of a book that is in sync and
    /// that the first file goes on from.
    ///
    /// # Errors
    /// If the instrument's kind is not traded on that market.
    pub fn new(market: Market, instrument: &Instrument, continue_from: Option<u64>) -> Result<Self, DecodeError> {
        let sequence = continue_from.map_or_else(|| Sequence::new(market), |last| Sequence::continuing(market, last));
        let decoder = Decoder::new(market, instrument)?;
        Ok(Self { decoder, sequence, rows: Vec::new(), settled: 0, now: None, file: File::default() })
    }

    /// Reads whole lines, each ended by a line feed.
    ///
    /// # Errors
    /// Names the first line that is not what it should be, its value and the rule.
    pub fn feed(&mut self, lines: &[u8]) -> Result<(), LineError> {
        match std::str::from_utf8(lines) {
            Ok(text) => self.feed_text(text),
            Err(error) => {
                let valid = &lines[..error.valid_up_to()];
                let whole = valid.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                self.feed_text(std::str::from_utf8(&valid[..whole]).expect("checked just now"))?;
                let line = lines[whole..].split(|&byte| byte == b'\n').next().unwrap_or_default();
                self.file.summary.lines += 1;
                let shown = String::from_utf8_lossy(line);
                Err(self.at_line(DecodeError::new("line", &shown, "be UTF-8")))
            }
        }
    }

    fn feed_text(&mut self, text: &str) -> Result<(), LineError> {
        for line in text.split_terminator('\n') {
            self.file.summary.lines += 1;
            self.read_line(line).map_err(|error| self.at_line(error))?;
        }
        Ok(())
    }

    fn at_line(&self, error: DecodeError) -> LineError {
        LineError { line: self.file.summary.lines, error }
    }

    fn read_line(&mut self, line: &str) -> Result<(), DecodeError> {
        let (ts_recv, message) = split(line)?;
        self.check_order(ts_recv)?;
        let start = self.rows.len();
        let decoded = self.decoder.decode_text(message, ts_recv, &mut self.rows)?;
        self.file.check_clock(ts_recv, decoded.sent, decoded.ts_event)?;
        let summary = &mut self.file.summary;
        summary.off_step += decoded.off_step;
        match decoded.message {
            Message::Depth(diff) => {
                self.file.count_diff(&diff);
                self.sequence.diff(diff, ts_recv, &mut self.rows, start);
            }
            Message::Snapshot { last } => {
                summary.snapshots += 1;
                self.sequence.snapshot(last, ts_recv, &mut self.rows, start);
            }
            Message::Trade => summary.trades += 1,
            Message::Quote => summary.quotes += 1,
            Message::Mark => summary.marks += 1,
            Message::Ignored => summary.ignored += 1,
        }
        Ok(())
    }

    fn check_order(&mut self, ts_recv: Nanos) -> Result<(), DecodeError> {
        let file = &mut self.file;
        if file.summary.lines == 1 {
            (file.first_recv, file.latest_recv) = (ts_recv, ts_recv);
        }
        if ts_recv < file.latest_recv {
            file.summary.recv_backwards += 1;
            if file.latest_recv - ts_recv > MAX_RUN_BACK {
                let rule = format!("run back by at most {MAX_RUN_BACK} ns, after {}", file.latest_recv);
                return Err(DecodeError::new("receive time", &ts_recv.to_string(), rule));
            }
        }
        file.latest_recv = file.latest_recv.max(ts_recv);
        Ok(())
    }

    /// Closes the file: corrects its rows' `ts_recv` by its clock offset (the 0.1 % quantile of "received − sent",
    /// where that is negative) and says what it held. A file may follow.
    ///
    /// # Errors
    /// If it begins before the file before it ended, or a message's own time lies after its arrival.
    pub fn end_file(&mut self) -> Result<FileSummary, LineError> {
        let mut file = std::mem::take(&mut self.file);
        let clock = read_clock(&mut file.differences);
        self.check_file(&file, clock.offset)?;
        for row in &mut self.rows[self.settled..] {
            let corrected = row.ts_recv.saturating_sub(clock.offset).max(row.ts_event);
            row.ts_recv = self.now.map_or(corrected, |now| corrected.max(now));
            self.now = Some(row.ts_recv);
        }
        let mut summary = file.summary;
        summary.rows = (self.rows.len() - self.settled) as u64;
        summary.sequence = self.sequence.counts().since(file.before);
        summary.timed = file.differences.len() as u64;
        summary.clock_offset = clock.offset;
        summary.negative_latencies = clock.negative;
        summary.min_latency = clock.min;
        summary.median_latency = clock.median;
        summary.last_update_id = self.sequence.last().unwrap_or(summary.last_update_id);
        summary.in_sync = self.sequence.state() == SyncState::InSync;
        self.settled = self.rows.len();
        self.file.before = self.sequence.counts();
        Ok(summary)
    }

    fn check_file(&self, file: &File, offset: Nanos) -> Result<(), LineError> {
        let first = file.first_recv.saturating_sub(offset);
        if let Some(now) = self.now.filter(|now| file.summary.lines > 0 && first < now - MAX_RUN_BACK) {
            let rule = format!("lie after the end of the file before, {now}: files go in order of time");
            return Err(LineError { line: 1, error: DecodeError::new("receive time", &first.to_string(), rule) });
        }
        match file.earliest {
            Some((difference, line)) if difference - offset < -MAX_AHEAD => {
                let rule = format!("lie at most {MAX_AHEAD} ns after its arrival on the corrected clock");
                let value = format!("{} ns after", offset - difference);
                Err(LineError { line, error: DecodeError::new("event time", &value, rule) })
            }
            _ => Ok(()),
        }
    }

    /// The rows of all files ended since the last call. The book's sequence goes on.
    pub fn take(&mut self) -> ColumnsBuf {
        let columns = ColumnsBuf::pack(&self.rows[..self.settled]);
        self.rows.drain(..self.settled);
        self.settled = 0;
        columns
    }
}

impl File {
    fn check_clock(&mut self, ts_recv: Nanos, sent: Option<Nanos>, ts_event: Nanos) -> Result<(), DecodeError> {
        if let Some(sent) = sent {
            let difference = ts_recv - sent;
            if difference.abs() > MAX_CLOCK_ERROR {
                let rule = format!("be within a day of the venue's time, {sent} ns");
                return Err(DecodeError::new("receive time", &ts_recv.to_string(), rule));
            }
            self.differences.push(difference);
        }
        if ts_event != NO_TIME {
            let here = (ts_recv - ts_event, self.summary.lines);
            self.earliest = Some(self.earliest.map_or(here, |earliest| earliest.min(here)));
        }
        Ok(())
    }

    fn count_diff(&mut self, diff: &Diff) {
        if self.summary.depth == 0 {
            self.summary.first_update_id = diff.first;
        }
        self.summary.depth += 1;
        self.summary.last_update_id = diff.last;
    }
}

fn split(line: &str) -> Result<(Nanos, &str), DecodeError> {
    let wrong = || DecodeError::new("line", line, "be `<unix ns> <json>`");
    let (stamp, message) = line.split_once(' ').ok_or_else(wrong)?;
    let digits = !stamp.is_empty() && stamp.bytes().all(|byte| byte.is_ascii_digit());
    let ts_recv = stamp.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    Ok((ts_recv, message))
}

/// The market and symbol of one recorded line, if the line alone can tell: a snapshot or an event of no interest
/// cannot, nor can a line that is not what it should be.
pub fn detect(line: &[u8]) -> Option<(Market, String)> {
    let (_, message) = split(std::str::from_utf8(line).ok()?.trim_end_matches('\n')).ok()?;
    origin(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::types::MILLISECOND;

    const USDM: &str = r#"{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual",
        "tick_size": "0.1", "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "100",
        "maker_fee": "0.0002", "taker_fee": "0.0005", "settle": "USDT"}"#;
    const START: Nanos = 1_723_161_255_000_000_000;

    fn recording(continue_from: Option<u64>) -> Recording {
        Recording::new(Market::UsdM, &Instrument::from_json(USDM).unwrap(), continue_from).unwrap()
    }

    fn depth(received: Nanos, matched: Nanos, ids: (u64, u64, u64), level: &str) -> String {
        let (event, matched) = ((START + matched) / MILLISECOND + 1, (START + matched) / MILLISECOND);
        let (first, last, previous) = ids;
        format!(
            "{} {{\"e\":\"depthUpdate\",\"E\":{event},\"T\":{matched},\"s\":\"BTCUSDT\",\"U\":{first},\"u\":{last},\
             \"pu\":{previous},\"b\":[{level}],\"a\":[]}}\n",
            START + received
        )
    }

    fn snapshot(received: Nanos, last: u64) -> String {
        format!("{} {{\"lastUpdateId\":{last},\"bids\":[[\"1.0\",\"2\"]],\"asks\":[]}}\n", START + received)
    }

    const MS: Nanos = MILLISECOND;

    #[test]
    fn the_clock_is_corrected_before_anything_else_sees_the_rows() {
        let mut recording = recording(None);
        // Sent at 0, 100 and 200 ms, received 990 ms before that, by a clock a second behind; the first waits.
        let lines = [
            depth(-991 * MS, -MS, (1, 10, 0), r#"["1.1","1"]"#),
            snapshot(-900 * MS, 5),
            depth(-890 * MS, 99 * MS, (11, 20, 10), r#"["1.2","1"]"#),
            depth(-795 * MS, 199 * MS, (21, 30, 20), r#"["1.3","0"]"#),
        ];
        recording.feed(lines.concat().as_bytes()).unwrap();
        let summary = recording.end_file().unwrap();
        assert_eq!((summary.lines, summary.rows, summary.depth, summary.snapshots), (4, 5, 3, 1));
        assert_eq!((summary.clock_offset, summary.negative_latencies), (-995 * MS, 0));
        assert_eq!((summary.min_latency, summary.median_latency), (0, 4 * MS));
        assert_eq!((summary.first_update_id, summary.last_update_id, summary.in_sync), (1, 30, true));
        let rows: Vec<_> = recording.take().view().iter().map(|e| (e.kind(), e.price, e.ts_recv - START)).collect();
        assert_eq!(
            rows,
            [
                (Kind::Clear, 0, 95 * MS),
                (Kind::Level, 10, 95 * MS),
                (Kind::Delta, 11, 95 * MS),
                (Kind::Delta, 12, 105 * MS),
                (Kind::Delta, 13, 200 * MS),
            ]
        );
        assert!(recording.take().flags.is_empty());
    }

    #[test]
    fn latency_is_not_taken_for_an_offset() {
        let mut recording = recording(Some(0));
        recording.feed(depth(40 * MS, 0, (1, 10, 0), r#"["1.1","1"]"#).as_bytes()).unwrap();
        let summary = recording.end_file().unwrap();
        assert_eq!((summary.clock_offset, summary.min_latency), (0, 39 * MS));
        assert_eq!(recording.take().ts_recv, [START + 40 * MS]);
    }

    #[test]
    fn times_never_run_back_and_never_precede_the_event() {
        let mut recording = recording(Some(0));
        let lines = [
            depth(10 * MS, 0, (1, 10, 0), r#"["1.1","1"]"#),
            depth(9 * MS, 8 * MS, (11, 20, 10), r#"["1.2","1"]"#),
            depth(20 * MS, 30 * MS, (21, 30, 20), r#"["1.3","1"]"#),
            depth(25 * MS, 20 * MS, (31, 40, 30), r#"["1.4","1"]"#),
        ];
        recording.feed(lines.concat().as_bytes()).unwrap();
        // The least difference, −11 ms, is the offset: too few messages for it to be an outlier.
        let summary = recording.end_file().unwrap();
        assert_eq!((summary.recv_backwards, summary.clock_offset), (1, -11 * MS));
        let late: Vec<Nanos> = recording.take().ts_recv.iter().map(|t| t - START).collect();
        assert_eq!(late, [21 * MS, 21 * MS, 31 * MS, 36 * MS]);
    }

    #[test]
    fn a_message_from_ahead_of_its_time_waits_for_it() {
        let mut recording = recording(Some(0));
        let lines: Vec<String> = (0..2_000)
            .map(|i| {
                let last = 10 * i as u64 + 10;
                let matched = if i == 700 { 725 } else { i };
                depth((i + 5) * MS, matched * MS, (last - 9, last, last - 10), r#"["1.1","1"]"#)
            })
            .collect();
        recording.feed(lines.concat().as_bytes()).unwrap();
        let summary = recording.end_file().unwrap();
        assert_eq!((summary.clock_offset, summary.negative_latencies, summary.min_latency), (0, 1, -21 * MS));
        let late: Vec<Nanos> = recording.take().ts_recv.iter().map(|t| (t - START) / MS).collect();
        assert_eq!((late[699], late[700], late[719], late[720], late[721]), (704, 725, 725, 725, 726));
    }

    #[test]
    fn files_follow_each_other() {
        let mut recording = recording(None);
        recording.feed((snapshot(0, 5) + &depth(10 * MS, 9 * MS, (3, 10, 2), "")).as_bytes()).unwrap();
        assert!(recording.end_file().unwrap().in_sync);
        recording.feed(depth(20 * MS, 19 * MS, (15, 20, 14), r#"["1.2","1"]"#).as_bytes()).unwrap();
        let second = recording.end_file().unwrap();
        assert_eq!((second.lines, second.sequence.gaps, second.in_sync), (1, 1, false));
        assert_eq!((second.first_update_id, second.last_update_id), (15, 20));
        assert_eq!(recording.take().view().iter().last().unwrap().kind(), Kind::Gap);

        recording.feed(snapshot(-5 * SECOND, 5).as_bytes()).unwrap();
        let error = recording.end_file().unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("order of time"), "{error}");
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let good = depth(0, 0, (1, 10, 0), r#"["1.1","1"]"#);
        let late = depth(0, 0, (11, 20, 10), "").replacen("172316125500", "172324875500", 1);
        for (second, field, rule) in [
            ("\n".to_owned(), "line", "<unix ns> <json>"),
            ("garbage\n".to_owned(), "line", "<unix ns> <json>"),
            ("+1723161255000000000 {}\n".to_owned(), "line", "<unix ns> <json>"),
            ("99999999999999999999 {}\n".to_owned(), "line", "<unix ns> <json>"),
            (good[..90].to_owned(), "message", "JSON"),
            (good.replace("1.1", "1.15"), "b[0] price", "ticks of 0.1"),
            (good.replace("\"1\"", "\"-1\""), "b[0] quantity", "at least 0"),
            (depth(-1_001 * MS, 0, (11, 20, 10), ""), "receive time", "run back"),
            (late, "receive time", "within a day"),
        ] {
            let mut recording = recording(None);
            let error = recording.feed((good.clone() + &second).as_bytes()).unwrap_err();
            assert_eq!((error.line, error.error.field.as_str()), (2, field), "{error}");
            assert!(error.error.rule.contains(rule), "{error}");
        }
        let mut bytes = good.clone().into_bytes();
        bytes.extend(b"1723161255000000000 \xff\n");
        let error = recording(None).feed(&bytes).unwrap_err();
        assert_eq!((error.line, error.error.rule.as_str()), (2, "be UTF-8"));
    }

    #[test]
    fn an_event_long_after_its_arrival_is_refused() {
        let mut recording = recording(Some(0));
        let mut lines: Vec<String> = (0..2_000)
            .map(|i| depth(i * MS, i * MS, (10 * i as u64 + 1, 10 * i as u64 + 10, 10 * i as u64), r#"["1.1","1"]"#))
            .collect();
        lines[7] = lines[7].replace("\"T\":1723161255007", "\"T\":1723161355007");
        recording.feed(lines.concat().as_bytes()).unwrap();
        let error = recording.end_file().unwrap_err();
        assert_eq!((error.line, error.error.field.as_str()), (8, "event time"));
    }

    #[test]
    fn a_line_tells_its_market() {
        let line = depth(0, 0, (1, 10, 0), "");
        assert_eq!(detect(line.as_bytes()), Some((Market::UsdM, "BTCUSDT".to_owned())));
        assert_eq!(detect(snapshot(0, 1).as_bytes()), None);
        assert_eq!(detect(b"garbage"), None);
    }
}
