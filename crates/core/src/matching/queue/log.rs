//! Shares by logarithms of what stands ahead and behind, in real units: a logarithm, unlike a power, has a scale.

/// ln(1 + b) / ln(1 + b + f), with `unit` real units in a step.
pub(super) fn of_level(front: f64, back: f64, unit: f64) -> f64 {
    libm::log(1.0 + back * unit) / libm::log(1.0 + (back + front) * unit)
}

/// ln(1 + b) / (ln(1 + b) + ln(1 + f)).
pub(super) fn of_both(front: f64, back: f64, unit: f64) -> f64 {
    let (f, b) = (libm::log(1.0 + front * unit), libm::log(1.0 + back * unit));
    b / (b + f)
}
