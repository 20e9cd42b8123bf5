//! The simulated exchange for Python: Binance's words in and out, times in ns, prices in ticks, quantities in steps.

use std::collections::BTreeMap;

use kedge_core::decimal::decimal_text;
use kedge_core::event::ColumnsBuf;
use kedge_core::exchange::{
    AccountEvent, AccountIx, Amount, Exchange, Exec, NewOrder, Order, OrderType, PositionView, Refusal, Tif, Told,
    Trade, Wallet,
};
use kedge_core::instrument::{Instrument, money};
use kedge_core::ledger::{SETTLEMENT, round_to_settlement};
use kedge_core::types::{CurrencyIx, InstrumentIx, Money, Nanos, OrderId, Qty, Side, Ticks};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::columns_dict;
use crate::errors::kedge_error;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyExchange>()
}

type Dict<'py> = PyResult<Bound<'py, PyDict>>;

/// Several accounts in seeded markets.
#[pyclass(name = "Exchange", module = "kedge._core")]
struct PyExchange {
    exchange: Exchange,
}

impl PyExchange {
    /// # Errors
    /// A `UsageError` for an account or instrument that does not exist.
    fn check(&self, account: Option<AccountIx>, instrument: Option<InstrumentIx>) -> PyResult<()> {
        let (accounts, instruments) = (self.exchange.accounts(), self.exchange.instruments().len());
        if let Some(account) = account.filter(|&account| account as usize >= accounts) {
            return Err(refuse(format!("account must be below {accounts}, was {account}")));
        }
        if let Some(instrument) = instrument.filter(|&instrument| usize::from(instrument) >= instruments) {
            return Err(refuse(format!("instrument must be below {instruments}, was {instrument}")));
        }
        Ok(())
    }

    fn currency(&self, currency: CurrencyIx) -> &str {
        &self.exchange.currencies()[usize::from(currency)]
    }
}

#[pymethods]
impl PyExchange {
    #[new]
    fn new(py: Python<'_>, seed: u64, instruments: Vec<String>, start_ns: Nanos, values: Vec<f64>) -> PyResult<Self> {
        if instruments.len() != values.len() {
            let (count, given) = (instruments.len(), values.len());
            return Err(refuse(format!("values must be one for each of {count} instruments, were {given}")));
        }
        let definitions: Result<Vec<Instrument>, _> =
            instruments.iter().map(|json| Instrument::from_json(json)).collect();
        let definitions = definitions.map_err(|error| refuse(error.to_string()))?;
        let listed = definitions.into_iter().zip(values).collect();
        let exchange = py.detach(|| Exchange::new(seed, listed, start_ns)).map_err(refuse)?;
        Ok(Self { exchange })
    }

    fn open_account(
        &mut self,
        spot: BTreeMap<String, String>,
        futures: BTreeMap<String, String>,
    ) -> PyResult<AccountIx> {
        let read = |(code, text): (&'_ String, &String)| -> PyResult<(String, Money)> {
            let amount = money(text).map_err(|error| refuse(format!("deposit `{text}` of {code} {error}")))?;
            Ok((code.clone(), amount))
        };
        let spot: Vec<(String, Money)> = spot.iter().map(read).collect::<PyResult<_>>()?;
        let futures: Vec<(String, Money)> = futures.iter().map(read).collect::<PyResult<_>>()?;
        self.exchange.open_account(&spot, &futures).map_err(refuse)
    }

