use proptest::prelude::*;

use super::*;

fn request() -> OrderRequest {
    OrderRequest {
        strategy: 0,
        instrument: 0,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: 100,
        qty: 10,
        terms: Terms::PLAIN,
    }
}

fn report(kind: ReportKind) -> Report {
    Report { order: 1, ts_venue: 1, ts_recv: 2, kind }
}

fn fill(trade: u64, qty: Qty) -> ReportKind {
    ReportKind::Filled(Fill {
        trade,
        price: 100,
        qty,
        liquidity: Liquidity::Maker,
        fee: 0,
        queue_ahead: -1,
        twice_mid: 0,
    })
}

const ACCEPTED: ReportKind = ReportKind::Accepted { queue_ahead: 7 };

/// A life told by reports, and how each of them leaves the order.
#[test]
fn lives_of_an_order() {
    use OrderState as S;
    let lives: &[&[(ReportKind, Result<S, LifecycleError>)]] = &[
        &[(ACCEPTED, Ok(S::Accepted)), (fill(1, 4), Ok(S::PartiallyFilled)), (fill(2, 6), Ok(S::Filled))],
        &[(fill(1, 10), Ok(S::Filled)), (ReportKind::Canceled, Err(LifecycleError::AlreadyFinal))],
        &[(fill(1, 4), Ok(S::PartiallyFilled)), (ACCEPTED, Ok(S::PartiallyFilled))],
        &[(fill(1, 4), Ok(S::PartiallyFilled)), (fill(1, 4), Err(LifecycleError::DuplicateTrade))],
        &[(fill(1, 11), Err(LifecycleError::Overfilled)), (fill(1, 10), Ok(S::Filled))],
        &[(fill(1, 0), Err(LifecycleError::Overfilled)), (fill(1, -1), Err(LifecycleError::Overfilled))],
        &[
            (ReportKind::Rejected(Reason::BookNotInSync), Ok(S::Rejected)),
            (ACCEPTED, Err(LifecycleError::AlreadyFinal)),
        ],
        &[(ReportKind::Expired(Reason::WouldTake), Ok(S::Expired))],
        &[
            (ACCEPTED, Ok(S::Accepted)),
            (ReportKind::CancelRejected(Reason::UnknownOrder), Ok(S::Accepted)),
            (ReportKind::Canceled, Ok(S::Canceled)),
        ],
        &[
            (ReportKind::Accepted { queue_ahead: -1 }, Ok(S::Accepted)),
            (ReportKind::Triggered { queue_ahead: 3 }, Ok(S::Accepted)),
            (fill(1, 10), Ok(S::Filled)),
        ],
        &[(ReportKind::Unknown, Ok(S::Unknown)), (ACCEPTED, Ok(S::Accepted))],
        &[(ReportKind::Unknown, Ok(S::Unknown)), (fill(3, 10), Ok(S::Filled))],
        &[
            (ACCEPTED, Ok(S::Accepted)),
            (ReportKind::Canceled, Ok(S::Canceled)),
            (fill(1, 4), Ok(S::Canceled)),
            (fill(2, 6), Ok(S::Filled)),
        ],
        &[
            (ACCEPTED, Ok(S::Accepted)),
            (ReportKind::Amended { price: 90, qty: 20 }, Ok(S::Accepted)),
            (fill(1, 20), Ok(S::Filled)),
        ],
        &[
            (fill(1, 4), Ok(S::PartiallyFilled)),
            (ReportKind::Amended { price: 90, qty: 4 }, Err(LifecycleError::Overfilled)),
        ],
    ];
    for life in lives {
        let mut order = Order::new(1, request(), 0);
        for (kind, expected) in *life {
            let before = order;
            let outcome = order.apply(&report(*kind)).map(|()| order.state);
            assert_eq!(outcome, *expected, "{kind:?} in {life:?}");
            if outcome.is_err() {
                assert_eq!(order, before, "a refused report changes nothing");
            }
        }
    }
}

