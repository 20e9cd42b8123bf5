//! What a venue told, on its way to us.

use std::collections::VecDeque;

use crate::order::Report;
use crate::types::Nanos;

/// The reports of an instrument, in the order they reach us; at one time in the order they were made.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    pub(super) queue: VecDeque<Report>,
    /// When the first of those made since [`Reports::forget`] reaches us.
    earliest: Option<Nanos>,
    /// Those made since they were last taken, for the venue's own books; not kept where there are none.
    pub(super) fresh: Option<Vec<Report>>,
}

impl Reports {
    /// The next to reach us.
    #[inline]
    pub fn front(&self) -> Option<&Report> {
        self.queue.front()
    }

    /// Takes the next one.
    pub fn pop_front(&mut self) -> Option<Report> {
        self.queue.pop_front()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Report> {
        self.queue.iter()
    }

    pub(super) fn add(&mut self, report: Report) {
        if let Some(fresh) = &mut self.fresh {
            fresh.push(report);
        }
        self.earliest = Some(self.earliest.map_or(report.ts_recv, |earliest| earliest.min(report.ts_recv)));
        if self.queue.back().is_none_or(|last| last.ts_recv <= report.ts_recv) {
            return self.queue.push_back(report);
        }
        let later = self.queue.iter().rev().take_while(|other| other.ts_recv > report.ts_recv).count();
        self.queue.insert(self.queue.len() - later, report);
    }

    /// From now on keeps a copy of what is made for [`Reports::take_fresh`].
    pub(crate) fn keep_fresh(&mut self) {
        self.fresh = Some(Vec::new());
    }

    /// What was made since the last call, in the order it was made.
    pub(crate) fn take_fresh(&mut self) -> Vec<Report> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn forget(&mut self) {
        self.earliest = None;
    }

    /// How far a venue that waits may go because of what was made.
    pub(super) fn bound(&self, waits: Waits) -> Nanos {
        self.earliest.filter(|_| waits.reports).map_or(Nanos::MAX, |at| at - waits.lag)
    }
}

/// What a venue waits for: it goes no further than the arrival of the first one it makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// A report.
    pub reports: bool,
    /// It waits so much before the arrival: our view of it is as much behind.
    pub lag: Nanos,
}
