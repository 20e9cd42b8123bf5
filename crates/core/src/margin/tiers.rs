//! A venue's table of margin by the size of a position, as Binance's `leverageBracket` gives it.

use serde::{Deserialize, Serialize};

use crate::decimal::decimal_text;
use crate::instrument::{RATE_SCALE, at_rate, money, rate};
use crate::types::{MONEY_DECIMALS, Money};

/// One bracket: for a notional above its floor, up to the next one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginTier {
    /// Notional that it begins above, in the currency that the position settles in.
    pub floor: Money,
    /// What a position must keep, of its notional, in 10⁻⁹.
    pub rate: i128,
    /// The highest leverage a position of this size may be opened with.
    pub leverage: u32,
    /// Taken off what must be kept, so that nothing jumps where a tier begins: `cum` at Binance.
    pub amount: Money,
}

/// The brackets, in rising order. None where the venue's are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct MarginTiers(Vec<MarginTier>);

/// A bracket as a definition gives it: decimals as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    floor: String,
    maintenance: String,
    leverage: u32,
    /// Computed where it is not given: floor × (rate − rate before) + amount before.
    #[serde(default)]
    amount: Option<String>,
}

impl TryFrom<Vec<Entry>> for MarginTiers {
    type Error = String;

    fn try_from(entries: Vec<Entry>) -> Result<Self, String> {
        let mut tiers: Vec<MarginTier> = Vec::with_capacity(entries.len());
        for entry in entries {
            let wrong = |text: &str| format!("`{text}` is no amount");
            let floor = money(&entry.floor).map_err(|_| wrong(&entry.floor))?;
            let rate = rate(&entry.maintenance).map_err(|_| wrong(&entry.maintenance))?;
            let amount = match (&entry.amount, tiers.last()) {
                (Some(text), _) => money(text).map_err(|_| wrong(text))?,
                (None, Some(before)) => before.amount + at_rate(floor, rate - before.rate),
                (None, None) => 0,
            };
            tiers.push(MarginTier { floor, rate, leverage: entry.leverage, amount });
        }
        Ok(Self(tiers))
    }
}

impl From<MarginTiers> for Vec<Entry> {
    fn from(tiers: MarginTiers) -> Self {
        let entry = |tier: &MarginTier| Entry {
            floor: decimal_text(tier.floor, MONEY_DECIMALS),
            maintenance: decimal_text(tier.rate, 9),
            leverage: tier.leverage,
            amount: Some(decimal_text(tier.amount, MONEY_DECIMALS)),
        };
        tiers.0.iter().map(entry).collect()
    }
}

impl MarginTiers {
    /// One tier for every size.
    pub fn flat(rate: i128, leverage: u32) -> Self {
        Self(vec![MarginTier { floor: 0, rate, leverage, amount: 0 }])
    }

    /// Whether the venue's tiers are not known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in rising order.
    pub fn all(&self) -> &[MarginTier] {
        &self.0
    }

    /// Checks that there is one for every size.
    ///
    /// # Errors
    /// Names the tier and the rule.
    pub fn check(&self) -> Result<(), String> {
        for (at, tier) in self.0.iter().enumerate() {
            let (number, floor) = (at + 1, decimal_text(tier.floor, MONEY_DECIMALS));
            let before = at.checked_sub(1).map(|before| &self.0[before]);
            let begins = before.map_or(tier.floor == 0, |before| tier.floor > before.floor);
            if !begins {
                return Err(format!("tier {number}: floors must rise from 0, was {floor}"));
            }
            if !(1..RATE_SCALE).contains(&tier.rate) || before.is_some_and(|before| tier.rate < before.rate) {
                let text = decimal_text(tier.rate, 9);
                return Err(format!("tier {number}: maintenance must rise and be above 0 and below 1, was {text}"));
            }
            if tier.leverage == 0 || before.is_some_and(|before| tier.leverage > before.leverage) {
                return Err(format!("tier {number}: leverage must fall and be at least 1, was {}", tier.leverage));
            }
        }
        Ok(())
    }

    /// The tier of a notional: the last whose floor is below it. Panics if there are none.
    pub fn of(&self, notional: Money) -> &MarginTier {
        &self.0[self.0.partition_point(|tier| tier.floor < notional).saturating_sub(1)]
    }

    /// What a position of this notional must keep: notional × rate − amount. Panics if there are no tiers.
    pub fn maintenance(&self, notional: Money) -> Money {
        let tier = self.of(notional);
        at_rate(notional, tier.rate) - tier.amount
    }
}
