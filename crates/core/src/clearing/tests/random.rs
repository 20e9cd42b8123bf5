//! Days drawn from seeds, with everything that can be cleared.

use super::*;

const DRAWS: Play = |ctx, _| {
    let side = if ctx.random().below(2) == 0 { Side::Buy } else { Side::Sell };
    let (qty, away) = (1 + ctx.random().below(9) as Qty, ctx.random().below(6) as Ticks);
    match ctx.random().below(12) {
        0 => take(ctx, side, qty),
        1 | 2 => {
            let price = 98 + away - side.sign() * 2;
            ctx.submit(side, OrderKind::Limit, TimeInForce::Gtc, price, qty);
        }
        3 => ctx.cancel_all(),
        _ => {}
    }
};

/// Prices that walk, mark prices beside them, a funding rate now and then.
fn walk(seed: u64, from: Nanos, until: Nanos) -> Vec<Event> {
    let mut random = Stream::new(seed, 9);
    let (mut rows, mut price, mut at) = (Vec::new(), 100_i64, from);
    while at < until {
        price = (price + random.below(13) as i64 - 6).clamp(60, 150);
        match random.below(6) {
            0 => rows.push(one(at, Kind::Mark, price + random.below(5) as i64 - 2, 0)),
            1 => rows.push(one(at, Kind::Funding, 0, random.below(4_000_000) as i64 - 2_000_000)),
            2 => {
                let mut trade = one(at, Kind::Trade, price, 1 + random.below(30) as i64);
                trade.flags |= (random.below(2) as u8) << 4;
                rows.push(trade);
            }
            _ => rows.extend(deep(at, price, 1 + random.below(20) as i64)),
        }
        at += 37 * MILLISECOND;
    }
    rows
}

/// Whatever happens, the venue's books are ours once all is told, and both balance to the last unit: `told` checks
/// that.
#[test]
fn books_agree_and_balance_whatever_is_cleared() {
    let (mut liquidated, mut paid, mut charged) = (0, 0, 0);
    for seed in 0..24 {
        let what = [LINEAR, INVERSE, SPOT][seed as usize % 3];
        let fees = r#", "liquidation_fee": "0.0125""#;
        let (from, until) = (EIGHT - 3 * SECOND, EIGHT + 6 * SECOND);
        let story = Story {
            places: vec![
                (instrument(what, &format!("{TIERS}{fees}")), walk(seed, from, until)),
                (instrument(LINEAR, TIERS), walk(seed + 100, from, until)),
            ],
            seats: vec![(0, false, DRAWS), (1, false, DRAWS), (0, true, DRAWS), (0, false, DRAWS)],
            clears: ClearingSettings {
                margin: [MarginMode::Cross, MarginMode::Isolated][seed as usize / 3 % 2],
                leverage: 20,
                close: [Close::Whole, Close::Tier][seed as usize / 6 % 2],
                funding: vec![Funding::Rows; 2],
                borrow: vec![Some(300_000_000), None],
            },
            deposit: if what == INVERSE { ("X", "3") } else { ("USDT", "300") },
            from,
            until: until + SECOND - MILLISECOND,
        };
        let told = story.told();
        liquidated += told.liquidations.len();
        paid += told.payments().len();
        let interest = |d: &&Decision| {
            matches!(d, Decision::Report(Report { kind: ReportKind::Account(AccountEvent::Interest { .. }), .. }))
        };
        charged += told.decisions.iter().filter(interest).count();
    }
    assert!(
        liquidated > 50 && paid > 20 && charged > 3,
        "{liquidated} liquidations, {paid} payments, {charged} charges"
    );
}
