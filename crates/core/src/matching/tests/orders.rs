//! Orders with further terms, each kind in small stories; then all of them at random, bulk as step.

use super::*;
use crate::order::{SelfTrade, Terms, Trigger};

const STOP: Terms = Terms { trigger: Trigger::Stop, ..Terms::PLAIN };
const TAKE: Terms = Terms { trigger: Trigger::TakeProfit, ..Terms::PLAIN };
const REDUCE: Terms = Terms { reduce_only: true, ..Terms::PLAIN };

fn on(mut order: SentOrder, terms: Terms) -> SentOrder {
    order.request.terms = terms;
    order
}

/// A market order that waits for `level`.
fn stop(id: OrderId, side: Side, level: Ticks, qty: Qty) -> SentOrder {
    on(market(id, side, IOC, qty), Terms { level, ..STOP })
}

fn show(display: Qty) -> Terms {
    Terms { display, ..Terms::PLAIN }
}

fn until(expires: Nanos) -> Terms {
    Terms { expires, ..Terms::PLAIN }
}

fn group(terms: Terms) -> Terms {
    Terms { group: 7, ..terms }
}

fn apart(self_trade: SelfTrade) -> Terms {
    Terms { self_trade, ..Terms::PLAIN }
}

impl Story {
    fn mark(self, at: Nanos, price: Ticks) -> Self {
        self.row(at, Kind::Mark, Side::Buy, price, 0)
    }
}

/// Trades at 100, then a stop sell below or a take-profit above: what each price does.
#[test]
fn stops_wait_for_a_price() {
    let begun = || story(RISK_AVERSE).book(0).trade(0, Side::Buy, 100, 1);
    let stopped = begun().submit(1, stop(1, Side::Sell, 98, 4)).trade(2, Side::Sell, 99, 1).trade(3, Side::Buy, 98, 1);
    assert_eq!(stopped.told(), ["1 #1 accepted", "3 #1 triggered", "3 #1 took 4 at 99"]);
    let never = begun().submit(1, stop(1, Side::Sell, 98, 4)).trade(2, Side::Buy, 103, 9).level(3, Side::Buy, 99, 0);
    assert_eq!(never.told(), ["1 #1 accepted"], "a level that goes is no trade");
    // The rest of a market order that the book cannot fill expires.
    let large = begun().submit(1, stop(1, Side::Buy, 102, 40)).trade(2, Side::Buy, 102, 1).told();
    let walked = ["2 #1 took 5 at 101", "2 #1 took 10 at 102", "2 #1 took 20 at 103", "2 #1 expired not_filled"];
    assert_eq!(large, [&["1 #1 accepted", "2 #1 triggered"], &walked[..]].concat());
    let limit = on(sell(1, 97, 4), Terms { level: 98, ..STOP });
    let limited = begun().submit(1, limit).trade(2, Side::Sell, 98, 1).told();
    assert_eq!(limited, ["1 #1 accepted", "2 #1 triggered", "2 #1 took 4 at 99"]);
    let taken = on(sell(1, 104, 4), Terms { level: 103, ..TAKE });
    let rests = begun().submit(1, taken).trade(2, Side::Buy, 103, 1).trade(3, Side::Buy, 104, 3);
    assert_eq!(rests.told(), ["1 #1 accepted", "2 #1 triggered behind 0", "3 #1 made 3 at 104"]);
    let post = on(order(1, Side::Sell, POST, 99, 4), Terms { level: 98, ..STOP });
    let posted = begun().submit(1, post).trade(2, Side::Sell, 98, 1).told();
    assert_eq!(posted, ["1 #1 accepted", "2 #1 triggered", "2 #1 expired would_take"]);
}

