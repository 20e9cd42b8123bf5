//! Moments at which something is due whatever the market does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::types::Nanos;

/// What a timer is for; at equal times in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKind {
    Midnight,
    Bar,
    Strategy,
    Sample,
}

/// A moment to act at: (when, what for, whose, which).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    pub(super) at: Nanos,
    pub(super) kind: TimerKind,
    pub(super) owner: u16,
    pub(super) id: u16,
}

impl Timer {
    pub(super) fn at(at: Nanos, kind: TimerKind, owner: u16, id: u16) -> Self {
        Self { at, kind, owner, id }
    }
}

/// All timers. The one that is due first lies apart: where it is the first again when it was set anew, as that of the
/// bars of one strategy is all day, there is nothing to put in order.
pub(super) struct Timers {
    first: Timer,
    others: BinaryHeap<Reverse<Timer>>,
}

impl Default for Timers {
    fn default() -> Self {
        Self { first: Timer::at(Nanos::MAX, TimerKind::Sample, u16::MAX, u16::MAX), others: BinaryHeap::new() }
    }
}

impl Timers {
    /// The one that is due first; at [`Nanos::MAX`] where none ever is.
    #[inline]
    pub(super) fn first(&self) -> Timer {
        self.first
    }

    /// When the first is due; [`Nanos::MAX`] where none ever is.
    #[inline]
    pub(super) fn due(&self) -> Nanos {
        self.first.at
    }

    pub(super) fn add(&mut self, timer: Timer) {
        let (first, other) = (self.first.min(timer), self.first.max(timer));
        self.first = first;
        self.others.push(Reverse(other));
    }

    /// Sets the first to a later moment.
    #[inline]
    pub(super) fn set_anew(&mut self, at: Nanos) {
        self.first.at = at;
        if self.others.peek().is_some_and(|other| other.0 < self.first) {
            self.change_places();
        }
    }

    fn change_places(&mut self) {
        if let Some(mut other) = self.others.peek_mut() {
            std::mem::swap(&mut other.0, &mut self.first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// Whatever the intervals, what fires is what a search through all of them finds.
    #[test]
    fn the_first_is_the_least_of_all() {
        let mut random = Stream::new(5, 0);
        for _ in 0..50 {
            let (mut timers, mut all, mut intervals) = (Timers::default(), Vec::new(), Vec::new());
            assert_eq!(timers.due(), Nanos::MAX);
            for id in 0..1 + random.below(6) as u16 {
                let kind = [TimerKind::Strategy, TimerKind::Bar][random.below(2) as usize];
                intervals.push(1 + random.below(5) as Nanos);
                all.push(Timer::at(random.below(5) as Nanos, kind, 0, id));
                timers.add(all[usize::from(id)]);
            }
            for _ in 0..60 {
                let first = timers.first();
                assert_eq!(Some(&first), all.iter().min());
                let at = first.at + intervals[usize::from(first.id)];
                timers.set_anew(at);
                all[usize::from(first.id)].at = at;
            }
        }
    }
}
