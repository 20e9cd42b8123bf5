//! The engine's context as Python sees it: there during a wake-up, gone after it.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use kedge_core::engine::Context;
use pyo3::prelude::*;

use crate::errors::kedge_error;

/// A pointer to the context of the wake-up that is running (null between wake-ups), shared by every object made from
/// it.
///
/// Atomic only because Python may drop such an object on another thread; the interpreter's lock orders everything else.
#[derive(Clone, Default)]
pub(crate) struct Window {
    context: Arc<AtomicPtr<Context<'static>>>,
    /// Which of the strategy's instruments it looks at; else that of the wake-up.
    on: Option<usize>,
}

/// Closes the window when the wake-up ends, also when it ends by a panic.
struct Open<'a>(&'a Window);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.context.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

impl Window {
    /// The same window, looking at one of the strategy's instruments always.
    pub(crate) fn on(&self, instrument: usize) -> Self {
        Self { context: Arc::clone(&self.context), on: Some(instrument) }
    }

    /// Opens the window on `context` while `wake` runs.
    pub(crate) fn open<R>(&self, context: &mut Context<'_>, wake: impl FnOnce() -> R) -> R {
        self.context.store(ptr::from_mut(context).cast(), Ordering::Relaxed);
        let _open = Open(self);
        wake()
    }

    /// Looks through the window. The interpreter must be attached, and `f` must not call into it.
    ///
    /// # Errors
    /// A `StrategyError` outside a wake-up.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&mut Context<'_>) -> R) -> PyResult<R> {
        let context = self.context.load(Ordering::Relaxed);
        if context.is_null() {
            return Err(kedge_error(
                "StrategyError",
                "`ctx` and what comes from it can be used only within a callback",
                "keep plain numbers, not ctx, book or indicators, for use elsewhere",
            ));
        }
        // SAFETY: the pointer is set by `open` from a `&mut Context` that outlives the wake-up and that the engine does
        // not use while the wake-up runs, and it is cleared when `open` returns. Every caller holds the interpreter's
        // lock and `f` does not call into Python, which alone could give the lock away: no second reference exists
        // while this one does.
        let context = unsafe { &mut *context.cast::<Context<'_>>() };
        Ok(match self.on {
            None => f(context),
            Some(instrument) => f(&mut context.on(instrument)),
        })
    }
}
