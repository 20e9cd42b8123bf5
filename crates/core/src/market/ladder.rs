//! Makers who quote a ladder a side around their own estimate of the value, and renew it level by level.

use super::cancelling::hazard;
use super::floor::{Floor, Participant, nanos, tag};
use super::order_book::BookOrderId;
use super::params::LadderParams;
use super::value::MeanReverting;
use crate::random::Stream;
use crate::types::{Nanos, Qty, Side};

struct Rung {
    maker: usize,
    side: Side,
    distance_bp: f64,
    order: BookOrderId,
}

/// All makers of ladders. A rung nearer to the touch is renewed more often.
pub(super) struct Ladders {
    stream: Stream,
    params: LadderParams,
    rungs: Vec<Rung>,
    /// Running sum of the rungs' renewals per second.
    renewals: Vec<f64>,
    sizes: Vec<Qty>,
    errors: Vec<MeanReverting>,
    next: Nanos,
}

impl Ladders {
    /// Draws the makers and places all their orders.
    pub(super) fn new(seed: u64, params: LadderParams, floor: &mut Floor) -> Self {
        let mut stream = Stream::new(seed, u64::from(tag::LADDER));
        let ratio = params.largest / params.smallest;
        let rank = |maker: u32| f64::from(maker) / f64::from(params.makers.max(2) - 1);
        let size = |maker| floor.scale.quantity(params.smallest * libm::pow(ratio, rank(maker)), params.largest);
        let sizes = (0..params.makers).map(size).collect();
        let (mut rungs, mut renewals, mut sum) = (Vec::new(), Vec::new(), 0.0);
        let span = (params.last_bp - params.first_bp) / f64::from(params.levels);
        for maker in 0..params.makers {
            let shift = stream.uniform();
            for level in 0..params.levels {
                let distance_bp = params.first_bp + span * (f64::from(level) + shift);
                for side in [Side::Buy, Side::Sell] {
                    sum += hazard(&params.renewal, distance_bp);
                    renewals.push(sum);
                    rungs.push(Rung { maker: maker as usize, side, distance_bp, order: 0 });
                }
            }
        }
        // An error steps once a renewal of its maker, on the average.
        let step_s = f64::from(params.makers) / sum;
        let mut error = || MeanReverting::new(params.error_bp, params.error_s, step_s, &mut stream);
        let errors = (0..params.makers).map(|_| error()).collect();
        let mut makers = Self { stream, params, rungs, renewals, sizes, errors, next: floor.now };
        for rung in 0..makers.rungs.len() {
            makers.renew(rung, floor);
        }
        makers
    }

    fn renew(&mut self, at: usize, floor: &mut Floor) {
        let rung = &mut self.rungs[at];
        let widen = (1.0 + self.params.widen * (floor.volatility - 1.0)).max(0.5);
        let error_bp = self.errors[rung.maker].step(&mut self.stream);
        let price = Floor::away(rung.side, floor.value + error_bp * floor.bp(), rung.distance_bp * widen * floor.bp());
        floor.cancel(rung.order);
        rung.order = floor.rest(tag::LADDER, rung.side, price, self.sizes[rung.maker]);
    }
}

impl Participant for Ladders {
    fn due(&self) -> Nanos {
        self.next
    }

    fn act(&mut self, floor: &mut Floor) {
        let total = self.renewals[self.renewals.len() - 1];
        let drawn = self.stream.uniform() * total;
        let rung = self.renewals.partition_point(|&sum| sum <= drawn).min(self.rungs.len() - 1);
        self.renew(rung, floor);
        self.next += nanos(self.stream.exponential() / total);
    }
}