    fn advance<'py>(&mut self, py: Python<'py>, until_ns: Nanos) -> PyResult<Vec<(usize, Bound<'py, PyDict>)>> {
        let packed: Vec<ColumnsBuf> = py.detach(|| {
            let rows = self.exchange.advance(until_ns);
            rows.iter().map(|rows| ColumnsBuf::pack(rows)).collect()
        });
        packed.into_iter().enumerate().map(|(at, columns)| Ok((at, columns_dict(py, columns)?))).collect()
    }

    fn take_events<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let events = self.exchange.take_events();
        events.iter().map(|event| self.event(py, event)).collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn submit<'py>(
        &mut self,
        py: Python<'py>,
        now_ns: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        side: &str,
        r#type: &str,
        tif: &str,
        price: Option<Ticks>,
        qty: Qty,
        client_id: String,
        reduce_only: bool,
    ) -> Dict<'py> {
        self.check(Some(account), Some(instrument))?;
        let asked = match (side_of(side), type_of(r#type), tif_of(tif)) {
            (Some(side), Some(kind), Some(tif)) => NewOrder { side, kind, tif, price, qty, client_id, reduce_only },
            (None, ..) => return error(py, -1117, "Invalid side."),
            (_, None, _) => return error(py, -1116, "Invalid orderType."),
            (.., None) => return error(py, -1115, "Invalid timeInForce."),
        };
        answer(py, self.exchange.submit(now_ns, account, instrument, &asked))
    }

    fn cancel<'py>(
        &mut self,
        py: Python<'py>,
        now_ns: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        order_id: Option<OrderId>,
        client_id: Option<&str>,
    ) -> Dict<'py> {
        self.check(Some(account), Some(instrument))?;
        answer(py, self.exchange.cancel(now_ns, account, instrument, order_id, client_id))
    }

    #[allow(clippy::too_many_arguments)]
    fn amend<'py>(
        &mut self,
        py: Python<'py>,
        now_ns: Nanos,
        account: AccountIx,
        instrument: InstrumentIx,
        order_id: Option<OrderId>,
        client_id: Option<&str>,
        price: Ticks,
        qty: Qty,
    ) -> Dict<'py> {
        self.check(Some(account), Some(instrument))?;
        answer(py, self.exchange.amend(now_ns, account, instrument, order_id, client_id, price, qty))
    }

    fn order<'py>(
        &self,
        py: Python<'py>,
        account: AccountIx,
        instrument: InstrumentIx,
        order_id: Option<OrderId>,
        client_id: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.check(Some(account), Some(instrument))?;
        self.exchange.order(account, instrument, order_id, client_id).map(|order| order_dict(py, order)).transpose()
    }

    fn orders<'py>(
        &self,
        py: Python<'py>,
        account: AccountIx,
        instrument: Option<InstrumentIx>,
        open_only: bool,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.check(Some(account), instrument)?;
        let found = self.exchange.orders(account, instrument, open_only);
        found.into_iter().map(|order| order_dict(py, order)).collect()
    }

    fn account<'py>(&self, py: Python<'py>, account: AccountIx) -> Dict<'py> {
        self.check(Some(account), None)?;
        let spot = PyDict::new(py);
        for (code, balance) in self.exchange.currencies().iter().zip(self.exchange.spot(account)) {
            spot.set_item(code, pair(py, "free", balance.free, "locked", balance.locked)?)?;
        }
        let margin = self.exchange.margin(account);
        let futures = PyDict::new(py);
        futures.set_item("currency", self.currency(self.exchange.settlement_currency()))?;
        futures.set_item("wallet", text(margin.wallet))?;
        futures.set_item("unrealised", text(margin.unrealised))?;
        futures.set_item("initial_margin", text(margin.initial))?;
        futures.set_item("maintenance", text(margin.maintenance))?;
        futures.set_item("available", text(margin.available()))?;
        let positions: PyResult<Vec<_>> =
            self.exchange.positions(account).iter().map(|view| position_dict(py, view)).collect();
        futures.set_item("positions", positions?)?;
        let dict = PyDict::new(py);
        dict.set_item("spot", spot)?;
        dict.set_item("futures", futures)?;
        Ok(dict)
    }

    fn set_leverage<'py>(
        &mut self,
        py: Python<'py>,
        account: AccountIx,
        instrument: InstrumentIx,
        leverage: u32,
    ) -> Dict<'py> {
        self.check(Some(account), Some(instrument))?;
        match self.exchange.set_leverage(account, instrument, leverage) {
            Ok(()) => {
                let dict = PyDict::new(py);
                dict.set_item("leverage", leverage)?;
                Ok(dict)
            }
            Err(Refusal { code, message }) => error(py, code, message),
        }
    }

    fn depth<'py>(&mut self, py: Python<'py>, instrument: InstrumentIx, levels: usize) -> Dict<'py> {
        self.check(None, Some(instrument))?;
        let (last_update_id, [bids, asks]) = self.exchange.depth(instrument, levels);
        let dict = PyDict::new(py);
        dict.set_item("last_update_id", last_update_id)?;
        dict.set_item("bids", bids)?;
        dict.set_item("asks", asks)?;
        Ok(dict)
    }

    fn mark<'py>(&self, py: Python<'py>, instrument: InstrumentIx) -> Dict<'py> {
        self.check(None, Some(instrument))?;
        let mark = self.exchange.mark(instrument);
        let dict = PyDict::new(py);
        dict.set_item("mark", mark.mark)?;
        dict.set_item("index", mark.index)?;
        dict.set_item("rate", rate_text(mark.rate))?;
        dict.set_item("next_funding", mark.next_funding)?;
        dict.set_item("open_interest", self.exchange.open_interest(instrument))?;
        Ok(dict)
    }
}

