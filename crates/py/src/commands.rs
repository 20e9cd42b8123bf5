//! A command of the engine, as the venue's client takes it.

use kedge_core::engine::Engine;
use kedge_core::matching::Request;
use kedge_core::types::{InstrumentIx, OrderId, OrderKind, Side, StrategyIx};
use pyo3::prelude::*;

use crate::happenings::time_in_force_name;

/// A command as the venue's client takes it.
#[derive(IntoPyObject)]
pub(crate) struct Command {
    /// May leave once this sequence is durable.
    after_seq: u64,
    action: &'static str,
    order: OrderId,
    strategy: StrategyIx,
    instrument: InstrumentIx,
    side: &'static str,
    kind: &'static str,
    tif: &'static str,
    price: String,
    quantity: String,
}

impl Command {
    /// The command that `request` is; it may leave once the sequence `after_seq` is durable.
    pub(crate) fn new(engine: &Engine, instrument: InstrumentIx, request: &Request, after_seq: u64) -> Self {
        let definition = engine.instrument(instrument);
        let (price, qty) =
            (|ticks| definition.tick_size.text(ticks), |steps| definition.quantity_step_in_data.text(steps));
        let base = |action, order, strategy| Command {
            after_seq,
            action,
            order,
            strategy,
            instrument,
            side: "",
            kind: "",
            tif: "",
            price: String::new(),
            quantity: String::new(),
        };
        let owner = |order| engine.orders().get(order).map_or(0, |order| order.request.strategy);
        match request {
            Request::Submit(order) => {
                let request = &order.request;
                Command {
                    side: if request.side == Side::Buy { "buy" } else { "sell" },
                    kind: if request.kind == OrderKind::Limit { "limit" } else { "market" },
                    tif: time_in_force_name(request.time_in_force),
                    price: if request.kind == OrderKind::Limit { price(request.price) } else { String::new() },
                    quantity: qty(request.qty),
                    ..base("submit", order.id, request.strategy)
                }
            }
            Request::Cancel(order) => base("cancel", *order, owner(*order)),
            Request::Amend { order, price: at, qty: size } => {
                Command { price: price(*at), quantity: qty(*size), ..base("amend", *order, owner(*order)) }
            }
        }
    }
}
