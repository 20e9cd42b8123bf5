//! What happens to the position of an account, shared between the strategies that hold it.

use super::{SETTLEMENT, share};
use crate::types::{AccountIx, Money, Qty, StrategyIx};

/// Those of `held` that stand on the side of its sum, with what they hold, and how much that is together.
fn on_the_side(held: &[(StrategyIx, Qty)]) -> (Vec<(StrategyIx, Qty)>, Qty) {
    let net: Qty = held.iter().map(|(_, qty)| qty).sum();
    let side: Vec<_> = held.iter().copied().filter(|(_, qty)| qty.signum() * net.signum() > 0).collect();
    let whole = side.iter().map(|(_, qty)| qty.abs()).sum();
    (side, whole)
}

/// A payment for the position of an account, as (owner, amount): by the size of what each holds on the side of the net
/// position, to the step a venue settles in; what is over goes to the first. Without any it is the `account`'s own.
pub fn payments(account: AccountIx, held: &[(StrategyIx, Qty)], amount: Money) -> Vec<(u16, Money)> {
    let (side, whole) = on_the_side(held);
    if whole == 0 {
        return vec![(account, amount)];
    }
    let settled = |amount: Money| amount / SETTLEMENT * SETTLEMENT;
    let part = |(strategy, qty): &(StrategyIx, Qty)| (strategy + 1, settled(share(amount, qty.abs(), whole)));
    let mut shares: Vec<(u16, Money)> = side.iter().map(part).collect();
    shares[0].1 += amount - shares.iter().map(|(_, amount)| amount).sum::<Money>();
    shares
}

/// A quantity closed of the position of an account, as (strategy, quantity): by the size of what each holds on the side
/// of the net position, in whole lots; what is over goes to the first that hold more.
pub fn quantities(held: &[(StrategyIx, Qty)], qty: Qty, lot: Qty) -> Vec<(StrategyIx, Qty)> {
    let (side, whole) = on_the_side(held);
    let qty = qty.min(whole);
    let part = |held: Qty| {
        let exact = i128::from(qty) * i128::from(held.abs()) / i128::from(whole);
        Qty::try_from(exact).unwrap_or(Qty::MAX) / lot * lot
    };
    let mut shares: Vec<_> = side.iter().map(|(strategy, held)| (*strategy, part(*held))).collect();
    let mut over = qty - shares.iter().map(|(_, qty)| qty).sum::<Qty>();
    for (share, (_, held)) in shares.iter_mut().zip(&side) {
        let more = over.min(held.abs() - share.1);
        share.1 += more;
        over -= more;
    }
    shares.retain(|(_, qty)| *qty > 0);
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_closed_is_shared_in_lots_by_who_stands_on_the_side() {
        for (held, qty, expected) in [
            (&[(0, 80), (1, -30)][..], 50, vec![(0, 50)]),
            (&[(0, 60), (2, 20)], 40, vec![(0, 30), (2, 10)]),
            (&[(0, -30), (1, -30), (2, -30)], 50, vec![(0, 30), (1, 10), (2, 10)]),
            (&[(0, 5), (1, -5)], 3, vec![]),
        ] {
            assert_eq!(quantities(held, qty, 10), expected, "{held:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_add_up_and_close_no_more_than_is_held(
            held in prop::collection::vec(-1_000_i64..1_000, 1..6), part in 1_i64..=100, amount in any::<i64>()
        ) {
            let held: Vec<(StrategyIx, Qty)> = held.into_iter().zip(0..).map(|(qty, ix)| (ix, qty)).collect();
            let net: Qty = held.iter().map(|(_, qty)| qty).sum();
            let qty = (net.abs() * part / 100).max(i64::from(net != 0));
            let closed = quantities(&held, qty, 10);
            prop_assert_eq!(closed.iter().map(|(_, qty)| qty).sum::<Qty>(), qty);
            for (strategy, qty) in closed {
                let own = held[usize::from(strategy)].1;
                prop_assert!(own.signum() == net.signum() && qty <= own.abs());
            }
            let amount = Money::from(amount) * SETTLEMENT / 7;
            prop_assert_eq!(payments(3, &held, amount).iter().map(|(_, amount)| amount).sum::<Money>(), amount);
        }
    }
}
