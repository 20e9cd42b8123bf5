//! Decisions as bytes and back.

use super::Decision;
use crate::ledger::{Account, Posting, Transaction};
use crate::order::{
    AccountEvent, Fill, OrderRequest, Reason, Report, ReportKind, SelfTrade, Terms, Trigger, TriggerBy,
};
use crate::risk::Refusal;
use crate::types::{Liquidity, Nanos, OrderId, OrderKind, Side, TimeInForce};

/// In the byte of a request's kind: its terms follow. Requests without any have the bytes they always had.
const HAS_TERMS: u8 = 128;

#[repr(u8)]
enum Tag {
    Submit = 1,
    Cancel = 2,
    Amend = 3,
    Report = 4,
    Posting = 5,
    Refused = 6,
    Stopped = 7,
    EarlierFill = 8,
    Funding = 9,
}

/// Appends the bytes of a decision. Little-endian; the first byte tells what it is.
pub fn encode(decision: &Decision, out: &mut Vec<u8>) {
    match decision {
        Decision::Submit { ts, order, request } => {
            out.push(Tag::Submit as u8);
            put(out, &[*ts, *order as i64]);
            put_request(out, request);
        }
        Decision::Cancel { ts, order } => {
            out.push(Tag::Cancel as u8);
            put(out, &[*ts, *order as i64]);
        }
        Decision::Amend { ts, order, price, qty } => {
            out.push(Tag::Amend as u8);
            put(out, &[*ts, *order as i64, *price, *qty]);
        }
        Decision::Report(report) => encode_report(report, out),
        Decision::Posting { ts, order, transaction } => encode_posting(*ts, *order, transaction, out),
        Decision::Refused { ts, request, refusal } => {
            out.push(Tag::Refused as u8);
            put(out, &[*ts, 0]);
            put_request(out, request);
            out.push(*refusal as u8);
        }
        Decision::Stopped { ts, strategy } => {
            out.push(Tag::Stopped as u8);
            put(out, &[*ts, i64::from(*strategy)]);
        }
        Decision::EarlierFill { ts, order, request, fill } => {
            out.push(Tag::EarlierFill as u8);
            put(out, &[*ts, *order as i64]);
            put_request(out, request);
            put_fill(out, fill);
        }
        Decision::Funding { ts, instrument, ts_venue, amount } => {
            out.push(Tag::Funding as u8);
            put(out, &[*ts, i64::from(*instrument), *ts_venue]);
            out.extend_from_slice(&amount.to_le_bytes());
        }
    }
}

/// The bytes of [`Decision::Report`].
#[inline]
pub(super) fn encode_report(report: &Report, out: &mut Vec<u8>) {
    out.push(Tag::Report as u8);
    put(out, &[report.ts_recv, report.order as i64, report.ts_venue]);
    put_report(out, &report.kind);
}

/// The bytes of [`Decision::Posting`].
#[inline]
pub(super) fn encode_posting(ts: Nanos, order: OrderId, transaction: &Transaction, out: &mut Vec<u8>) {
    out.push(Tag::Posting as u8);
    put(out, &[ts, order as i64]);
    transaction.lines().iter().for_each(|line| put_posting(out, line));
}

#[inline]
fn put<const N: usize>(out: &mut Vec<u8>, values: &[i64; N]) {
    out.extend_from_slice(values.map(i64::to_le_bytes).as_flattened());
}

