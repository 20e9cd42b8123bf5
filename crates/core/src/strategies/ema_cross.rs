//! Long while the quick average is above the calm one, else short: on bars as `examples/ema_cross.py`, or on trades.

use super::quoting::positive;
use super::{BuiltIn, Parameter};
use crate::engine::Context;
use crate::feature::{Ema, EmaSeed, FeatureError, Given, IndicatorId, Spec};
use crate::strategy::{Fault, Interest, Strategy, Wake};
use crate::types::{OrderKind, SECOND, Side, TimeInForce};

const DEAF: Interest = Interest { book: false, trade: false, quote: false, funding: false, fill: false, order: false };

const fn period(name: &'static str, default: f64, low: f64, high: f64, unit: &'static str) -> Parameter {
    Parameter { name, default, whole: true, low, high, unit }
}

pub(super) const EMA_CROSS: BuiltIn = BuiltIn {
    name: "ema_cross",
    about: "Is long while the quick average of the closes is above the calm one, else short",
    parameters: &[
        period("fast", 10.0, 2.0, 500.0, "bars"),
        period("slow", 30.0, 5.0, 5000.0, "bars"),
        period("bar", 1.0, 1.0, 86_400.0, "seconds"),
        Parameter { name: "size", default: 0.01, whole: false, low: 0.001, high: 1.0, unit: "" },
    ],
    interest: DEAF,
    make: |values| {
        let [fast, slow, bar] = [0, 1, 2].map(|at| values[at] as u32);
        Box::new(EmaCross { periods: [fast, slow], bar, size: values[3], averages: None })
    },
};

struct EmaCross {
    periods: [u32; 2],
    /// Seconds.
    bar: u32,
    size: f64,
    averages: Option<[IndicatorId; 2]>,
}

impl Strategy for EmaCross {
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        match wake {
            Wake::Start => {
                let series = ctx.bars(i64::from(self.bar) * SECOND);
                let average = |period: u32| Spec::new("ema", &[(None, Given::Number(f64::from(period)))]);
                let [quick, calm] = self.periods.map(average);
                let fault = |error: FeatureError| Fault(format!("{}: {}", error.what, error.hint));
                let (quick, calm) = (quick.map_err(fault)?, calm.map_err(fault)?);
                self.averages = Some([quick, calm].map(|spec| ctx.indicator(series, spec)));
            }
            Wake::Bar(..) => {
                let Some([quick, calm]) = self.averages.map(|ids| ids.map(|id| ctx.reading(id).now()[0])) else {
                    return Ok(());
                };
                if !calm.is_nan() {
                    let size = positive(self.size, ctx)?;
                    ctx.target(if quick > calm { size } else { -size });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

pub(super) const TICK_CROSS: BuiltIn = BuiltIn {
    name: "tick_cross",
    about: "Is long while the quick average of the traded prices is above the calm one, else short",
    parameters: &[
        period("fast", 2000.0, 2.0, 1e6, "trades"),
        period("slow", 10_000.0, 3.0, 1e7, "trades"),
        Parameter { name: "size", default: 0.01, whole: false, low: 0.001, high: 1.0, unit: "" },
    ],
    interest: Interest { trade: true, ..DEAF },
    make: |values| {
        let [quick, calm] = [0, 1].map(|at| Ema::seeded(values[at] as u32, EmaSeed::First));
        Box::new(TickCross { quick, calm, seen: 0, warm: values[1] as u64, size: values[2], side: 0 })
    },
};

struct TickCross {
    quick: Ema,
    calm: Ema,
    seen: u64,
    warm: u64,
    size: f64,
    /// 1 long, −1 short, 0 neither yet.
    side: i64,
}

impl Strategy for TickCross {
    #[allow(clippy::cast_precision_loss)]
    fn wake(&mut self, wake: &Wake, ctx: &mut Context<'_>) -> Result<(), Fault> {
        let Wake::Trade(trade) = wake else { return Ok(()) };
        let price = ctx.instrument().tick_size.times(trade.price as f64);
        let (quick, calm) = (self.quick.update(price), self.calm.update(price));
        self.seen += 1;
        if self.seen <= self.warm {
            return Ok(());
        }
        let wanted = i64::from(quick > calm) - i64::from(quick < calm);
        if wanted != 0 && wanted != self.side {
            let size = positive(self.size, ctx)? * if self.side == 0 { 1 } else { 2 };
            let side = if wanted > 0 { Side::Buy } else { Side::Sell };
            ctx.submit(side, OrderKind::Market, TimeInForce::Ioc, 0, size);
            self.side = wanted;
        }
        Ok(())
    }
}
