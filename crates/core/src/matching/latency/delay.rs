//! How long one message travels.

use std::sync::Arc;

use super::lognormal::Lognormal;
use super::sampled::{Measured, Quantiles};
use crate::random::Stream;
use crate::types::Nanos;

/// A model of one leg's time. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// Always the same. Flatters where bursts matter: when everybody sends, real wires are slower.
    Constant(Nanos),
    /// Drawn: see [`Lognormal`].
    Lognormal(Lognormal),
    /// As measured at that time: see [`Measured`].
    Measured(Arc<Measured>),
    /// Drawn from measured quantiles: see [`Quantiles`].
    Quantiles(Arc<Quantiles>),
}

impl Delay {
    /// The time of a message sent at `sent`; never negative. A drawn one takes the same number of draws for every
    /// message, so that the n-th message has the n-th place in its stream whatever was drawn before.
    #[inline]
    pub fn of(&self, sent: Nanos, random: &mut Stream) -> Nanos {
        match self {
            Self::Constant(delay) => *delay,
            other => other.modelled(sent, random),
        }
    }

    #[cold]
    fn modelled(&self, sent: Nanos, random: &mut Stream) -> Nanos {
        match self {
            Self::Constant(delay) => *delay,
            Self::Lognormal(model) => model.draw(random),
            Self::Measured(model) => model.at(sent),
            Self::Quantiles(model) => model.draw(random),
        }
    }

    /// The least it can be.
    pub fn least(&self) -> Nanos {
        match self {
            Self::Constant(delay) => *delay,
            Self::Lognormal(_) => 0,
            Self::Measured(model) => model.least(),
            Self::Quantiles(model) => model.least(),
        }
    }

    /// What it always is, if it is always the same.
    pub fn constant(&self) -> Option<Nanos> {
        match self {
            Self::Constant(delay) => Some(*delay),
            _ => None,
        }
    }
}
