//! The orders of a session in one array: no hash map, and an order is never moved.

use super::{LifecycleError, Order, Pending, Report};
use crate::types::{OrderId, Qty, StrategyIx};

/// What the open orders of a strategy could still do to its position, in steps, per [`Side`]. Of a group one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Buys and sells not yet executed, the larger quantity where an amendment is under way.
    pub open: [Qty; 2],
}

const NO_ORDER: u32 = u32::MAX;

/// Every order of a session, and what those that have not ended could still do.
#[derive(Clone, Debug, Default)]
pub struct OrderTable {
    orders: Vec<Order>,
    /// Where order `first_id + i` is among them; [`NO_ORDER`] for an id that no order took.
    places: Vec<u32>,
    first_id: OrderId,
    next_id: OrderId,
    /// Where each strategy's open orders are, oldest first.
    open: Vec<Vec<u32>>,
    exposure: Vec<Exposure>,
    /// Open orders with further terms.
    special: usize,
}

impl OrderTable {
    /// An empty table whose first order gets this id.
    pub fn new(first_id: OrderId) -> Self {
        Self { first_id, next_id: first_id, ..Self::default() }
    }

    /// Makes room for one more strategy.
    pub fn add_strategy(&mut self) {
        self.open.push(Vec::new());
        self.exposure.push(Exposure::default());
    }

    /// The id that the next order gets.
    pub fn next_id(&self) -> OrderId {
        self.next_id
    }

    /// Ids go on from here. Panics if orders are in the table.
    pub fn go_on_from(&mut self, id: OrderId) {
        assert!(self.orders.is_empty(), "ids cannot change under orders");
        (self.first_id, self.next_id) = (id, id);
    }

    /// Gives the next order id away. An id that no order takes stays unused.
    pub fn reserve_id(&mut self) -> OrderId {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Takes back the ids from `id` on, none of which an order took.
    pub fn take_back(&mut self, id: OrderId) {
        self.next_id = id.max(self.first_id + self.places.len() as OrderId);
    }

    /// Puts an order into the table. Panics if its id was not reserved or is taken.
    pub fn insert(&mut self, order: Order) {
        assert!((self.first_id..self.next_id).contains(&order.id), "order {} has no reserved id", order.id);
        let (number, at) = ((order.id - self.first_id) as usize, self.orders.len());
        if number >= self.places.len() {
            self.places.resize(number + 1, NO_ORDER);
        }
        assert!(self.places[number] == NO_ORDER, "order {} is in the table already", order.id);
        self.places[number] = at as u32;
        self.orders.push(order);
        if order.state.is_final() {
            return;
        }
        let strategy = usize::from(order.request.strategy);
        self.open[strategy].push(at as u32);
        self.special += usize::from(!order.request.terms.is_plain());
        if order.request.terms.group == 0 {
            self.exposure[strategy].open[order.request.side as usize] += order.reserved();
        } else {
            self.exposure[strategy] = self.exposure_recounted(order.request.strategy);
        }
    }

    #[inline]
    fn at(&self, id: OrderId) -> Option<usize> {
        let number = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        self.places.get(number).filter(|&&at| at != NO_ORDER).map(|&at| at as usize)
    }

    /// An order, ended or not.
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<&Order> {
        self.at(id).map(|at| &self.orders[at])
    }

    /// An order that has not ended.
    #[inline]
    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.find(id).filter(|order| !order.state.is_final())
    }

    /// Every order, by id.
    pub fn all(&self) -> impl Iterator<Item = &Order> + '_ {
        self.places.iter().filter(|&&at| at != NO_ORDER).map(|&at| &self.orders[at as usize])
    }

    /// Those that have ended, by id.
    pub fn ended(&self) -> impl Iterator<Item = &Order> + '_ {
        self.all().filter(|order| order.state.is_final())
    }

    /// Open orders of a strategy, oldest first.
    pub fn open(&self, strategy: StrategyIx) -> impl Iterator<Item = &Order> + '_ {
        self.open[usize::from(strategy)].iter().map(|&at| &self.orders[at as usize])
    }

    /// What a strategy's open orders could still do.
    #[inline]
    pub fn exposure(&self, strategy: StrategyIx) -> Exposure {
        self.exposure[usize::from(strategy)]
    }

    /// Notes that a request about an open order is under way.
    pub fn note(&mut self, id: OrderId, pending: Pending) {
        let Some(at) = self.at(id).filter(|_| self.get(id).is_some()) else { return };
        let noted = self.change(at, |order| {
            order.pending = pending;
            Ok::<_, std::convert::Infallible>(())
        });
        noted.unwrap_or_else(|never| match never {});
    }

    /// Takes a report into its order's life and returns the order as it is then. A fill may still be told of one that
    /// was cancelled or expired.
    ///
    /// # Errors
    /// `None` where the table does not hold the order, else what does not fit its life.
    pub fn apply(&mut self, report: &Report) -> Result<&Order, Option<LifecycleError>> {
        let at = self.at(report.order).ok_or(None)?;
        let was_open = !self.orders[at].state.is_final();
        self.change(at, |order| order.apply(report)).map_err(Some)?;
        let order = &self.orders[at];
        if was_open && order.state.is_final() {
            self.open[usize::from(order.request.strategy)].retain(|&open| open as usize != at);
            self.special -= usize::from(!order.request.terms.is_plain());
        }
        Ok(order)
    }

    /// Changes an order, and with it the exposure of its strategy.
    #[inline]
    fn change<E>(&mut self, at: usize, change: impl FnOnce(&mut Order) -> Result<(), E>) -> Result<(), E> {
        let order = &mut self.orders[at];
        let before = order.reserved();
        change(order)?;
        let (strategy, side, after) = (order.request.strategy, order.request.side, order.reserved());
        if order.request.terms.group == 0 {
            self.exposure[usize::from(strategy)].open[side as usize] += after - before;
        } else {
            self.exposure[usize::from(strategy)] = self.exposure_recounted(strategy);
        }
        Ok(())
    }

    /// Whether every open order is a plain one.
    #[inline]
    pub fn all_plain(&self) -> bool {
        self.special == 0
    }

    /// Whether an open order counts: of a group only one can execute, so that on each side the one that weighs most
    /// stands for all.
    pub fn counts(&self, order: &Order, weight: impl Fn(&Order) -> i128) -> bool {
        let rank = |order: &Order| (weight(order), std::cmp::Reverse(order.id));
        let mates = |other: &&Order| other.request.side == order.request.side && other.is_mate(order);
        let mut mates = self.open(order.request.strategy).filter(mates);
        order.request.terms.group == 0 || mates.all(|other| rank(other) <= rank(order))
    }

    /// The exposure without one of the orders and what is of its group.
    pub fn exposure_without(&self, order: &Order) -> Exposure {
        let strategy = order.request.strategy;
        if order.request.terms.group != 0 {
            return self.sum(strategy, Some(order));
        }
        let mut exposure = self.exposure(strategy);
        exposure.open[order.request.side as usize] -= order.reserved();
        exposure
    }

    /// The exposure of every strategy summed again from its orders: for tests of the running sums.
    pub fn exposure_recounted(&self, strategy: StrategyIx) -> Exposure {
        self.sum(strategy, None)
    }

    fn sum(&self, strategy: StrategyIx, without: Option<&Order>) -> Exposure {
        let mut exposure = Exposure::default();
        let counted = |order: &&Order| {
            without.is_none_or(|without| !order.is_mate(without)) && self.counts(order, |order| order.reserved().into())
        };
        for order in self.open(strategy).filter(counted) {
            exposure.open[order.request.side as usize] += order.reserved();
        }
        exposure
    }
}
