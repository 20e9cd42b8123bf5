//! A compiled expression: steps over a small stack. Conditions are 1 and 0.

use crate::decimal::Step;
use crate::feature::Bar;

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
    /// Of left, right, left before, right before.
    CrossesAbove,
    CrossesBelow,
}

/// Values that an expression of [`DEEPEST`] may hold at once.
pub(super) const DEEPEST: usize = 32;

/// What an expression is evaluated over.
pub(super) struct Sight<'a, F: Fn(usize, usize, When) -> f64> {
    /// The bar that closed, and the one before it; of a bar that was not there, the end is 0.
    pub(super) bars: [&'a Bar; 2],
    /// What ticks and steps are worth.
    pub(super) tick: Step,
    pub(super) step: Step,
    /// An output of an indicator.
    pub(super) indicator: F,
}

impl<F: Fn(usize, usize, When) -> f64> Sight<'_, F> {
    #[allow(clippy::cast_precision_loss)]
    fn field(&self, field: Field, when: When) -> f64 {
        let bar = self.bars[when as usize];
        match field {
            _ if bar.end == 0 => f64::NAN,
            Field::Open => self.tick.times(bar.open as f64),
            Field::High => self.tick.times(bar.high as f64),
            Field::Low => self.tick.times(bar.low as f64),
            Field::Close => self.tick.times(bar.close as f64),
            Field::Volume => self.step.times(bar.volume as f64),
        }
    }
}

/// Values in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack {
    values: [f64; DEEPEST],
    top: usize,
}

impl Stack {
    #[inline]
    fn push(&mut self, value: f64) {
        self.values[self.top] = value;
        self.top += 1;
    }

    #[inline]
    fn pop(&mut self) -> f64 {
        self.top -= 1;
        self.values[self.top]
    }

    /// Takes the right one off and puts what comes of both in place of the left one.
    #[inline]
    fn join(&mut self, f: impl FnOnce(f64, f64) -> f64) {
        let right = self.pop();
        let left = self.pop();
        self.push(f(left, right));
    }

    /// (left, right, left before, right before)
    fn crossing(&mut self) -> (f64, f64, f64, f64) {
        let (right_before, left_before, right, left) = (self.pop(), self.pop(), self.pop(), self.pop());
        (left, right, left_before, right_before)
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
// With a number that is not there, `!=` would hold.
#[allow(clippy::float_cmp, clippy::double_comparisons)]
pub(super) fn value<F: Fn(usize, usize, When) -> f64>(ops: &[Op], sight: &Sight<'_, F>, stack: &mut Stack) -> f64 {
    stack.top = 0;
    for op in ops {
        match *op {
            Op::Constant(value) => stack.push(value),
            Op::Bar(field, when) => stack.push(sight.field(field, when)),
            Op::Indicator(which, output, when) => stack.push((sight.indicator)(which, output, when)),
            Op::Add => stack.join(|a, b| a + b),
            Op::Subtract => stack.join(|a, b| a - b),
            Op::Multiply => stack.join(|a, b| a * b),
            Op::Divide => stack.join(|a, b| a / b),
            Op::Negate => {
                let value = -stack.pop();
                stack.push(value);
            }
            Op::Less => stack.join(|a, b| f64::from(a < b)),
            Op::LessOrEqual => stack.join(|a, b| f64::from(a <= b)),
            Op::Greater => stack.join(|a, b| f64::from(a > b)),
            Op::GreaterOrEqual => stack.join(|a, b| f64::from(a >= b)),
            Op::Equal => stack.join(|a, b| f64::from(a == b)),
            Op::NotEqual => stack.join(|a, b| f64::from(a < b || a > b)),
            Op::And => stack.join(|a, b| a * b),
            Op::Or => stack.join(f64::max),
            Op::Not => {
                let value = 1.0 - stack.pop();
                stack.push(value);
            }
            Op::CrossesAbove => {
                let (a, b, a_before, b_before) = stack.crossing();
                stack.push(f64::from(a_before <= b_before && a > b));
            }
            Op::CrossesBelow => {
                let (a, b, a_before, b_before) = stack.crossing();
                stack.push(f64::from(a_before >= b_before && a < b));
            }
        }
    }
    stack.pop()
}
