//! A compiled expression: steps over a small stack. Conditions are 1 and 0.

use crate::feature::{Bar, Outputs};

/// A number of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

/// When a value is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    Before,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Constant(f64),
    Bar(Field, When),
    /// Which of the rule's indicators, which of its outputs.
    Indicator(usize, usize, When),
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Not,
    /// left, right, left before, right before
    CrossesAbove,
    CrossesBelow,
}

/// Values that an expression of [`DEEPEST`] may hold at once.
pub(super) const DEEPEST: usize = 32;

/// What an expression is evaluated over.
pub(super) struct Sight<'a> {
    /// The bar that closed, and the one before it.
    pub(super) bars: [&'a Bar; 2],
    /// What ticks and steps are worth.
    pub(super) price: &'a dyn Fn(f64) -> f64,
    pub(super) size: &'a dyn Fn(f64) -> f64,
    /// Outputs of an indicator, now or before.
    pub(super) indicator: &'a dyn Fn(usize, When) -> Outputs,
}

impl Sight<'_> {
    #[allow(clippy::cast_precision_loss)]
    fn field(&self, field: Field, when: When) -> f64 {
        let bar = self.bars[when as usize];
        match field {
            // Before the first bar there is none.
            _ if bar.end == 0 => f64::NAN,
            Field::Open => (self.price)(bar.open as f64),
            Field::High => (self.price)(bar.high as f64),
            Field::Low => (self.price)(bar.low as f64),
            Field::Close => (self.price)(bar.close as f64),
            Field::Volume => (self.size)(bar.volume as f64),
        }
    }
}

/// How many values a step takes; each leaves one.
pub(super) fn taken(op: &Op) -> usize {
    match op {
        Op::Constant(_) | Op::Bar(..) | Op::Indicator(..) => 0,
        Op::Negate | Op::Not => 1,
        Op::CrossesAbove | Op::CrossesBelow => 4,
        _ => 2,
    }
}

/// The value of an expression that [`super::grammar`] made, which never takes more than there is.
#[allow(clippy::float_cmp)]
pub(super) fn value(ops: &[Op], sight: &Sight<'_>) -> f64 {
    let (mut stack, mut top) = ([0.0; DEEPEST], 0);
    for op in ops {
        top -= taken(op);
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| stack.get(top + at).copied().unwrap_or(0.0));
        stack[top] = match *op {
            Op::Constant(value) => value,
            Op::Bar(field, when) => sight.field(field, when),
            Op::Indicator(which, output, when) => (sight.indicator)(which, when)[output],
            Op::Add => a + b,
            Op::Subtract => a - b,
            Op::Multiply => a * b,
            Op::Divide => a / b,
            Op::Negate => -a,
            Op::Less => f64::from(a < b),
            Op::LessOrEqual => f64::from(a <= b),
            Op::Greater => f64::from(a > b),
            Op::GreaterOrEqual => f64::from(a >= b),
            Op::Equal => f64::from(a == b),
            Op::NotEqual => f64::from(a < b || a > b),
            Op::And => a * b,
            Op::Or => a.max(b),
            Op::Not => 1.0 - a,
            Op::CrossesAbove => f64::from(c <= d && a > b),
            Op::CrossesBelow => f64::from(c >= d && a < b),
        };
        top += 1;
    }
    stack[0]
}
