//! Further terms of an order, as the gate holds them: whether they make sense together, before the venue is asked.

use super::{MOST, Refusal, Standing};
use crate::ledger::Position;
use crate::order::{BASIS_POINTS, OrderRequest, Trigger};
use crate::types::{OrderKind, TimeInForce};

/// Whether a request's terms make sense with its kind, time in force, quantity and instrument.
///
/// # Errors
/// The first that does not.
#[cold]
pub(super) fn check(request: &OrderRequest, standing: &Standing<'_>) -> Result<(), Refusal> {
    let terms = &request.terms;
    let rests = matches!(request.time_in_force, TimeInForce::Gtc | TimeInForce::PostOnly);
    let rests = request.kind == OrderKind::Limit && rests;
    let level_fits = match terms.trigger {
        Trigger::None => terms.level == 0 && terms.trail == 0,
        Trigger::Stop | Trigger::TakeProfit => (1..=MOST).contains(&terms.level) && terms.trail == 0,
        Trigger::Trailing => (0..=MOST).contains(&terms.level) && (1..BASIS_POINTS).contains(&i64::from(terms.trail)),
    };
    if !level_fits {
        return Err(Refusal::BadTrigger);
    }
    let lot = standing.instrument.lot_steps();
    let shows = terms.display > 0 && terms.display <= request.qty && terms.display % lot == 0 && rests;
    if terms.display != 0 && !shows {
        return Err(Refusal::BadDisplay);
    }
    if terms.expires != 0 && (terms.expires <= standing.now || !rests && !terms.is_conditional()) {
        return Err(Refusal::TimeOver);
    }
    if terms.reduce_only && !may_reduce(request, standing) {
        return Err(Refusal::ReduceOnly);
    }
    Ok(())
}

/// Whether there is a position that the order makes smaller. One that waits for its trigger is asked then.
fn may_reduce(request: &OrderRequest, standing: &Standing<'_>) -> bool {
    let reduces = standing.position * request.side.sign() < 0;
    Position::may_be_short(standing.instrument) && (reduces || request.terms.is_conditional())
}