#[test]
fn a_condition_that_holds_on_arrival_is_refused() {
    let begun = || story(RISK_AVERSE).book(0).trade(0, Side::Buy, 100, 1);
    for (side, terms, level, refused) in [
        (Side::Sell, STOP, 100, true),
        (Side::Sell, STOP, 99, false),
        (Side::Buy, STOP, 100, true),
        (Side::Buy, STOP, 101, false),
        (Side::Sell, TAKE, 100, true),
        (Side::Sell, TAKE, 101, false),
        (Side::Buy, TAKE, 100, true),
        (Side::Buy, TAKE, 99, false),
    ] {
        let told = begun().submit(1, on(market(1, side, IOC, 1), Terms { level, ..terms })).told();
        let expected = if refused { "1 #1 rejected would_trigger_immediately" } else { "1 #1 accepted" };
        assert_eq!(told, [expected], "{side:?} {terms:?} at {level}");
    }
    let unseen = story(RISK_AVERSE).book(0).submit(1, stop(1, Side::Sell, 100, 1)).trade(2, Side::Sell, 100, 1);
    assert_eq!(unseen.told().len(), 3, "without a trade before it there is nothing to hold it against");
}

#[test]
fn a_mark_price_pulls_its_own() {
    let by_mark = |level| on(market(1, Side::Sell, IOC, 4), Terms { level, by: TriggerBy::Mark, ..STOP });
    let blind = story(RISK_AVERSE).book(0).submit(1, by_mark(98)).mark(2, 97);
    assert_eq!(blind.told(), ["1 #1 rejected no_mark_price"]);
    let begun = || story(RISK_AVERSE).book(0).mark(0, 100);
    let told = begun().submit(1, by_mark(98)).trade(2, Side::Sell, 97, 1).mark(3, 99).mark(4, 98).told();
    assert_eq!(told, ["1 #1 accepted", "4 #1 triggered", "4 #1 took 4 at 99"]);
    assert_eq!(begun().submit(1, by_mark(100)).told(), ["1 #1 rejected would_trigger_immediately"]);
    let by_last = begun().submit(1, stop(1, Side::Sell, 98, 4)).mark(2, 90).told();
    assert_eq!(by_last, ["1 #1 accepted"], "a mark price is no trade");
}

#[test]
fn a_trailing_stop_comes_back_by_its_rate() {
    let trailing = |level| {
        let terms = Terms { trigger: Trigger::Trailing, trail: 200, level, ..Terms::PLAIN };
        on(market(1, Side::Sell, IOC, 1), terms)
    };
    let begun = || story(RISK_AVERSE).book(0).trade(0, Side::Buy, 100, 1);
    // 2 % below 150, the best since the last trade before it.
    let told = begun().submit(1, trailing(0)).trade(2, Side::Buy, 150, 1).trade(3, Side::Buy, 148, 1);
    assert_eq!(told.trade(4, Side::Buy, 147, 1).told(), ["1 #1 accepted", "4 #1 triggered", "4 #1 took 1 at 99"]);
    let at_once = begun().submit(1, trailing(0)).trade(2, Side::Sell, 98, 1).told();
    assert_eq!(at_once.len(), 3, "2 % below what was traded last before it arrived");
    let later = begun().submit(1, trailing(120)).trade(2, Side::Sell, 90, 1).trade(3, Side::Buy, 120, 1);
    let told = later.trade(4, Side::Buy, 118, 1).trade(5, Side::Buy, 117, 1).told();
    assert_eq!(told[1..], ["5 #1 triggered", "5 #1 took 1 at 99"], "followed from 120 on");
    assert_eq!(begun().submit(1, trailing(100)).told(), ["1 #1 rejected would_trigger_immediately"]);
}

#[test]
fn what_waits_is_cancelled_but_not_amended() {
    let waits = story(RISK_AVERSE).book(0).submit(1, stop(1, Side::Sell, 98, 4)).amend(2, 1, 97, 3).cancel(3, 1);
    let told = waits.trade(4, Side::Sell, 98, 9).cancel(5, 1).told();
    let refused = ["2 #1 amend refused not_triggered", "3 #1 canceled", "5 #1 cancel refused unknown_order"];
    assert_eq!(told[1..], refused);
}

