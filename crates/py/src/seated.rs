//! An engine with its instruments, strategies and books, as a live session and its replay begin with it.

use std::rc::Rc;

use kedge_core::engine::{Checkpoint, Engine, Seat};
use kedge_core::instrument::Instrument;
use kedge_core::types::{InstrumentIx, Money};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::backtest::{Settings, parse_limits};
use crate::errors::kedge_error;
use crate::kinds;
use crate::strategy::Raised;

/// (Index of the instrument, limits as JSON, strategy object, base class).
pub(crate) type SeatArguments<'py> = (InstrumentIx, String, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The engine and what Python keeps of its strategies.
pub(crate) struct Seated {
    pub(crate) engine: Engine,
    pub(crate) strategies: Vec<Py<PyAny>>,
    pub(crate) raised: Vec<Raised>,
    deposits: Vec<(String, Money)>,
}

impl Seated {
    /// Seats the strategies over the instruments.
    ///
    /// # Errors
    /// A `UsageError` naming the setting, limit or instrument that does not fit.
    pub(crate) fn new(settings: &str, instruments: Vec<Instrument>, seats: &[SeatArguments<'_>]) -> PyResult<Self> {
        let settings = Settings::parse(settings)?;
        let mut engine = Engine::new(settings.engine);
        let count = instruments.len();
        for instrument in instruments {
            engine.add_instrument(instrument);
        }
        let (mut strategies, mut raised) = (Vec::new(), Vec::new());
        for (at, limits, object, base) in seats {
            if usize::from(*at) >= count {
                return Err(kedge_error("UsageError", format!("there is no instrument {at}, only {count}"), ""));
            }
            let own = Raised::default();
            let (interest, strategy) = kinds::seated(object, base, Rc::clone(&own))?;
            let limits = parse_limits(limits, engine.instrument(*at))?;
            engine.add_strategy(Seat { instrument: *at, interest, limits, ..Seat::default() }, strategy);
            strategies.push(object.clone().unbind());
            raised.push(own);
        }
        // The venue's client has no words for other orders yet.
        engine.only_plain_orders();
        Ok(Self { engine, strategies, raised, deposits: settings.deposits })
    }

    /// Takes over books and what the strategies saved with them.
    ///
    /// # Errors
    /// An `UnsafeStateError` if the books are another engine's, and whatever a strategy's `load` raises.
    pub(crate) fn restore(&mut self, py: Python<'_>, books: &Checkpoint) -> PyResult<()> {
        let hint = "the settings changed since the last session";
        self.engine.restore(books).map_err(|what| kedge_error("UnsafeStateError", what, hint))?;
        for (strategy, saved) in self.strategies.iter().zip(&books.saved) {
            if let Some(text) = saved {
                let state = py.import("base64")?.call_method1("b64decode", (text, py.None(), true))?;
                strategy.call_method1(py, "load", (state,))?;
            }
        }
        Ok(())
    }

    /// Makes the deposits of the settings, where the books begin with them.
    pub(crate) fn deposit(&mut self, books: &Checkpoint) {
        for (currency, amount) in self.deposits.iter().filter(|_| books.deposits_follow) {
            self.engine.deposit(currency, *amount);
        }
    }
}

/// The books of a checkpoint's JSON.
///
/// # Errors
/// An `UnsafeStateError` if the text is none.
pub(crate) fn books(text: &str) -> PyResult<Checkpoint> {
    serde_json::from_str(text)
        .map_err(|error| kedge_error("UnsafeStateError", format!("the checkpoint cannot be read: {error}"), ""))
}

/// What each strategy wants to remember, as base64; one whose `save` raises or gives no bytes remembers nothing.
pub(crate) fn saved(py: Python<'_>, strategies: &[Py<PyAny>]) -> Vec<Option<String>> {
    let encoded = |strategy: &Py<PyAny>| -> PyResult<String> {
        let state = strategy.call_method0(py, "save")?.into_bound(py).cast_into::<PyBytes>()?;
        py.import("base64")?.call_method1("b64encode", (state,))?.call_method0("decode")?.extract()
    };
    strategies.iter().map(|strategy| encoded(strategy).ok()).collect()
}
