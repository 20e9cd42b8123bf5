//! What an order must be like to be looked at, and Binance's words for those that are not.

use super::listing::Listing;
use super::order::{NewOrder, OrderType, Tif};
use crate::types::{Qty, Ticks};

/// Why the exchange refuses, as Binance says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Binance's code.
    pub code: i32,
    /// Binance's text.
    pub message: &'static str,
}

impl Refusal {
    const fn new(code: i32, message: &'static str) -> Self {
        Self { code, message }
    }
}

pub(super) const PRICE: Refusal = Refusal::new(-1013, "Filter failure: PRICE_FILTER");
pub(super) const FAR_PRICE: Refusal = Refusal::new(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE");
pub(super) const LOT: Refusal = Refusal::new(-1013, "Filter failure: LOT_SIZE");
pub(super) const NOTIONAL: Refusal = Refusal::new(-1013, "Filter failure: NOTIONAL");
pub(super) const TOO_MANY: Refusal = Refusal::new(-1013, "Filter failure: MAX_NUM_ORDERS");
pub(super) const NO_PRICE: Refusal =
    Refusal::new(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.");
pub(super) const NOT_ON_SPOT: Refusal = Refusal::new(-1106, "Parameter 'reduceOnly' sent when not required.");
pub(super) const BAD_TIF: Refusal = Refusal::new(-1115, "Invalid timeInForce.");
pub(super) const BAD_TYPE: Refusal = Refusal::new(-1116, "Invalid orderType.");
pub(super) const DUPLICATE_SPOT: Refusal = Refusal::new(-2010, "Duplicate order sent.");
pub(super) const DUPLICATE_FUTURES: Refusal = Refusal::new(-4116, "ClientOrderId is duplicated.");
pub(super) const BALANCE: Refusal = Refusal::new(-2010, "Account has insufficient balance for requested action.");
pub(super) const WOULD_TAKE: Refusal = Refusal::new(-2010, "Order would immediately match and take.");
pub(super) const UNKNOWN_CANCEL: Refusal = Refusal::new(-2011, "Unknown order sent.");
pub(super) const UNKNOWN: Refusal = Refusal::new(-2013, "Order does not exist.");
pub(super) const MARGIN: Refusal = Refusal::new(-2019, "Margin is insufficient.");
pub(super) const REDUCE_ONLY: Refusal = Refusal::new(-2022, "ReduceOnly Order is rejected.");
pub(super) const AMEND_SPOT: Refusal =
    Refusal::new(-2038, "The request to amend an order's quantity was rejected: only a smaller one keeps priority.");
pub(super) const LEVERAGE: Refusal = Refusal::new(-4028, "Leverage is not valid");
pub(super) const SAME: Refusal = Refusal::new(-5027, "No need to modify the order.");

/// Open orders an account may have in one instrument.
pub(super) const MAX_ORDERS: usize = 200;
/// Base units in the largest order.
const MAX_UNITS: Qty = 9_000;
/// A price may be so many times above or below the mark.
const FARTHEST: Ticks = 5;

impl Listing {
    /// Type, time in force, price and quantity; not whether the account can pay.
    pub(super) fn check(&self, order: &NewOrder) -> Result<(), Refusal> {
        let limit = match order.kind {
            OrderType::LimitMaker if self.is_perpetual() => return Err(BAD_TYPE),
            OrderType::Limit if order.tif == Tif::Gtx && !self.is_perpetual() => return Err(BAD_TIF),
            OrderType::Limit | OrderType::LimitMaker => Some(order.price.ok_or(NO_PRICE)?),
            OrderType::Market => None,
        };
        if order.reduce_only && !self.is_perpetual() {
            return Err(NOT_ON_SPOT);
        }
        self.check_size(limit, order.qty, order.reduce_only)
    }

    /// Price and quantity.
    pub(super) fn check_size(&self, limit: Option<Ticks>, qty: Qty, reduce_only: bool) -> Result<(), Refusal> {
        let mark = self.mark().mark;
        match limit {
            Some(price) if price <= 0 => return Err(PRICE),
            Some(price) if price > mark.saturating_mul(FARTHEST) || price < mark / FARTHEST => return Err(FAR_PRICE),
            _ => {}
        }
        let most = self.instrument.quantity_step_in_data.count(MAX_UNITS.to_string().as_bytes()).unwrap_or(Qty::MAX);
        if qty < self.lot || qty % self.lot != 0 || qty > most {
            return Err(LOT);
        }
        let notional = self.instrument.notional(limit.unwrap_or(mark), qty);
        if notional < self.instrument.min_notional && !(reduce_only && self.is_perpetual()) {
            return Err(NOTIONAL);
        }
        Ok(())
    }
}