#[test]
fn an_iceberg_shows_part_after_part() {
    // Behind 5: the first 3 fill with the 8th; the next 3 stand behind what is there then.
    let begun = || story(RISK_AVERSE).book(0).submit(1, on(buy(1, 99, 8), show(3)));
    let first = begun().trade(2, Side::Sell, 99, 10);
    assert_eq!(first.told()[1..], ["2 #1 made 3 at 99"], "the next part is behind the level again");
    assert_eq!(first.resting(), [(1, 5, 3)]);
    let second = first.level(3, Side::Buy, 99, 2).trade(4, Side::Sell, 99, 4);
    assert_eq!(second.told()[2..], ["4 #1 made 2 at 99"]);
    assert_eq!(second.resting(), [(1, 0, 1)]);
    // A price that passes fills part after part, as far as the trade goes.
    let passed = begun().trade(2, Side::Sell, 98, 7).told();
    assert_eq!(passed[1..], ["2 #1 made 3 at 99", "2 #1 made 3 at 99", "2 #1 made 1 at 99"]);
    let whole = story(WHOLE).book(0).submit(1, on(buy(1, 99, 8), show(3))).trade(2, Side::Sell, 98, 1).told();
    assert_eq!(whole[1..], ["2 #1 made 3 at 99", "2 #1 made 3 at 99", "2 #1 made 2 at 99"]);
    let crossed = begun().level(2, Side::Sell, 99, 4).told();
    assert_eq!(crossed[1..], ["2 #1 made 3 at 99", "2 #1 made 1 at 99"]);
    // What it takes on arrival it takes whole; only the rest is hidden.
    let took = story(RISK_AVERSE).book(0).submit(1, on(buy(1, 101, 9), show(3)));
    assert_eq!(took.told(), ["1 #1 accepted", "1 #1 took 5 at 101"]);
    assert_eq!(took.resting(), [(1, 0, 3)]);
    let many = story(RISK_AVERSE).book(0).submit(1, on(buy(1, 99, 100), show(1))).told();
    assert_eq!(many, ["1 #1 rejected iceberg_parts"]);
}

#[test]
fn less_of_an_iceberg_keeps_its_place() {
    let begun = || story(RISK_AVERSE).book(0).submit(1, on(buy(1, 99, 8), show(3))).trade(2, Side::Sell, 99, 2);
    for (price, qty, resting) in [
        (99, 5, (1, 3, 3)),  // less of what is hidden
        (99, 2, (1, 3, 2)),  // less of what is shown
        (99, 9, (1, 5, 3)),  // more: at the end
        (98, 8, (1, 10, 3)), // another price: at the end there
    ] {
        assert_eq!(begun().amend(3, 1, price, qty).resting(), [resting], "{qty} at {price}");
    }
    let told = begun().amend(3, 1, 99, 5).trade(4, Side::Sell, 98, 20).told();
    assert_eq!(told[2..], ["4 #1 made 3 at 99", "4 #1 made 2 at 99"], "5 in all");
}

#[test]
fn a_reduce_only_order_does_no_more_than_close() {
    let long = || story(RISK_AVERSE).book(0).submit(1, buy(1, 101, 3));
    let reduce = |id, price, qty| on(sell(id, price, qty), REDUCE);
    let flat = story(RISK_AVERSE).book(0).submit(1, reduce(2, 99, 1)).told();
    assert_eq!(flat, ["1 #2 rejected reduce_only"]);
    let more = long().submit(2, on(buy(2, 102, 1), REDUCE)).told();
    assert_eq!(more[2..], ["2 #2 rejected reduce_only"]);
    let cut = long().submit(2, reduce(2, 99, 5)).told();
    assert_eq!(cut[2..], ["2 #2 accepted", "2 #2 took 3 at 99", "2 #2 expired reduce_only"]);
    let made = long().submit(2, reduce(2, 102, 5)).trade(3, Side::Buy, 102, 30).told();
    assert_eq!(made[2..], ["2 #2 accepted behind 10", "3 #2 made 3 at 102", "3 #2 expired reduce_only"]);
    // Another order closed the position: what rested to reduce it has nothing left to reduce.
    let closed = long().submit(2, reduce(2, 102, 3)).submit(3, sell(3, 99, 3)).told();
    assert_eq!(closed[3..], ["3 #3 accepted", "3 #3 took 3 at 99", "3 #2 expired reduce_only"]);
    let stop = on(market(2, Side::Sell, IOC, 9), Terms { level: 98, reduce_only: true, ..STOP });
    let stopped = long().submit(2, stop).trade(3, Side::Sell, 98, 1).told();
    assert_eq!(stopped[2..], ["2 #2 accepted", "3 #2 triggered", "3 #2 took 3 at 99", "3 #2 expired reduce_only"]);
    let late = story(RISK_AVERSE).book(0).submit(1, stop).trade(3, Side::Sell, 98, 1).told();
    assert_eq!(late, ["1 #2 accepted", "3 #2 triggered", "3 #2 expired reduce_only"]);
    let whole = long().submit(2, on(order(2, Side::Sell, FOK, 98, 4), REDUCE)).told();
    assert_eq!(whole[2..], ["2 #2 expired not_whole"]);
}

