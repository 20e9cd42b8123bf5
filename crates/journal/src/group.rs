//! Group commit: a thread owns the writer, callers hand it records, and one pair of syncs serves all that wait.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Result};
use crate::format::{FRAME_LEN_MAX, Stream};
use crate::writer::{Admission, Writer};

/// Payload bytes that may wait, all records together, unless a single one is longer.
const QUEUED_BYTES_MAX: usize = FRAME_LEN_MAX;

/// A record on its way to the thread.
struct Queued {
    stream: Stream,
    kind: u8,
    ts_engine: i64,
    ts_wall: i64,
    payload: Vec<u8>,
}

struct State {
    admission: Admission,
    queue: Vec<Queued>,
    queued_bytes: usize,
    /// No record comes any more: commit what is queued and end.
    is_closing: bool,
    /// End as a crash would.
    is_dropped: bool,
    failed: Option<Error>,
}

struct Shared {
    state: Mutex<State>,
    not_full: Condvar,
    not_empty: Condvar,
    committed: Condvar,
    durable: AtomicU64,
    waker: OwnedFd,
    capacity: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // State is changed in single steps, so that what a panicking holder leaves is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the event loop. A full counter means that it has not looked since: nothing is lost.
    fn wake(&self) {
        let _ = rustix::io::write(&self.waker, &1_u64.to_ne_bytes());
    }

    fn fail(&self, error: Error) {
        self.lock().failed.get_or_insert(error);
        self.not_full.notify_all();
        self.committed.notify_all();
        self.wake();
    }
}

/// Appends from any thread, commits in groups. Dropping it loses what was not committed, as a crash does.
pub struct GroupCommitter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for GroupCommitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupCommitter(durable {})", self.durable())
    }
}

impl GroupCommitter {
    /// Starts the thread. At most `capacity` records wait for it; then [`Self::append`] waits.
    ///
    /// # Errors
    /// [`Error::Usage`] for no capacity; [`Error::Io`] if the system has no thread or eventfd left.
    pub fn spawn(writer: Writer, capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(Error::Usage("`capacity` must be at least 1, was 0".into()));
        }
        let folder = writer.folder().to_owned();
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::io("eventfd", &folder)(error.into()))?;
        let state = State {
            admission: writer.admission.clone(),
            queue: Vec::new(),
            queued_bytes: 0,
            is_closing: false,
            is_dropped: false,
            failed: writer.failed.clone(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            not_full: Condvar::new(),
            not_empty: Condvar::new(),
            committed: Condvar::new(),
            durable: AtomicU64::new(writer.durable()),
            waker,
            capacity,
        });
        let run = Commit { shared: Arc::clone(&shared), writer };
        let thread = thread::Builder::new().name("journal".into()).spawn(move || run.until_closed());
        let thread = Some(thread.map_err(Error::io("start a thread", &folder))?);
        Ok(Self { shared, thread })
    }

    /// Queues a record and gives its sequence; waits while the queue is full. Times in ns since the Unix epoch, UTC.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn append(&self, stream: Stream, kind: u8, ts_engine: i64, ts_wall: i64, payload: Vec<u8>) -> Result<u64> {
        let seq = self.queue(stream, kind, ts_engine, ts_wall, payload)?;
        self.begin();
        Ok(seq)
    }

    /// As [`Self::append`], for the first of several records that belong together: they are left until
    /// [`Self::begin`], so that one commit serves them all. A commit that ends meanwhile is followed by theirs anyway.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn queue(&self, stream: Stream, kind: u8, ts_engine: i64, ts_wall: i64, payload: Vec<u8>) -> Result<u64> {
        let mut state = self.shared.lock();
        while state.failed.is_none() && !self.has_room(&state, payload.len()) {
            self.begin();
            state = self.shared.not_full.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        // Sequence and place in the queue are given under one lock, so that the file has them in the same order.
        let seq = state.admission.admit(stream, kind, payload.len())?;
        state.queued_bytes += payload.len();
        state.queue.push(Queued { stream, kind, ts_engine, ts_wall, payload });
        Ok(seq)
    }

    /// Lets what is queued be committed.
    pub fn begin(&self) {
        self.shared.not_empty.notify_one();
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        state.queue.is_empty()
            || (state.queue.len() < self.shared.capacity && state.queued_bytes + bytes <= QUEUED_BYTES_MAX)
    }

    /// The last sequence that a crash cannot take.
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// An eventfd that becomes readable after each commit, and when the journal fails; read it to reset it, then ask
    /// [`Self::durable`].
    pub fn waker(&self) -> BorrowedFd<'_> {
        self.shared.waker.as_fd()
    }

    /// Waits until `seq` is durable; false if `timeout` passed first.
    ///
    /// # Errors
    /// The error that ended the writer, if `seq` was not durable before.
    pub fn wait_durable(&self, seq: u64, timeout: Duration) -> Result<bool> {
        // Beyond what a clock can hold: for ever.
        let until = Instant::now().checked_add(timeout);
        let mut state = self.shared.lock();
        loop {
            if self.durable() >= seq {
                return Ok(true);
            }
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            let (guard, _) = self.shared.committed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = guard;
        }
    }

    /// Commits all that was appended, ends the thread and gives the last durable sequence.
    ///
    /// # Errors
    /// The error that ended the writer.
    pub fn close(mut self) -> Result<u64> {
        self.shared.lock().is_closing = true;
        self.join();
        let failed = self.shared.lock().failed.clone();
        failed.map_or_else(|| Ok(self.durable()), Err)
    }

    fn join(&mut self) {
        self.shared.not_empty.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been told through `failed`.
            let _ = thread.join();
        }
    }
}

impl Drop for GroupCommitter {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.shared.lock().is_dropped = true;
            self.join();
        }
    }
}

/// The thread's side.
struct Commit {
    shared: Arc<Shared>,
    writer: Writer,
}

impl Commit {
    fn until_closed(mut self) {
        while let Some(group) = self.next_group() {
            if let Err(error) = self.commit(group) {
                return self.shared.fail(error);
            }
            self.shared.durable.store(self.writer.durable(), Ordering::Release);
            // Taken so that nobody can fall asleep between looking at the mark and waiting for it.
            drop(self.shared.lock());
            self.shared.committed.notify_all();
            self.shared.wake();
        }
    }

    /// All that is queued; waits for something. None: the end.
    fn next_group(&self) -> Option<Vec<Queued>> {
        let mut state = self.shared.lock();
        while state.queue.is_empty() && !state.is_closing && !state.is_dropped {
            state = self.shared.not_empty.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.queue.is_empty() || state.is_dropped {
            return None;
        }
        state.queued_bytes = 0;
        let group = std::mem::take(&mut state.queue);
        self.shared.not_full.notify_all();
        Some(group)
    }

    fn commit(&mut self, group: Vec<Queued>) -> Result<()> {
        for Queued { stream, kind, ts_engine, ts_wall, payload } in group {
            self.writer.append(stream, kind, ts_engine, ts_wall, &payload)?;
        }
        self.writer.commit().map(|_| ())
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = std::io::Error::other("the journal's thread panicked");
            self.shared.fail(Error::io("commit", self.writer.folder())(error));
        }
    }
}