/// Parts put together on the stack, so that a record is a few appends and not one for each part.
#[inline]
fn joined<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let (mut all, mut at) = ([0; N], 0);
    for part in parts {
        all[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    all
}

#[inline]
fn put_request(out: &mut Vec<u8>, request: &OrderRequest) {
    let terms = if request.terms.is_plain() { 0 } else { HAS_TERMS };
    out.extend_from_slice(&joined::<23>(&[
        &request.strategy.to_le_bytes(),
        &request.instrument.to_le_bytes(),
        &[request.side as u8, request.kind as u8 | terms, request.time_in_force as u8],
        &request.price.to_le_bytes(),
        &request.qty.to_le_bytes(),
    ]));
    if terms != 0 {
        put_terms(out, &request.terms);
    }
}

fn put_terms(out: &mut Vec<u8>, terms: &Terms) {
    put(out, &[terms.level, terms.expires, terms.display]);
    out.extend_from_slice(&terms.group.to_le_bytes());
    out.extend_from_slice(&terms.trail.to_le_bytes());
    out.extend_from_slice(&[terms.trigger as u8, terms.by as u8, u8::from(terms.reduce_only), terms.self_trade as u8]);
}

fn put_report(out: &mut Vec<u8>, kind: &ReportKind) {
    match kind {
        ReportKind::Accepted { queue_ahead } => {
            out.push(0);
            put(out, &[*queue_ahead]);
        }
        ReportKind::Rejected(reason) => out.extend_from_slice(&[1, *reason as u8]),
        ReportKind::Filled(fill) => {
            out.push(2);
            put_fill(out, fill);
        }
        ReportKind::Canceled => out.push(3),
        ReportKind::Expired(reason) => out.extend_from_slice(&[4, *reason as u8]),
        ReportKind::CancelRejected(reason) => out.extend_from_slice(&[5, *reason as u8]),
        ReportKind::Amended { price, qty } => {
            out.push(6);
            put(out, &[*price, *qty]);
        }
        ReportKind::AmendRejected(reason) => out.extend_from_slice(&[7, *reason as u8]),
        ReportKind::Unknown => out.push(8),
        ReportKind::Triggered { queue_ahead } => {
            out.push(9);
            put(out, &[*queue_ahead]);
        }
        ReportKind::Account(event) => put_event(out, event),
    }
}

fn put_event(out: &mut Vec<u8>, event: &AccountEvent) {
    match event {
        AccountEvent::Funding { account, instrument, amount } => {
            out.push(10);
            put_whose(out, *account, *instrument);
            out.extend_from_slice(&amount.to_le_bytes());
        }
        AccountEvent::Interest { strategy, instrument, price, qty } => {
            out.push(11);
            put_whose(out, *strategy, *instrument);
            put(out, &[*price, *qty]);
        }
        AccountEvent::Liquidated { account, instrument, side, fill } => {
            out.push(12);
            put_whose(out, *account, *instrument);
            out.push(*side as u8);
            put_fill(out, fill);
        }
    }
}

fn put_whose(out: &mut Vec<u8>, whose: u16, instrument: u16) {
    out.extend_from_slice(&whose.to_le_bytes());
    out.extend_from_slice(&instrument.to_le_bytes());
}

#[inline]
fn put_fill(out: &mut Vec<u8>, fill: &Fill) {
    let how = [fill.liquidity as u8 | if fill.is_placed() { HAS_TERMS } else { 0 }];
    let (trade, price, qty) = (fill.trade.to_le_bytes(), fill.price.to_le_bytes(), fill.qty.to_le_bytes());
    let fee = fill.fee.to_le_bytes();
    if fill.is_placed() {
        let (ahead, mid) = (fill.queue_ahead.to_le_bytes(), fill.twice_mid.to_le_bytes());
        out.extend_from_slice(&joined::<57>(&[&how, &trade, &price, &qty, &fee, &ahead, &mid]));
    } else {
        out.extend_from_slice(&joined::<41>(&[&how, &trade, &price, &qty, &fee]));
    }
}

#[inline]
fn put_posting(out: &mut Vec<u8>, line: &Posting) {
    out.extend_from_slice(&joined::<21>(&[
        &line.owner.to_le_bytes(),
        &[line.account as u8],
        &line.currency.to_le_bytes(),
        &line.amount.to_le_bytes(),
    ]));
}

/// Reads one record; `None` if the bytes are not exactly one.
pub fn decode(bytes: &[u8]) -> Option<Decision> {
    let mut read = Reader { bytes };
    let tag = read.byte()?;
    let (ts, id) = (read.int()?, read.int()? as u64);
    let decision = match tag {
        1 => Decision::Submit { ts, order: id, request: read.request()? },
        2 => Decision::Cancel { ts, order: id },
        3 => Decision::Amend { ts, order: id, price: read.int()?, qty: read.int()? },
        4 => Decision::Report(Report { order: id, ts_recv: ts, ts_venue: read.int()?, kind: read.report()? }),
        5 => Decision::Posting { ts, order: id, transaction: read.transaction()? },
        6 => Decision::Refused { ts, request: read.request()?, refusal: *Refusal::ALL.get(read.index()?)? },
        7 => Decision::Stopped { ts, strategy: u16::try_from(id).ok()? },
        8 => Decision::EarlierFill { ts, order: id, request: read.request()?, fill: read.fill()? },
        9 => Decision::Funding {
            ts,
            instrument: u16::try_from(id).ok()?,
            ts_venue: read.int()?,
            amount: read.take().map(i128::from_le_bytes)?,
        },
        _ => return None,
    };
    read.bytes.is_empty().then_some(decision)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|b| b[0])
    }

    fn index(&mut self) -> Option<usize> {
        self.byte().map(usize::from)
    }

    fn int(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn reason(&mut self) -> Option<Reason> {
        Reason::ALL.get(self.index()?).copied()
    }

    fn request(&mut self) -> Option<OrderRequest> {
        let (strategy, instrument) = (self.short()?, self.short()?);
        let side = *[Side::Buy, Side::Sell].get(self.index()?)?;
        let how = self.byte()?;
        let kind = *[OrderKind::Limit, OrderKind::Market].get(usize::from(how & !HAS_TERMS))?;
        let time_in_force =
            *[TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::PostOnly].get(self.index()?)?;
        let (price, qty) = (self.int()?, self.int()?);
        let terms = if how & HAS_TERMS == 0 { Terms::PLAIN } else { self.terms()? };
        Some(OrderRequest { strategy, instrument, side, kind, time_in_force, price, qty, terms })
    }

    fn terms(&mut self) -> Option<Terms> {
        let (level, expires, display) = (self.int()?, self.int()?, self.int()?);
        let (group, trail) = (self.short()?, self.short()?);
        let (trigger, by) = (*Trigger::ALL.get(self.index()?)?, *TriggerBy::ALL.get(self.index()?)?);
        let reduce_only = *[false, true].get(self.index()?)?;
        let self_trade = *SelfTrade::ALL.get(self.index()?)?;
        let terms = Terms { level, expires, display, group, trail, trigger, by, reduce_only, self_trade };
        // One request has one form in bytes.
        (!terms.is_plain()).then_some(terms)
    }

    fn report(&mut self) -> Option<ReportKind> {
        Some(match self.byte()? {
            0 => ReportKind::Accepted { queue_ahead: self.int()? },
            1 => ReportKind::Rejected(self.reason()?),
            2 => ReportKind::Filled(self.fill()?),
            3 => ReportKind::Canceled,
            4 => ReportKind::Expired(self.reason()?),
            5 => ReportKind::CancelRejected(self.reason()?),
            6 => ReportKind::Amended { price: self.int()?, qty: self.int()? },
            7 => ReportKind::AmendRejected(self.reason()?),
            8 => ReportKind::Unknown,
            9 => ReportKind::Triggered { queue_ahead: self.int()? },
            code @ 10..=12 => ReportKind::Account(self.event(code)?),
            _ => return None,
        })
    }

    fn fill(&mut self) -> Option<Fill> {
        let how = self.byte()?;
        let liquidity = *[Liquidity::Maker, Liquidity::Taker].get(usize::from(how & !HAS_TERMS))?;
        let (trade, price, qty) = (self.int()? as u64, self.int()?, self.int()?);
        let fee = self.take().map(i128::from_le_bytes)?;
        let placed = how & HAS_TERMS != 0;
        let (queue_ahead, twice_mid) = if placed { (self.int()?, self.int()?) } else { (-1, 0) };
        let fill = Fill { trade, price, qty, liquidity, fee, queue_ahead, twice_mid };
        // One fill has one form in bytes.
        (fill.is_placed() == placed).then_some(fill)
    }

    fn event(&mut self, code: u8) -> Option<AccountEvent> {
        let (whose, instrument) = (self.short()?, self.short()?);
        Some(match code {
            10 => AccountEvent::Funding { account: whose, instrument, amount: self.take().map(i128::from_le_bytes)? },
            11 => AccountEvent::Interest { strategy: whose, instrument, price: self.int()?, qty: self.int()? },
            _ => AccountEvent::Liquidated {
                account: whose,
                instrument,
                side: *[Side::Buy, Side::Sell].get(self.index()?)?,
                fill: self.fill()?,
            },
        })
    }

    fn transaction(&mut self) -> Option<Transaction> {
        let mut lines = Vec::new();
        while !self.bytes.is_empty() {
            let (owner, account) = (self.short()?, *Account::ALL.get(self.index()?)?);
            lines.push(Posting {
                owner,
                account,
                currency: self.short()?,
                amount: self.take().map(i128::from_le_bytes)?,
            });
        }
        Transaction::from_lines(&lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SECOND;

    fn samples() -> Vec<Decision> {
        let request = OrderRequest {
            strategy: 3,
            instrument: 1,
            side: Side::Sell,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::PostOnly,
            price: 6_183_763,
            qty: 1_000_000,
            terms: Terms::PLAIN,
        };
        let terms = Terms {
            level: 6_200_000,
            expires: 1 << 60,
            display: 1_000,
            group: 65_535,
            trail: 50,
            trigger: Trigger::Trailing,
            by: TriggerBy::Mark,
            reduce_only: true,
            self_trade: SelfTrade::ExpireBoth,
        };
        let conditional = OrderRequest { terms, ..request };
        let report = |kind| Decision::Report(Report { order: 7, ts_venue: SECOND, ts_recv: 2 * SECOND, kind });
        let liquidity = Liquidity::Taker;
        let fill = Fill { trade: 9, price: 5, qty: 6, liquidity, fee: -(1 << 80), queue_ahead: -1, twice_mid: 0 };
        let placed = Fill { queue_ahead: 7, twice_mid: 1 << 40, liquidity: Liquidity::Maker, ..fill };
        let line = Posting { owner: 2, account: Account::Rounding, currency: 1, amount: -5 };
        vec![
            Decision::Submit { ts: 1, order: 2, request },
            Decision::Submit { ts: 1, order: 3, request: conditional },
            Decision::Cancel { ts: -1, order: u64::MAX },
            Decision::Amend { ts: 1, order: 2, price: 3, qty: 4 },
            report(ReportKind::Accepted { queue_ahead: -1 }),
            report(ReportKind::Rejected(Reason::BookNotInSync)),
            report(ReportKind::Filled(fill)),
            report(ReportKind::Filled(placed)),
            report(ReportKind::Canceled),
            report(ReportKind::Expired(Reason::NotWhole)),
            report(ReportKind::CancelRejected(Reason::UnknownOrder)),
            report(ReportKind::Amended { price: 8, qty: 9 }),
            report(ReportKind::AmendRejected(Reason::BelowFilled)),
            report(ReportKind::Unknown),
            report(ReportKind::Triggered { queue_ahead: 12 }),
            report(ReportKind::Account(AccountEvent::Funding { account: 1, instrument: 2, amount: -(1 << 90) })),
            report(ReportKind::Account(AccountEvent::Interest { strategy: 3, instrument: 4, price: 5, qty: 6 })),
            report(ReportKind::Account(AccountEvent::Liquidated { account: 7, instrument: 8, side: Side::Sell, fill })),
            report(ReportKind::Rejected(Reason::IcebergParts)),
            Decision::Posting { ts: 4, order: 0, transaction: Transaction::from_lines(&[line; 8]).unwrap() },
            Decision::Posting { ts: 4, order: 0, transaction: Transaction::from_lines(&[]).unwrap() },
            Decision::Refused { ts: 5, request, refusal: Refusal::DailyLoss },
            Decision::Refused { ts: 5, request: conditional, refusal: Refusal::DailyLoss },
            Decision::Stopped { ts: 6, strategy: 4 },
            Decision::EarlierFill { ts: 7, order: 1 << 40, request, fill },
            Decision::EarlierFill { ts: 7, order: 1 << 40, request: conditional, fill },
            Decision::Funding { ts: 8, instrument: 2, ts_venue: 9, amount: -(1 << 70) },
        ]
    }

    #[test]
    fn every_decision_survives_its_bytes() {
        for decision in samples() {
            let mut bytes = Vec::new();
            encode(&decision, &mut bytes);
            assert_eq!(decode(&bytes), Some(decision));
            // Cut anywhere it is no record; a posting cut between its lines is one with fewer lines.
            for cut in 0..bytes.len() {
                assert!(decode(&bytes[..cut]).is_none_or(|other| other != decision), "{decision:?} cut at {cut}");
            }
        }
    }
}