impl PyExchange {
    fn event<'py>(&self, py: Python<'py>, event: &AccountEvent) -> Dict<'py> {
        let dict = match &event.told {
            Told::Execution { order, exec, trade } => self.execution(py, order, *exec, trade.as_ref())?,
            Told::Balances { wallet, cause, amounts } => {
                let dict = PyDict::new(py);
                dict.set_item("kind", "balances")?;
                dict.set_item("wallet", wallet.name())?;
                dict.set_item("reason", cause.name())?;
                let balances = PyDict::new(py);
                let [held, other] = if *wallet == Wallet::Spot { ["free", "locked"] } else { ["wallet", "available"] };
                for Amount { currency, held: first, other: second } in amounts {
                    balances.set_item(self.currency(*currency), pair(py, held, *first, other, *second)?)?;
                }
                dict.set_item("balances", balances)?;
                dict
            }
            Told::Position { instrument, qty, entry, realised, unrealised } => {
                let dict = PyDict::new(py);
                dict.set_item("kind", "position")?;
                dict.set_item("instrument", instrument)?;
                dict.set_item("qty", qty)?;
                dict.set_item("entry", text(*entry))?;
                dict.set_item("realised", text(*realised))?;
                dict.set_item("unrealised", text(*unrealised))?;
                dict
            }
            Told::Funding { instrument, rate, mark, amount } => {
                let dict = PyDict::new(py);
                dict.set_item("kind", "funding")?;
                dict.set_item("instrument", instrument)?;
                dict.set_item("rate", rate_text(*rate))?;
                dict.set_item("mark", mark)?;
                dict.set_item("amount", text(*amount))?;
                dict
            }
        };
        dict.set_item("ts", event.ts)?;
        dict.set_item("account", event.account)?;
        Ok(dict)
    }

    fn execution<'py>(&self, py: Python<'py>, order: &Order, exec: Exec, trade: Option<&Trade>) -> Dict<'py> {
        let dict = order_dict(py, order)?;
        dict.set_item("kind", if order.liquidation { "liquidation" } else { "execution" })?;
        dict.set_item("exec", exec.name())?;
        dict.set_item("last_qty", trade.map_or(0, |trade| trade.qty))?;
        dict.set_item("last_price", trade.map_or(0, |trade| trade.price))?;
        dict.set_item("trade_id", trade.map(|trade| trade.id))?;
        dict.set_item("maker", trade.is_some_and(|trade| trade.maker))?;
        dict.set_item("fee", text(trade.map_or(0, |trade| trade.fee)))?;
        dict.set_item("fee_currency", trade.map(|trade| self.currency(trade.fee_currency)))?;
        dict.set_item("realised", text(trade.map_or(0, |trade| trade.realised)))?;
        Ok(dict)
    }
}

fn refuse(message: String) -> PyErr {
    kedge_error("UsageError", message, "see the documentation of `kedge._core.Exchange`")
}

fn error<'py>(py: Python<'py>, code: i32, message: &str) -> Dict<'py> {
    let dict = PyDict::new(py);
    dict.set_item("error", code)?;
    dict.set_item("message", message)?;
    Ok(dict)
}

fn answer<'py>(py: Python<'py>, answered: Result<&Order, Refusal>) -> Dict<'py> {
    match answered {
        Ok(order) => {
            let dict = PyDict::new(py);
            dict.set_item("order", order_dict(py, order)?)?;
            Ok(dict)
        }
        Err(Refusal { code, message }) => error(py, code, message),
    }
}

fn order_dict<'py>(py: Python<'py>, order: &Order) -> Dict<'py> {
    let dict = PyDict::new(py);
    dict.set_item("account", order.account)?;
    dict.set_item("instrument", order.instrument)?;
    dict.set_item("order_id", order.id)?;
    dict.set_item("client_id", &*order.client_id)?;
    dict.set_item("side", if order.side == Side::Buy { "BUY" } else { "SELL" })?;
    dict.set_item("type", order.kind.name())?;
    dict.set_item("tif", order.tif.name())?;
    dict.set_item("price", order.price)?;
    dict.set_item("qty", order.qty)?;
    dict.set_item("status", order.status.name())?;
    dict.set_item("cum_qty", order.filled)?;
    dict.set_item("cum_quote", text(order.cum_quote))?;
    dict.set_item("reduce_only", order.reduce_only)?;
    dict.set_item("liquidation", order.liquidation)?;
    dict.set_item("created", order.created)?;
    dict.set_item("updated", order.updated)?;
    dict.set_item("on_book", order.on_book())?;
    dict.set_item("reason", order.reason)?;
    Ok(dict)
}

fn position_dict<'py>(py: Python<'py>, view: &PositionView) -> Dict<'py> {
    let dict = PyDict::new(py);
    dict.set_item("instrument", view.instrument)?;
    dict.set_item("qty", view.qty)?;
    dict.set_item("entry", text(view.entry))?;
    dict.set_item("mark", view.mark)?;
    dict.set_item("leverage", view.leverage)?;
    dict.set_item("unrealised", text(view.unrealised))?;
    dict.set_item("initial_margin", text(view.initial))?;
    dict.set_item("maintenance", text(view.maintenance))?;
    dict.set_item("liquidation", view.liquidation)?;
    Ok(dict)
}

fn pair<'py>(py: Python<'py>, first: &str, a: Money, second: &str, b: Money) -> Dict<'py> {
    let dict = PyDict::new(py);
    dict.set_item(first, text(a))?;
    dict.set_item(second, text(b))?;
    Ok(dict)
}

/// Money with the eight places that a venue settles in.
fn text(amount: Money) -> String {
    decimal_text(round_to_settlement(amount) / SETTLEMENT, 8)
}

fn rate_text(rate: i64) -> String {
    decimal_text(rate.into(), 9)
}

fn side_of(word: &str) -> Option<Side> {
    match word {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

fn type_of(word: &str) -> Option<OrderType> {
    [OrderType::Limit, OrderType::Market, OrderType::LimitMaker].into_iter().find(|kind| kind.name() == word)
}

fn tif_of(word: &str) -> Option<Tif> {
    [Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::Gtx].into_iter().find(|tif| tif.name() == word)
}
