use super::survey::{Run, is_book};
use super::*;
use crate::matching::Quantiles;
use crate::types::Side;
use proptest::prelude::*;

/// Both readers' times and rows as one would make them of a whole recording.
fn naive(rows: &[Event], delay: Option<&Delay>, mut random: Stream) -> [Vec<(Nanos, Event)>; 2] {
    let (mut book, mut last) = (NO_TIME, NO_TIME);
    let (mut theirs, mut ours, mut latency, mut begins) = (Vec::new(), Vec::new(), 0, true);
    for &row in rows {
        let told = if row.ts_event == NO_TIME { row.ts_recv } else { row.ts_event };
        if is_book(row.flags) {
            book = book.max(told);
        }
        if row.kind() != Kind::Quote {
            theirs.push((if is_book(row.flags) { book } else { told }, row));
        }
        if let Some(delay) = delay.filter(|_| begins) {
            latency = delay.of(row.ts_event, &mut random);
        }
        begins = row.is_last();
        last = last.max(match delay {
            Some(_) if row.ts_event != NO_TIME => row.ts_event + latency,
            _ => row.ts_recv.max(row.ts_event),
        });
        ours.push((last, row));
    }
    theirs.sort_by_key(|row| row.0);
    [theirs, ours]
}

/// Rows mostly in order, some told late, some without a venue time, some out of the recorder's clock.
fn recording() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        12 => Just(Kind::Delta),
        6 => Just(Kind::Trade),
        1 => Just(Kind::Quote),
        1 => Just(Kind::Funding),
        1 => Just(Kind::Gap)
    ];
    let late = prop_oneof![30 => Just(1), 2 => 2_i64..40, 1 => -3_i64..1, 1 => Just(NO_TIME)];
    let row = (kind, late, prop_oneof![10 => 0_i64..3, 1 => Just(50_i64)], prop::bool::ANY);
    prop::collection::vec(row, 1..80).prop_map(|rows| {
        let mut now = 1_000;
        let event = |(ix, (kind, late, step, last)): (usize, (Kind, Nanos, Nanos, bool))| {
            now += step;
            let told = if late == NO_TIME { NO_TIME } else { now - late };
            let mut event = Event::new(told, now, kind, Side::Buy, 100 + ix as i64, 7);
            event.flags |= if last { flag::LAST } else { 0 };
            event
        };
        rows.into_iter().enumerate().map(event).collect()
    })
}

/// None, constant, or drawn around a few ns.
fn delay() -> impl Strategy<Value = Option<Delay>> {
    let drawn = (0_i64..5, 5_i64..9).prop_map(|(least, most)| {
        let points = vec![least, least + 1, most];
        Delay::Quantiles(std::sync::Arc::new(Quantiles::new(points).unwrap()))
    });
    prop::option::of(prop_oneof![(0_i64..5).prop_map(Delay::Constant), drawn])
}

/// The rows cut into blocks at these places, each told so much earlier that its memory says another time.
fn cut(rows: &[Event], cuts: &[usize], shift: Nanos) -> Vec<ColumnsBuf> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % rows.len()).chain([0, rows.len()]).collect();
    cuts.sort_unstable();
    let early = |row: &Event| Event {
        ts_event: if row.ts_event == NO_TIME { NO_TIME } else { row.ts_event - shift },
        ts_recv: row.ts_recv - shift,
        ..*row
    };
    cuts.windows(2).map(|cut| ColumnsBuf::pack(&rows[cut[0]..cut[1]].iter().map(early).collect::<Vec<_>>())).collect()
}

/// The same feed with a run for each chunk, as it is surveyed.
fn apart<'a>(feed: &Feed<'a>) -> Feed<'a> {
    let (mut last, mut book, mut runs) = (NO_TIME, NO_TIME, Vec::new());
    for (block, columns) in feed.blocks.iter().enumerate() {
        let chunks = (0..columns.len()).step_by(CHUNK).map(|start| start..columns.len().min(start + CHUNK));
        runs.extend(chunks.map(|rows| feed.reader.survey(columns, block, rows, &mut last, &mut book)));
    }
    let mut after = Nanos::MAX;
    for run in runs.iter_mut().rev() {
        (run.after, after) = (after, after.min(run.after));
    }
    Feed { runs, ..feed.clone() }
}

/// A window: whether it is shared, its block and rows there, and what it says.
type Window = (bool, usize, Range<usize>, Vec<(Nanos, Event)>);

