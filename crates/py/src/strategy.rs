//! A Python strategy in the engine: its callbacks, bound once, called for what they subscribed to.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use kedge_core::engine::Context;
use kedge_core::strategy::{Fault, Interest, Strategy, Wake};
use kedge_core::types::Nanos;
use pyo3::prelude::*;

use crate::context::PyContext;
use crate::happenings::{PyBar, PyFill, PyOrder, PyQuote, PyTrade, tell};
use crate::views::PyBook;
use crate::window::Window;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(callback_count, module)?)
}

/// Callbacks begun and ended: odd while one runs. A watchdog thread sees from it that a callback does not end.
static CALLBACKS: AtomicU64 = AtomicU64::new(0);

/// How many times a callback was begun or ended in this process; odd while one runs.
#[pyfunction]
fn callback_count() -> u64 {
    CALLBACKS.load(Ordering::Relaxed)
}

/// One callback, counted while it runs. Only the thread that holds the interpreter's lock counts, so that a store after
/// a load loses nothing.
pub(crate) fn counted<R>(callback: impl FnOnce() -> R) -> R {
    let step = || CALLBACKS.store(CALLBACKS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    step();
    let outcome = callback();
    step();
    outcome
}

/// The exception that stopped a strategy, for whoever runs the engine.
pub(crate) type Raised = Rc<RefCell<Option<PyErr>>>;

/// Keeps what a strategy raised at `now`, and gives what the engine is told.
#[cold]
pub(crate) fn keep(raised: &Raised, error: PyErr, now: Nanos) -> Fault {
    // Whoever tells it tells the time as well; an exception that takes no attribute is told without.
    Python::attach(|py| error.value(py).setattr("kedge_time", now).unwrap_or_default());
    let fault = Fault(error.to_string());
    *raised.borrow_mut() = Some(error);
    fault
}

const CALLBACK_NAMES: [&str; 10] = [
    "on_start",
    "on_book",
    "on_trade",
    "on_quote",
    "on_bar",
    "on_funding",
    "on_timer",
    "on_fill",
    "on_order",
    "on_stop",
];

/// One strategy object with its bound callbacks; `None` for those it does not define.
pub(crate) struct PythonStrategy {
    window: Window,
    ctx: Py<PyContext>,
    book: Py<PyBook>,
    callbacks: [Option<Py<PyAny>>; CALLBACK_NAMES.len()],
    told: Told,
    raised: Raised,
}

/// The objects that tell of what happens often.
#[derive(Default)]
struct Told {
    trade: Option<Py<PyTrade>>,
    quote: Option<Py<PyQuote>>,
    bar: Option<Py<PyBar>>,
}

impl PythonStrategy {
    /// Binds a strategy's callbacks. What its class does not define itself (above `base`) is not subscribed to.
    ///
    /// # Errors
    /// Whatever reading its attributes raises.
    pub(crate) fn new(strategy: &Bound<'_, PyAny>, base: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let py = strategy.py();
        let window = Window::default();
        let class = strategy.get_type();
        let mut callbacks = [const { None }; CALLBACK_NAMES.len()];
        for (slot, name) in callbacks.iter_mut().zip(CALLBACK_NAMES) {
            if !class.getattr(name)?.is(&base.getattr(name)?) {
                *slot = Some(strategy.getattr(name)?.unbind());
            }
        }
        Ok(Self {
            ctx: Py::new(py, PyContext::new(py, window.clone())?)?,
            book: Py::new(py, PyBook { window: window.clone() })?,
            window,
            callbacks,
            told: Told::default(),
            raised,
        })
    }

    /// What the callbacks subscribe to.
    pub(crate) fn interest(&self) -> Interest {
        let has =
            |name: &str| CALLBACK_NAMES.iter().position(|n| *n == name).is_some_and(|at| self.callbacks[at].is_some());
        Interest {
            book: has("on_book"),
            trade: has("on_trade"),
            quote: has("on_quote"),
            funding: has("on_funding"),
            fill: has("on_fill"),
            order: has("on_order"),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn call(&mut self, py: Python<'_>, wake: &Wake, ctx: &mut Context<'_>) -> PyResult<()> {
        let at = match wake {
            Wake::Start => 0,
            Wake::Book => 1,
            Wake::Trade(_) => 2,
            Wake::Quote(_) => 3,
            Wake::Bar(..) => 4,
            Wake::Funding(_) => 5,
            Wake::Timer(_) => 6,
            Wake::Fill(..) => 7,
            Wake::Order(_) => 8,
            Wake::Stop => 9,
        };
        let Self { window, ctx: own, book, callbacks, told, .. } = self;
        let Some(callback) = &callbacks[at] else { return Ok(()) };
        let instrument = ctx.instrument();
        let fresh;
        let told: Option<&Py<PyAny>> = match wake {
            Wake::Start | Wake::Stop => None,
            Wake::Book => Some(book.as_any()),
            Wake::Trade(event) => Some(tell(py, &mut told.trade, event, instrument)?.as_any()),
            Wake::Quote(quote) => Some(tell(py, &mut told.quote, quote, instrument)?.as_any()),
            Wake::Bar(_, bar) => Some(tell(py, &mut told.bar, bar, instrument)?.as_any()),
            Wake::Funding(rate) => {
                fresh = (*rate as f64 / 1e9).into_pyobject(py)?.into_any().unbind();
                Some(&fresh)
            }
            Wake::Timer(timer) => {
                fresh = timer.into_pyobject(py)?.into_any().unbind();
                Some(&fresh)
            }
            Wake::Fill(order, fill) => {
                fresh = Py::new(py, PyFill::new(order, fill, instrument))?.into_any();
                Some(&fresh)
            }
            Wake::Order(order) => {
                fresh = Py::new(py, PyOrder::new(order, instrument))?.into_any();
                Some(&fresh)
            }
        };
        let outcome = window.open(ctx, || {
            counted(|| match told {
                None => callback.call1(py, (&*own,)),
                Some(told) => callback.call1(py, (&*own, told)),
            })
        });
        outcome.map(|_| ())
    }
}

impl Strategy for PythonStrategy {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        Python::attach(|py| self.call(py, wake, ctx)).map_err(|error| keep(&self.raised, error, ctx.now()))
    }
}
