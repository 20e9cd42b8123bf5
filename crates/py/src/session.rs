//! What lives on the trader's one thread: the engine, its journal, and the commands that wait to be sent.

use kedge_core::codec::binance::Market;
use kedge_core::event::Event;
use kedge_core::live::{Input, Live};
use kedge_core::record;
use kedge_core::types::{InstrumentIx, Nanos, StrategyIx};
use kedge_journal::{GroupCommitter, Stream, kind};
use pyo3::prelude::*;
use serde_json::json;

use crate::commands::Command;
use crate::errors::kedge_error;
use crate::inputs::{self, INPUT_TAGS};
use crate::journal::raised as journal_error;
use crate::strategy::Raised;

/// A live session at work.
pub(crate) struct Session {
    pub(crate) live: Live,
    pub(crate) committer: Option<GroupCommitter>,
    pub(crate) rows: Vec<Event>,
    /// The sequence of the last record appended.
    pub(crate) appended: u64,
    pub(crate) commands: Vec<Command>,
    pub(crate) strategies: Vec<Py<PyAny>>,
    pub(crate) raised: Vec<Raised>,
    pub(crate) told_faults: usize,
    pub(crate) noted_faults: usize,
    pub(crate) markets: Vec<Market>,
}

impl Session {
    pub(crate) fn committer(&self) -> PyResult<&GroupCommitter> {
        self.committer.as_ref().ok_or_else(|| kedge_error("UsageError", "the live session is closed", ""))
    }

    pub(crate) fn append(
        &mut self,
        stream: Stream,
        kind: u8,
        ts: Nanos,
        wall: Nanos,
        payload: Vec<u8>,
    ) -> PyResult<()> {
        self.queue(stream, kind, ts, wall, payload)?;
        self.committer()?.begin();
        Ok(())
    }

    /// Appends a record that others follow: one commit for an input and what was decided on it.
    fn queue(&mut self, stream: Stream, kind: u8, ts: Nanos, wall: Nanos, payload: Vec<u8>) -> PyResult<()> {
        let seq = self.committer()?.queue(stream, kind, ts, wall, payload);
        self.appended = seq.map_err(|error| journal_error(&error))?;
        Ok(())
    }

    /// Takes one input: first into the journal, then into the engine, then what was decided into the journal.
    pub(crate) fn take(&mut self, wall: Nanos, input: &Input<'_>) -> PyResult<()> {
        let now = wall.max(self.live.now());
        let (kind, payload) = inputs::written(now, input).map_err(|error| kedge_error("KedgeError", error, ""))?;
        self.queue(Stream::Inputs, kind, now, wall, payload)?;
        self.live.take(now, input);
        self.note_faults(now, wall)?;
        self.settle(now, wall)
    }

    /// Takes the rows of one message; one without rows still lets time pass.
    pub(crate) fn take_rows(&mut self, wall: Nanos, instrument: InstrumentIx) -> PyResult<()> {
        if self.rows.is_empty() {
            return self.pass(wall);
        }
        let rows = std::mem::take(&mut self.rows);
        let outcome = self.take(wall, &Input::Rows(instrument, &rows));
        self.rows = rows;
        outcome
    }

    /// Lets time pass, if it has something to do.
    pub(crate) fn pass(&mut self, wall: Nanos) -> PyResult<()> {
        if self.live.is_due(wall) { self.take(wall, &Input::Time) } else { Ok(()) }
    }

    /// Which strategy raised at which of its wake-ups: a replay obeys that, whatever made it raise.
    fn note_faults(&mut self, now: Nanos, wall: Nanos) -> PyResult<()> {
        let engine = self.live.engine();
        let note = |(strategy, fault): &(StrategyIx, kedge_core::strategy::Fault)| {
            json!({"strategy": strategy, "wake": engine.wakes(*strategy), "error": fault.0}).to_string()
        };
        let notes: Vec<String> = engine.faults()[self.noted_faults..].iter().map(note).collect();
        self.noted_faults += notes.len();
        notes.into_iter().try_for_each(|text| self.queue(Stream::Inputs, kind::FAULT, now, wall, text.into_bytes()))
    }

    /// Puts what the engine decided into the journal and its commands into the queue.
    pub(crate) fn settle(&mut self, now: Nanos, wall: Nanos) -> PyResult<()> {
        let bytes = self.live.engine().log().drain();
        for record in record::split(&bytes).unwrap_or_default() {
            let kind = match record[0] {
                1..=3 => kind::COMMAND,
                5 => kind::POSTING,
                6 => kind::REFUSAL,
                tag if INPUT_TAGS.contains(&tag) => continue,
                _ => kind::STOPPED,
            };
            self.queue(Stream::Decisions, kind, now, wall, record.to_vec())?;
        }
        let asked: Vec<kedge_core::matching::Command> = self.live.engine().commands().collect();
        for command in asked {
            let command = Command::new(self.live.engine(), command.instrument, &command.request, self.appended);
            self.commands.push(command);
        }
        self.committer()?.begin();
        Ok(())
    }
}
