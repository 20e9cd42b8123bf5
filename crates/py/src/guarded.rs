//! A value that holds reference-counted cells, kept where only one thread at a time can touch it.

use std::sync::Mutex;

use pyo3::prelude::*;

use crate::errors::kedge_error;

/// A value that only its owner's methods touch, called by whoever holds the interpreter's lock.
pub(crate) struct Guarded<T> {
    inner: Mutex<SendBox<T>>,
}

/// SAFETY of the two lines below: the value is only touched through [`Guarded::with`] and dropped with its Python
/// object, both by whoever holds the interpreter's lock, and what is given to `with` never gives that lock away except
/// to the strategies' callbacks, which cannot come in again past the mutex. So its reference counts are never changed
/// by two threads at once.
struct SendBox<T>(T);
unsafe impl<T> Send for SendBox<T> {}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { inner: Mutex::new(SendBox(value)) }
    }

    /// Works on the value.
    ///
    /// # Errors
    /// A `UsageError` if a callback of the value's own strategies asks for it, and whatever `work` gives.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> PyResult<R>) -> PyResult<R> {
        let Ok(mut inner) = self.inner.try_lock() else {
            return Err(kedge_error("UsageError", "a callback must not call the session it runs in", ""));
        };
        work(&mut inner.0)
    }
}
