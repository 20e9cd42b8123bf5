//! How far a recorder's clock was behind the venue's.

use crate::types::Nanos;

/// The fastest one message in so many is taken to have arrived at once.
const FASTEST_IN: usize = 1_000;

/// What a file's stamps say about its clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClockReading {
    /// Our clock less the venue's, where ours was behind; else 0. To be subtracted from our times.
    pub(super) offset: Nanos,
    /// Messages that still seem to arrive before they were sent.
    pub(super) negative: u64,
    /// Least latency after correction.
    pub(super) min: Nanos,
    /// Median latency after correction.
    pub(super) median: Nanos,
}

/// Reads the differences "received − sent" of one file, in any order. Without any, nothing is corrected.
///
/// Latency cannot be told from a clock's offset, so the offset is the 0.1 % quantile of the differences: the fastest
/// messages are taken to have arrived at once, and a few stamps that are wrong change nothing. Corrected times are
/// therefore early by the true least latency, some milliseconds. A positive quantile is honest latency, of a clock that
/// is right or ahead by less than that, and is left alone.
pub(super) fn read_clock(differences: &mut [Nanos]) -> ClockReading {
    if differences.is_empty() {
        return ClockReading::default();
    }
    let count = differences.len();
    let quantile = *differences.select_nth_unstable(count / FASTEST_IN).1;
    let offset = quantile.min(0);
    let negative = differences.iter().filter(|&&difference| difference < offset).count() as u64;
    let min = differences.iter().min().expect("not empty") - offset;
    let median = *differences.select_nth_unstable(count / 2).1 - offset;
    ClockReading { offset, negative, min, median }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::types::{MILLISECOND, SECOND};

    fn latencies(count: usize, clock: Nanos) -> Vec<Nanos> {
        let mut random = Stream::new(1, 0);
        (0..count).map(|_| clock + 3 * MILLISECOND + random.below(20_000_000) as Nanos).collect()
    }

    #[test]
    fn a_clock_behind_is_found_and_a_few_wrong_stamps_do_not_matter() {
        let mut differences = latencies(20_000, -1_274 * MILLISECOND);
        let honest = read_clock(&mut differences);
        assert!((-1_271_000_000..-1_270_900_000).contains(&honest.offset), "{honest:?}");
        assert_eq!(honest.negative, 20);
        assert!(honest.min < 0 && honest.median > 9 * MILLISECOND, "{honest:?}");

        differences[..10].fill(-3_600 * SECOND);
        let outliers = read_clock(&mut differences);
        assert!((outliers.offset - honest.offset).abs() < MILLISECOND, "{outliers:?}");
        assert_eq!(outliers.min, -3_600 * SECOND - outliers.offset);
    }

    #[test]
    fn a_clock_that_is_right_is_left_alone() {
        let reading = read_clock(&mut latencies(5_000, 0));
        assert_eq!((reading.offset, reading.negative), (0, 0));
        assert!(reading.min >= 3 * MILLISECOND);
        assert_eq!(read_clock(&mut []), ClockReading::default());
        assert_eq!(read_clock(&mut [-5]), ClockReading { offset: -5, negative: 0, min: 0, median: 0 });
    }
}
