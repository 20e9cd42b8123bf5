//! Everybody who leaves stood behind.

/// The quantity ahead after the level changed to `now`: no more can be ahead than is there.
#[inline]
pub(super) fn ahead(front: f64, now: f64) -> f64 {
    front.min(now)
}
