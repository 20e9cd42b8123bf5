//! Decisions as a person reads them.

use super::Decision;
use crate::decimal::decimal_text;
use crate::instrument::Instrument;
use crate::order::{AccountEvent, OrderRequest, ReportKind};
use crate::types::{Liquidity, MONEY_DECIMALS, OrderKind, Qty, Side, Ticks, TimeInForce};

/// One line: what was decided, in the instrument's own units. `instrument` is the one of the order.
pub fn describe(decision: &Decision, instrument: &Instrument) -> String {
    let price = |ticks: Ticks| instrument.tick_size.text(ticks);
    let qty = |steps: Qty| instrument.quantity_step_in_data.text(steps);
    match decision {
        Decision::Submit { ts, order, request } => {
            format!("{ts} order {order}: {}", describe_request(request, instrument))
        }
        Decision::Cancel { ts, order } => format!("{ts} order {order}: cancel"),
        Decision::Amend { ts, order, price: at, qty: size } => {
            format!("{ts} order {order}: amend to {} at {}", qty(*size), price(*at))
        }
        Decision::Report(report) => {
            let what = match &report.kind {
                ReportKind::Accepted { .. } => "accepted".to_owned(),
                ReportKind::Rejected(reason) => format!("rejected ({})", reason.name()),
                ReportKind::Filled(fill) => {
                    let liquidity = if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" };
                    format!("filled {} at {} as {liquidity}, trade {}", qty(fill.qty), price(fill.price), fill.trade)
                }
                ReportKind::Canceled => "canceled".to_owned(),
                ReportKind::Expired(reason) => format!("expired ({})", reason.name()),
                ReportKind::CancelRejected(reason) => format!("cancel refused ({})", reason.name()),
                ReportKind::Amended { price: at, qty: size } => format!("amended to {} at {}", qty(*size), price(*at)),
                ReportKind::AmendRejected(reason) => format!("amendment refused ({})", reason.name()),
                ReportKind::Unknown => "unknown".to_owned(),
                ReportKind::Triggered { .. } => "triggered".to_owned(),
                ReportKind::Account(event) => {
                    return format!("{} {}", report.ts_recv, describe_event(event, instrument));
                }
            };
            format!("{} order {}: {what}", report.ts_recv, report.order)
        }
        Decision::Posting { ts, order, transaction } => {
            format!("{ts} order {order}: {} postings", transaction.lines().len())
        }
        Decision::Refused { ts, request, refusal } => {
            format!("{ts} refused ({}): {}", refusal.name(), describe_request(request, instrument))
        }
        Decision::EarlierFill { ts, order, request, fill } => format!(
            "{ts} order {order} of an earlier session: {} {} at {}, trade {}",
            if request.side == Side::Buy { "bought" } else { "sold" },
            qty(fill.qty),
            price(fill.price),
            fill.trade
        ),
        Decision::Funding { ts, amount, .. } => format!("{ts} funding {}", decimal_text(*amount, MONEY_DECIMALS)),
        Decision::Stopped { ts, strategy } => format!("{ts} strategy {strategy} stopped"),
    }
}

fn describe_event(event: &AccountEvent, instrument: &Instrument) -> String {
    let qty = |steps: Qty| instrument.quantity_step_in_data.text(steps);
    match event {
        AccountEvent::Funding { account, amount, .. } => {
            format!("account {account}: funding {}", decimal_text(*amount, MONEY_DECIMALS))
        }
        AccountEvent::Interest { strategy, qty: owed, .. } => {
            format!("strategy {strategy}: interest {}", qty(*owed))
        }
        AccountEvent::Liquidated { account, side, fill, .. } => {
            let did = if *side == Side::Buy { "bought" } else { "sold" };
            let (size, price) = (qty(fill.qty), instrument.tick_size.text(fill.price));
            format!("account {account}: liquidated, {did} {size} at {price}")
        }
    }
}

fn describe_request(request: &OrderRequest, instrument: &Instrument) -> String {
    let side = if request.side == Side::Buy { "buy" } else { "sell" };
    let qty = instrument.quantity_step_in_data.text(request.qty);
    let life = match request.time_in_force {
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        TimeInForce::PostOnly => "post-only",
    };
    match request.kind {
        OrderKind::Limit => {
            format!("{side} {qty} {} at {}, {life}", instrument.id, instrument.tick_size.text(request.price))
        }
        OrderKind::Market => format!("{side} {qty} {} at market", instrument.id),
    }
}
