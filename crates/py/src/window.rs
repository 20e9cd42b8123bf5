//! The engine's context as Python sees it: there during a wake-up, gone after it.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use kedge_core::engine::Context;
use pyo3::prelude::*;

use crate::errors::kedge_error;

/// A pointer to the context of the wake-up that is running, shared by every object made from it.
#[derive(Clone, Default)]
pub(crate) struct Window(Rc<Cell<Option<NonNull<Context<'static>>>>>);

/// Closes the window when the wake-up ends, also when it ends by a panic.
struct Open<'a>(&'a Window);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.0.set(None);
    }
}

impl Window {
    /// Opens the window on `context` while `wake` runs.
    pub(crate) fn open<R>(&self, context: &mut Context<'_>, wake: impl FnOnce() -> R) -> R {
        self.0.set(Some(NonNull::from(context).cast()));
        let _open = Open(self);
        wake()
    }

    /// Looks through the window.
    ///
    /// # Errors
    /// A `StrategyError` outside a wake-up.
    pub(crate) fn look<R>(&self, f: impl FnOnce(&mut Context<'_>) -> R) -> PyResult<R> {
        match self.0.get() {
            // SAFETY: the pointer is set by `open` from a `&mut Context` that outlives the wake-up and is not used by
            // the engine while it runs, and is cleared when `open` returns. The objects holding a window cannot leave
            // their thread, and `f` never calls into Python, so no second reference exists while this one does.
            Some(context) => Ok(f(unsafe { &mut *context.as_ptr().cast::<Context<'_>>() })),
            None => Err(kedge_error(
                "StrategyError",
                "`ctx` and what comes from it can be used only within a callback",
                "keep plain numbers, not ctx, book or indicators, for use elsewhere",
            )),
        }
    }
}
