//! Quotes both sides around the microprice, leaning against the position: `examples/quoting.py` in Rust.

use super::{BuiltIn, Parameter};
use crate::amounts;
use crate::engine::Context;
use crate::strategy::{Fault, Interest, Strategy, Wake};
use crate::types::{MILLISECOND, Qty, Side};

pub(super) const QUOTING: BuiltIn = BuiltIn {
    name: "quoting",
    about: "Quotes both sides around the microprice every 100 ms, leaning against the position",
    parameters: &[
        Parameter { name: "half_spread", default: 1.0, whole: false, low: 0.0, high: 50.0, unit: "ticks" },
        Parameter { name: "size", default: 0.01, whole: false, low: 0.001, high: 1.0, unit: "" },
        Parameter { name: "lean", default: 0.5, whole: false, low: 0.0, high: 10.0, unit: "ticks per size held" },
    ],
    interest: Interest { book: false, trade: false, quote: false, funding: false, fill: false, order: false },
    make: |values| Box::new(Quoting { half_spread: values[0], size: values[1], lean: values[2] }),
};

struct Quoting {
    half_spread: f64,
    size: f64,
    lean: f64,
}

impl Strategy for Quoting {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => _ = ctx.every(100 * MILLISECOND),
            Wake::Timer(_) => {
                let (fair, tick) = (self.fair(ctx), ctx.instrument().tick_size.times(1.0));
                // An empty book has no microprice, and takes both sides away.
                let bid = amounts::ticks(fair - self.half_spread * tick, ctx.instrument(), Side::Buy);
                let ask = amounts::ticks(fair + self.half_spread * tick, ctx.instrument(), Side::Sell);
                ctx.quote(bid, ask, positive(self.size, ctx)?);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Quoting {
    fn fair(&self, ctx: &Context<'_>) -> f64 {
        let instrument = ctx.instrument();
        let position = instrument.qty_to_f64(ctx.position());
        instrument.tick_size.times(ctx.microprice())
            - self.lean * instrument.tick_size.times(1.0) * position / self.size
    }
}

/// A size of at least one lot, in steps; less is a fault.
pub(super) fn positive(size: f64, ctx: &Context<'_>) -> Result<Qty, Fault> {
    amounts::positive_steps(size, ctx.instrument()).map_err(Fault)
}