fn any_report() -> impl Strategy<Value = (u64, ReportKind)> {
    let kind = prop_oneof![
        Just(ACCEPTED),
        (1_u64..6, 0_i64..12).prop_map(|(trade, qty)| fill(trade, qty)),
        Just(ReportKind::Canceled),
        Just(ReportKind::Rejected(Reason::None)),
        Just(ReportKind::Expired(Reason::NotFilled)),
        Just(ReportKind::CancelRejected(Reason::UnknownOrder)),
        (1_i64..30).prop_map(|qty| ReportKind::Amended { price: 50, qty }),
        Just(ReportKind::AmendRejected(Reason::BelowFilled)),
        Just(ReportKind::Unknown),
    ];
    (1_u64..20, kind)
}

#[test]
fn an_order_is_found_by_its_id_before_and_after_its_end() {
    let mut table = OrderTable::new(5);
    table.add_strategy();
    let ids: Vec<OrderId> = (0..4).map(|_| table.reserve_id()).collect();
    assert_eq!(ids, [5, 6, 7, 8]);
    // Approved in another order than asked for; the gate refused 6.
    table.insert(Order::new(7, request(), 0));
    let terms = Terms { display: 1, ..Terms::PLAIN };
    table.insert(Order::new(5, OrderRequest { terms, ..request() }, 0));
    assert!(!table.all_plain());
    let told = |table: &mut OrderTable, order, kind| {
        table.apply(&Report { order, ..report(kind) }).map(|order| (order.state, order.filled))
    };
    assert_eq!(told(&mut table, 5, ReportKind::Canceled), Ok((OrderState::Canceled, 0)));
    assert_eq!(told(&mut table, 5, fill(1, 4)), Ok((OrderState::Canceled, 4)), "told late");
    assert!(table.all_plain());
    assert_eq!(told(&mut table, 5, ACCEPTED), Err(Some(LifecycleError::AlreadyFinal)));
    assert_eq!([4, 6, 8, 99].map(|id| told(&mut table, id, fill(1, 4))), [Err(None); 4]);
    let of = |orders: &mut dyn Iterator<Item = &Order>| orders.map(|order| order.id).collect::<Vec<_>>();
    assert_eq!((of(&mut table.all()), of(&mut table.ended()), of(&mut table.open(0))), (vec![5, 7], vec![5], vec![7]));
    assert_eq!((table.get(5), table.find(5).map(|order| order.filled)), (None, Some(4)));
    table.take_back(6);
    assert_eq!(table.reserve_id(), 8, "7 is taken");
}

proptest! {
    #[test]
    fn whatever_is_reported_the_sums_hold(reports in prop::collection::vec(any_report(), 0..200), every in 1_usize..6) {
        let mut table = OrderTable::new(1);
        table.add_strategy();
        table.add_strategy();
        for (at, (id, kind)) in reports.iter().enumerate() {
            if at % every == 0 {
                let side = if at % 2 == 0 { Side::Buy } else { Side::Sell };
                let fresh = table.reserve_id();
                table.insert(Order::new(fresh, OrderRequest { strategy: (at % 2) as u16, side, ..request() }, 0));
                table.note(*id, Pending::Amend(60, 15));
            }
            let outcome = table.apply(&Report { order: *id, ..report(*kind) }).copied();
            if let Ok(order) = outcome {
                prop_assert!(order.filled <= order.request.qty && order.filled >= 0);
                prop_assert_eq!(table.get(*id).is_none(), order.state.is_final());
            }
            for strategy in 0..2 {
                prop_assert_eq!(table.exposure(strategy), table.exposure_recounted(strategy));
                prop_assert!(table.exposure(strategy).open.iter().all(|&open| open >= 0));
                let ids: Vec<_> = table.open(strategy).map(|o| o.id).collect();
                prop_assert!(ids.is_sorted());
            }
        }
    }
}
