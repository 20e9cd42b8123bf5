//! Shares by powers of what stands ahead and behind.

#[inline]
pub(super) fn power(x: f64, n: f64) -> f64 {
    // Below 0 a guess counts as 0: hftbacktest's broken power of it is no number, and sends the order to the back.
    if n == 2.0 { x * x } else { libm::pow(x.max(0.0), n) }
}

/// bⁿ / (bⁿ + fⁿ).
#[inline]
pub(super) fn of_both(front: f64, back: f64, n: f64) -> f64 {
    let (f, b) = (power(front, n), power(back, n));
    b / (b + f)
}

/// bⁿ / (b + f)ⁿ.
pub(super) fn of_level(front: f64, back: f64, n: f64) -> f64 {
    power(back, n) / power(back + front, n)
}

/// 1 − (f / (b + f))ⁿ.
pub(super) fn not_ahead(front: f64, back: f64, n: f64) -> f64 {
    1.0 - power(front / (front + back), n)
}