#[test]
fn an_order_good_till_a_date_ends_then() {
    let begun = |at| story(RISK_AVERSE).book(0).submit(1, on(buy(1, 99, 4), until(at)));
    let over = begun(10).trade(9, Side::Sell, 99, 7).trade(11, Side::Sell, 98, 9).told();
    assert_eq!(over, ["1 #1 accepted behind 5", "9 #1 made 2 at 99", "10 #1 expired time_over"]);
    let same = begun(10).trade(10, Side::Sell, 98, 9).told();
    assert_eq!(same[1..], ["10 #1 made 4 at 99"], "the market comes first");
    let cancel = begun(10).cancel(10, 1).told();
    assert_eq!(cancel[1..], ["10 #1 expired time_over", "10 #1 cancel refused unknown_order"]);
    assert_eq!(begun(1).told(), ["1 #1 rejected time_over"]);
    let waits = on(market(1, Side::Sell, IOC, 4), Terms { level: 98, expires: 5, ..STOP });
    let told = story(RISK_AVERSE).book(0).submit(1, waits).trade(6, Side::Sell, 90, 1).told();
    assert_eq!(told, ["1 #1 accepted", "5 #1 expired time_over"]);
}

#[test]
fn one_of_a_group_ends_the_others() {
    let stop = on(market(2, Side::Sell, IOC, 4), group(Terms { level: 98, ..STOP }));
    let begun = || {
        let take = on(sell(1, 102, 4), group(Terms::PLAIN));
        story(RISK_AVERSE).book(0).trade(0, Side::Buy, 100, 1).submit(1, take).submit(1, stop)
    };
    let part = begun().trade(2, Side::Buy, 102, 11).trade(3, Side::Sell, 98, 1).told();
    assert_eq!(part[2..], ["2 #1 made 1 at 102", "2 #2 expired group_ended"], "even in part");
    let stopped = begun().trade(2, Side::Sell, 98, 1).trade(3, Side::Buy, 102, 50).told();
    assert_eq!(stopped[2..], ["2 #2 triggered", "2 #1 expired group_ended", "2 #2 took 4 at 99"]);
    let canceled = begun().cancel(2, 2).told();
    assert_eq!(canceled[2..], ["2 #2 canceled", "2 #1 expired group_ended"]);
    // The first takes on arrival: the second is too late. The second is refused: the first ends.
    let taking = on(sell(1, 99, 4), group(Terms::PLAIN));
    let late = story(RISK_AVERSE).book(0).submit(1, taking).submit(1, stop).told();
    assert_eq!(late, ["1 #1 accepted", "1 #1 took 4 at 99", "1 #2 rejected group_ended"]);
    let wrong = on(market(2, Side::Sell, IOC, 4), group(Terms { level: 100, ..STOP }));
    let take = on(sell(1, 102, 4), group(Terms::PLAIN));
    let refused = story(RISK_AVERSE).book(0).trade(0, Side::Buy, 100, 1).submit(1, take).submit(1, wrong).told();
    assert_eq!(refused[1..], ["1 #2 rejected would_trigger_immediately", "1 #1 expired group_ended"]);
    // Two that one row reaches: the second does not happen.
    let both = story(RISK_AVERSE).book(0).submit(1, on(buy(1, 99, 1), group(Terms::PLAIN)));
    let both = both.submit(1, on(buy(2, 98, 1), group(Terms::PLAIN))).trade(2, Side::Sell, 90, 50).told();
    assert_eq!(both[2..], ["2 #1 made 1 at 99", "2 #2 expired group_ended"]);
}