/// All windows of a feed; those that are shared and follow each other in a block are one.
fn windows(mut feed: Feed<'_>) -> (Vec<Window>, usize) {
    let (mut windows, mut count) = (Vec::<Window>::new(), 0);
    while let Some((window, at)) = feed.current() {
        let (columns, rows) = (window.columns(), at.row..window.columns().len());
        let is_shared = matches!(window.times, Times::Shared(..));
        let said: Vec<_> = rows.clone().map(|row| (window.times().at(row), columns.get(row))).collect();
        feed.seek(rows.end);
        count += 1;
        match windows
            .last_mut()
            .filter(|before| is_shared && before.0 && (before.1, before.2.end) == (at.block, at.row))
        {
            Some(before) => {
                before.2.end = rows.end;
                before.3.extend(said);
            }
            None => windows.push((is_shared, at.block, rows, said)),
        }
    }
    (windows, count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Window by window is as in memory, however the recording is cut and whenever its memory says it was.
    #[test]
    fn windows_are_the_whole_recording(
        rows in recording(),
        cuts in prop::collection::vec(0_usize..80, 0..4),
        delay in delay(),
        shift in prop_oneof![Just(0), -500_i64..500]
    ) {
        let held = cut(&rows, &cuts, shift);
        let blocks: Vec<Columns<'_>> = held.iter().map(|block| block.view().later(shift)).collect();
        let [theirs, ours] = naive(&rows, delay.as_ref(), Stream::new(7, 7));
        let our_feed = Feed::ours(&blocks, delay.as_ref(), Stream::new(7, 7));
        for (mut feed, expected) in [(Feed::venue(&blocks), theirs), (our_feed, ours)] {
            prop_assert_eq!(feed.len(), expected.len());
            let times = expected.iter().map(|row| row.0);
            prop_assert_eq!(feed.span(), times.clone().min().zip(times.max()));
            let mut traded = None;
            for row in &expected {
                prop_assert_eq!(feed.next_time(), Some(row.0));
                prop_assert_eq!(feed.last_trade(), traded);
                prop_assert_eq!(feed.pop(), Some(*row));
                traded = if row.1.kind() == Kind::Trade { Some((row.0, row.1.price)) } else { traded };
            }
            prop_assert_eq!(feed.pop(), None);
            prop_assert_eq!(feed.last_trade(), traded);
        }
    }

    /// Chunks kept as one run give the windows that each by itself would give, and no more of them than they must.
    #[test]
    fn runs_have_the_windows_of_their_chunks(
        rows in recording(),
        cuts in prop::collection::vec(0_usize..80, 0..4),
        latency in prop::option::of(0_i64..5),
        shift in prop_oneof![Just(0), -500_i64..500]
    ) {
        let held = cut(&rows, &cuts, shift);
        let blocks: Vec<Columns<'_>> = held.iter().map(|block| block.view().later(shift)).collect();
        let latency = latency.map(Delay::Constant);
        let ours = Feed::ours(&blocks, latency.as_ref(), Stream::new(0, 0));
        for feed in [Feed::venue(&blocks), ours.clone()] {
            let chunks = apart(&feed);
            prop_assert!(feed.runs.len() <= chunks.runs.len());
            prop_assert_eq!(feed.has_book(), chunks.has_book());
            let ((joined, count), (expected, _)) = (windows(feed), windows(chunks));
            prop_assert_eq!(count, joined.len());
            prop_assert_eq!(joined, expected);
        }
        let venue = Feed::venue(&blocks);
        prop_assert_eq!(Feed::lag(&venue, &ours), Feed::lag(&apart(&venue), &apart(&ours)));
    }

    /// What is found ahead is what comes, also when something else is sought now.
    #[test]
    fn what_is_found_ahead_comes(
        rows in recording(),
        cuts in prop::collection::vec(0_usize..80, 0..4),
        delay in delay(),
        sought in prop::collection::vec(1_u8..255, 1..4)
    ) {
        let held = cut(&rows, &cuts, 0);
        let blocks: Vec<Columns<'_>> = held.iter().map(ColumnsBuf::view).collect();
        let mut feed = Feed::ours(&blocks, delay.as_ref(), Stream::new(7, 7));
        let [_, ours] = naive(&rows, delay.as_ref(), Stream::new(7, 7));
        for (at, _) in ours.iter().enumerate() {
            let kinds = sought[at / 5 % sought.len()];
            let expected = ours[at..].iter().find(|row| ends(row.1.flags, kinds));
            let found = feed.find(kinds);
            prop_assert_eq!(found.map(|found| found.0), expected.map(|row| row.0));
            prop_assert_eq!(found.and_then(|found| feed.row(found.1)), expected.map(|row| row.1));
            feed.pop();
        }
    }
}

fn row(kind: Kind, ts_event: Nanos, ts_recv: Nanos, price: i64) -> Event {
    Event::new(ts_event, ts_recv, kind, Side::Buy, price, 1)
}

fn read(mut feed: Feed<'_>) -> Vec<(Nanos, i64)> {
    std::iter::from_fn(|| feed.pop()).map(|(time, event)| (time, event.price)).collect()
}

#[test]
fn the_venue_sees_its_own_order() {
    let late_trade = ColumnsBuf::pack(&[
        row(Kind::Clear, NO_TIME, 50, 1),
        row(Kind::Delta, 40, 55, 2),
        row(Kind::Delta, 108, 110, 3),
        row(Kind::Quote, NO_TIME, 111, 4),
        row(Kind::Trade, 60, 112, 5),
        row(Kind::Delta, 107, 113, 6),
        row(Kind::Trade, 108, 114, 7),
    ]);
    let expected = [(50, 1), (50, 2), (60, 5), (108, 3), (108, 6), (108, 7)];
    assert_eq!(read(Feed::venue(&[late_trade.view()])), expected);
}

/// However a recording is cut into blocks, whatever scales they have: the venue's order is one.
#[test]
fn blocks_do_not_decide_what_happened_first() {
    let rows: Vec<Event> = (0..40_i64)
        .map(|i| {
            let kind = if i % 3 == 0 { Kind::Trade } else { Kind::Delta };
            let mut event = row(kind, 100 + (i * 37) % 50, 200 + i, 60_000 + i);
            event.qty = if i < 20 { 1_000 * i } else { i };
            event
        })
        .collect();
    let whole = ColumnsBuf::pack(&rows);
    let expected = read(Feed::venue(&[whole.view()]));
    for cut in 1..39 {
        let parts = [ColumnsBuf::pack(&rows[..cut]), ColumnsBuf::pack(&rows[cut..])];
        let mut feed = Feed::venue(&[parts[0].view(), parts[1].view()]);
        let events: Vec<Event> = std::iter::from_fn(|| feed.pop().map(|next| next.1)).collect();
        assert_eq!(
            events.iter().map(|event| event.price).collect::<Vec<_>>(),
            expected.iter().map(|e| e.1).collect::<Vec<_>>()
        );
        assert!(events.iter().all(|event| rows.contains(event)));
    }
}

#[test]
fn columns_in_order_are_shared_not_copied() {
    let rows =
        ColumnsBuf::pack(&[row(Kind::Delta, 10, 20, 1), row(Kind::Trade, 10, 21, 2), row(Kind::Delta, 30, 40, 3)]);
    let (venue, ours) = (Feed::venue(&[rows.view()]), Feed::ours(&[rows.view()], None, Stream::new(0, 0)));
    let (mut venue, mut ours) = (venue, ours);
    for (feed, column) in [(&mut venue, &rows.ts_event), (&mut ours, &rows.ts_recv)] {
        let Some((Block { columns: Rows::Shared(columns), times: Times::Shared(times, 0) }, _)) = feed.current() else {
            panic!("a copy")
        };
        assert!(std::ptr::eq(*times, &**column) && std::ptr::eq(columns.price, &*rows.price));
    }
    assert_eq!(venue.span(), Some((10, 30)));
    assert_eq!(ours.len(), 3);
}

#[test]
fn nothing_reaches_us_early_or_out_of_order() {
    let rows = ColumnsBuf::pack(&[
        row(Kind::Delta, 100, 90, 1),
        row(Kind::Trade, NO_TIME, 80, 2),
        row(Kind::Delta, 105, 120, 3),
    ]);
    assert_eq!(read(Feed::ours(&[rows.view()], None, Stream::new(0, 0))), [(100, 1), (100, 2), (120, 3)]);
    assert_eq!(
        read(Feed::ours(&[rows.view()], Some(&Delay::Constant(7)), Stream::new(0, 0))),
        [(107, 1), (107, 2), (112, 3)]
    );
}

/// What a survey keeps does not grow with what is in order, and a late row costs no more than its own chunk.
#[test]
fn a_survey_is_as_long_as_its_disorder() {
    let rows: Vec<Event> = (0..4_000).map(|i| row(Kind::Delta, 10 * i, 10 * i + 1, i)).collect();
    let held: Vec<ColumnsBuf> = rows.chunks(1_000).map(ColumnsBuf::pack).collect();
    let blocks: Vec<Columns<'_>> = held.iter().map(ColumnsBuf::view).collect();
    let ours = Feed::ours(&blocks, None, Stream::new(0, 0));
    assert_eq!((Feed::venue(&blocks).runs.len(), ours.runs.len()), (4, 4));

    let mut late = rows;
    late[600] = row(Kind::Trade, 5_965, 6_001, 600);
    let held = ColumnsBuf::pack(&late);
    let feed = Feed::venue(&[held.view()]);
    assert_eq!(feed.runs.len(), 3, "before it, its own chunk, behind it");
    let rows: Vec<_> = windows(feed).0.into_iter().map(|window| (window.0, window.2)).collect();
    assert_eq!(rows, [(true, 0..596), (false, 0..8), (true, 604..4_000)]);
    // Nothing in order: not more than it says.
    assert_eq!(size_of::<Run>(), 40);
}
