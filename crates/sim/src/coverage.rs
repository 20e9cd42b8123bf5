//! What happened in the worlds, counted: a simulation in which nothing happens proves nothing.

use std::collections::BTreeMap;

use kedge_core::order::{OrderState, Reason, ReportKind};
use kedge_core::record::Decision;
use kedge_core::risk::Refusal;
use kedge_core::types::{Liquidity, TimeInForce};

use crate::check::{Life, Story};
use crate::world::{Outcome, World};

/// How often each kind of thing happened.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    fn add(&mut self, what: impl Into<String>, count: u64) {
        *self.counts.entry(what.into()).or_default() += count;
    }

    /// Adds one run.
    pub fn count(&mut self, world: &World, outcome: &Outcome, story: &Story) {
        for decision in &story.decisions {
            match decision {
                Decision::Report(report) => self.add(name(report.kind), 1),
                Decision::Submit { request, .. } => self.add(format!("sent {}", life_name(request.time_in_force)), 1),
                Decision::Cancel { .. } => self.add("sent cancel", 1),
                Decision::Amend { .. } => self.add("sent amend", 1),
                Decision::Refused { refusal, .. } => self.add(format!("refused {}", refusal.name()), 1),
                Decision::Stopped { .. } => self.add("stopped", 1),
                Decision::Posting { .. } => self.add("posting", 1),
                Decision::EarlierFill { .. } | Decision::Funding { .. } => self.add("of a live session", 1),
            }
        }
        for life in story.lives.values() {
            self.fates(life);
        }
        for tally in &outcome.tallies {
            for refusal in Refusal::ALL {
                self.add(format!("withheld {}", refusal.name()), tally.withheld[refusal as usize]);
            }
        }
        for counts in &outcome.counts {
            self.add("rows", counts.events);
            self.add("gaps", counts.gaps);
            self.add("resyncs", counts.resyncs);
        }
        let prompt = |latency: &kedge_core::matching::Latency| latency.entry.least() + latency.response.least() == 0;
        self.add("worlds without latency", u64::from(world.places.iter().any(|place| prompt(&place.settings.latency))));
        self.add("odd reports", outcome.blotter.odd_reports);
        self.add("samples", outcome.blotter.samples.len() as u64);
        let open = outcome.open.iter().map(|open| open.0.len() as u64).sum();
        self.add("open at the end", open);
        let late = outcome.ended.iter().filter(|order| order.state == OrderState::Canceled && order.filled > 0);
        self.add("canceled in part filled", late.count() as u64);
    }

    fn fates(&mut self, life: &Life) {
        let fills = life.reports.iter().filter_map(|report| match report.2 {
            ReportKind::Filled(fill) => Some(fill.liquidity),
            _ => None,
        });
        let fills: Vec<Liquidity> = fills.collect();
        let (takes, makes) = (fills.contains(&Liquidity::Taker), fills.contains(&Liquidity::Maker));
        self.add("took, then rested and made", u64::from(takes && makes));
        self.add("made in several parts", u64::from(fills.iter().filter(|&&l| l == Liquidity::Maker).count() > 1));
        self.add("walked several levels", u64::from(fills.iter().filter(|&&l| l == Liquidity::Taker).count() > 1));
    }

    /// Of what is expected to happen, what never did.
    pub fn missing(&self) -> Vec<String> {
        let mut expected: Vec<String> = [
            "accepted",
            "filled as maker",
            "filled as taker",
            "canceled",
            "amended",
            "gaps",
            "resyncs",
            "stopped",
            "took, then rested and made",
            "made in several parts",
            "walked several levels",
            "odd reports",
            "samples",
            "canceled in part filled",
            "worlds without latency",
            "open at the end",
            "sent fok",
            "sent ioc",
            "triggered",
        ]
        .map(String::from)
        .to_vec();
        let reasons = [
            Reason::WouldTake,
            Reason::NotFilled,
            Reason::NotWhole,
            Reason::TimeOver,
            Reason::GroupEnded,
            Reason::SelfTrade,
        ];
        expected.extend(reasons.map(|reason| format!("expired {}", reason.name())));
        let reasons = [Reason::BookNotInSync, Reason::WouldTrigger, Reason::NoMarkPrice];
        expected.extend(reasons.map(|reason| format!("rejected {}", reason.name())));
        expected.push(format!("cancel refused {}", Reason::UnknownOrder.name()));
        let reasons =
            [Reason::UnknownOrder, Reason::WouldTake, Reason::BelowFilled, Reason::BookNotInSync, Reason::NotTriggered];
        expected.extend(reasons.map(|reason| format!("amend refused {}", reason.name())));
        // Nobody halts these worlds, their venues take every order, and their instruments have no such filters.
        let never = [Refusal::Halted, Refusal::Unsupported, Refusal::QuantityFilter];
        let refusals = Refusal::ALL.into_iter().filter(|refusal| !never.contains(refusal));
        expected.extend(refusals.map(|refusal| format!("refused {}", refusal.name())));
        let withheld = [Refusal::NoShort, Refusal::InsufficientBalance, Refusal::Position, Refusal::BookNotInSync];
        expected.extend(withheld.map(|refusal| format!("withheld {}", refusal.name())));
        expected.retain(|what| self.counts.get(what).copied().unwrap_or(0) == 0);
        expected
    }

    /// All counts, a line each.
    pub fn table(&self) -> String {
        self.counts.iter().map(|(what, count)| format!("{count:>12}  {what}\n")).collect()
    }
}

fn life_name(life: TimeInForce) -> &'static str {
    ["gtc", "ioc", "fok", "post-only"][life as usize]
}

fn name(kind: ReportKind) -> String {
    match kind {
        ReportKind::Accepted { .. } => "accepted".into(),
        ReportKind::Rejected(reason) => format!("rejected {}", reason.name()),
        ReportKind::Filled(fill) if fill.liquidity == Liquidity::Maker => "filled as maker".into(),
        ReportKind::Filled(_) => "filled as taker".into(),
        ReportKind::Canceled => "canceled".into(),
        ReportKind::Expired(reason) => format!("expired {}", reason.name()),
        ReportKind::CancelRejected(reason) => format!("cancel refused {}", reason.name()),
        ReportKind::Amended { .. } => "amended".into(),
        ReportKind::AmendRejected(reason) => format!("amend refused {}", reason.name()),
        ReportKind::Unknown => "unknown".into(),
        ReportKind::Triggered { .. } => "triggered".into(),
        ReportKind::Account(_) => "account".into(),
    }
}