#[test]
fn orders_of_one_account_are_kept_apart() {
    // Own ask of 4 at 101, behind 5; a buy of 8 at 102 meets it after those.
    let meets = |mode| story(RISK_AVERSE).book(0).submit(1, sell(1, 101, 4)).submit(2, on(buy(2, 102, 8), apart(mode)));
    for (mode, expected) in [
        (SelfTrade::None, &["2 #2 took 5 at 101", "2 #2 took 3 at 102"][..]),
        (SelfTrade::ExpireTaker, &["2 #2 took 5 at 101", "2 #2 expired self_trade"]),
        (SelfTrade::ExpireMaker, &["2 #2 took 5 at 101", "2 #1 expired self_trade", "2 #2 took 3 at 102"]),
        (SelfTrade::ExpireBoth, &["2 #2 took 5 at 101", "2 #1 expired self_trade", "2 #2 expired self_trade"]),
    ] {
        assert_eq!(meets(mode).told()[2..], *expected, "{mode:?}");
    }
    // Four more come behind it: they are met after it.
    let between = |life, mode| {
        let taker = on(order(3, Side::Buy, life, 102, 8), apart(mode));
        story(RISK_AVERSE).book(0).submit(1, sell(1, 101, 4)).level(2, Side::Sell, 101, 9).submit(3, taker).told()
    };
    assert_eq!(between(GTC, SelfTrade::ExpireTaker)[2..], ["3 #3 took 5 at 101", "3 #3 expired self_trade"]);
    let after = ["3 #3 took 5 at 101", "3 #1 expired self_trade", "3 #3 took 3 at 101"];
    assert_eq!(between(GTC, SelfTrade::ExpireMaker)[2..], after);
    assert_eq!(between(FOK, SelfTrade::ExpireTaker)[1..], ["3 #3 expired not_whole"]);
    // Nothing else stands there.
    let inside = |life, mode| {
        let taker = on(order(2, Side::Buy, life, 100, 3), apart(mode));
        story(RISK_AVERSE).book(0).submit(1, sell(1, 100, 4)).submit(2, taker).told()
    };
    assert_eq!(inside(GTC, SelfTrade::ExpireTaker)[1..], ["2 #2 accepted", "2 #2 expired self_trade"]);
    assert_eq!(inside(GTC, SelfTrade::ExpireMaker)[1..], ["2 #2 accepted", "2 #1 expired self_trade"]);
    assert_eq!(inside(POST, SelfTrade::ExpireMaker)[1..], ["2 #2 expired would_take"]);
    assert_eq!(inside(FOK, SelfTrade::ExpireTaker)[1..], ["2 #2 expired not_whole"]);
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let modes = (0_usize..4).prop_map(|at| SelfTrade::ALL[at]);
    let trigger = prop_oneof![
        3 => Just(Terms::PLAIN),
        1 => (95_i64..106, prop::bool::ANY).prop_map(|(level, mark)| Terms {
            level, by: TriggerBy::ALL[usize::from(mark)], ..STOP
        }),
        1 => (95_i64..106, prop::bool::ANY).prop_map(|(level, mark)| Terms {
            level, by: TriggerBy::ALL[usize::from(mark)], ..TAKE
        }),
        1 => (prop_oneof![Just(0), 95_i64..106], 50_u16..500).prop_map(|(level, trail)| Terms {
            level, trail, trigger: Trigger::Trailing, ..Terms::PLAIN
        }),
    ];
    (
        trigger,
        prop_oneof![2 => Just(0), 1 => 1_i64..8],
        prop_oneof![2 => Just(0), 1 => 1_i64..60],
        0_u16..5,
        prop::bool::weighted(0.3),
        modes,
    )
        .prop_map(|(terms, display, expires, group, reduce_only, self_trade)| Terms {
            display,
            expires,
            group,
            reduce_only,
            self_trade,
            ..terms
        })
}

/// A story in which every order has terms of its own.
fn any_special_story() -> impl Strategy<Value = Story> {
    let terms = prop::collection::vec(any_terms(), 120);
    let marks = prop::collection::vec((0_i64..80, 94_i64..107), 0..12);
    (any_story(), terms, marks).prop_map(|(mut story, terms, marks)| {
        for (asked, terms) in story.asked.iter_mut().zip(terms) {
            if let Request::Submit(order) = &mut asked.1 {
                let may_hide = order.request.kind == OrderKind::Limit;
                order.request.terms = Terms { display: if may_hide { terms.display } else { 0 }, ..terms };
            }
        }
        for (at, price) in marks {
            let at_row = story.rows.partition_point(|row| row.ts_event <= at);
            let mut row = Event::new(at, at, Kind::Mark, Side::Buy, price, 0);
            row.flags |= flag::LAST;
            // Not into the middle of a snapshot.
            if at_row == story.rows.len() || at_row > 0 && story.rows[at_row - 1].is_last() {
                story.rows.insert(at_row, row);
            }
        }
        story
    })
}

/// The terms of every order of a story.
fn terms_of(story: &Story) -> BTreeMap<OrderId, (Side, Terms)> {
    let submitted = story.asked.iter().filter_map(|asked| match &asked.1 {
        Request::Submit(order) => Some((order.id, (order.request.side, order.request.terms))),
        _ => None,
    });
    submitted.collect()
}

/// What the terms promise, held against what the venue said.
fn keep_their_terms(story: &Story, told: &[Report]) {
    let terms = terms_of(story);
    let (mut position, mut executed) = (0_i64, BTreeMap::<u16, OrderId>::new());
    for report in told {
        let ReportKind::Filled(fill) = report.kind else { continue };
        let (side, terms) = terms[&report.order];
        let before = position;
        position += side.sign() * fill.qty;
        assert!(
            !terms.reduce_only || position.abs() < before.abs() && position * before >= 0,
            "{report:?}: {before} to {position} by an order that only reduces"
        );
        assert!(terms.expires == 0 || report.ts_venue <= terms.expires, "{report:?} after its time");
        if terms.group != 0 {
            let one = *executed.entry(terms.group).or_insert(report.order);
            assert_eq!(one, report.order, "two of group {} executed", terms.group);
        }
    }
}

/// After each row and request: no more is shown than may be, and who is kept apart does not stand against their own.
fn stand_by_their_terms(story: &Story) {
    let terms = terms_of(story);
    let rows = ColumnsBuf::pack(&story.rows);
    let mut feed = Feed::venue(&[rows.view()]);
    let (mut venue, mut out) = (VenueModel::new(instrument(1), story.settings.clone()), Reports::default());
    let asked = story.asked.iter().map(|asked| (asked.0, Some(asked.1)));
    for (at, request) in asked.chain([(Nanos::MAX, None)]) {
        while venue.next_time(&mut feed).is_some_and(|time| time < at) {
            let known = out.iter().count();
            venue.step(&mut feed, &mut out);
            for (id, _, shown) in venue.places() {
                let display = terms[&id].1.display;
                assert!(display == 0 || shown <= display, "order {id} shows {shown} of {display}");
            }
            for report in out.iter().skip(known) {
                let resting = &venue.lanes[0].resting;
                let Some((side, order)) = resting.find(report.order) else { continue };
                let (price, own) = (order.x ^ side.mirror(), resting.first(side.opposite()));
                let moved = !matches!(report.kind, ReportKind::Filled(_) | ReportKind::AmendRejected(_));
                // One that came later in the same moment, and sees nobody, is none of its business.
                let came_later = |own: OrderId| out.iter().skip(known).any(|report| report.order == own);
                let crosses = own.is_some_and(|own| (price - own.1) * side.sign() >= 0 && !came_later(own.0));
                let apart = terms[&report.order].1.self_trade != SelfTrade::None;
                assert!(!(moved && apart && crosses), "{report:?} rests against its own account");
            }
        }
        request.into_iter().for_each(|request| venue.send(at, 0, request));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn whatever_their_terms_orders_keep_them(
        story in any_special_story(), chunks in prop::collection::vec((1_i64..9, prop::bool::ANY), 1..9)
    ) {
        let told = story.play(false).1;
        prop_assert_eq!(&told, &story.play(true).1, "in bulk");
        prop_assert_eq!(&told, &in_chunks(&story, &chunks), "in chunks");
        let mut lives = Lives::new();
        for asked in &story.asked {
            if let Request::Submit(order) = &asked.1 {
                lives.insert(order.id, (order.request.qty, 0, false));
            }
        }
        let of_nobody = told.iter().map(|report| report.order).filter(|id| !lives.contains_key(id)).collect::<Vec<_>>();
        of_nobody.into_iter().for_each(|id| { lives.insert(id, (0, 0, true)); });
        told.iter().for_each(|report| live(&mut lives, report));
        keep_their_terms(&story, &told);
        stand_by_their_terms(&story);
    }
}
