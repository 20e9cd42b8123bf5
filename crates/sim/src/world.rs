//! One seeded world: instruments, their recordings, how their venues are modelled, who trades; and its runs.

use kedge_core::engine::{Blotter, Counts, Engine, EngineSettings, Seat, Tally};
use kedge_core::event::{Columns, ColumnsBuf};
use kedge_core::feature::{Clock, Imbalance};
use kedge_core::instrument::{Instrument, InstrumentKind, RATE_SCALE};
use kedge_core::ledger::Position;
use kedge_core::matching::{Delay, FillModel, Latency, Lognormal, QueueModel, VenueSettings};
use kedge_core::order::{Exposure, Order};
use kedge_core::random::Stream;
use kedge_core::risk::Limits;
use kedge_core::simulation::{Pace, Simulation};
use kedge_core::strategy::Interest;
use kedge_core::types::{InstrumentIx, MILLISECOND, MONEY_SCALE, Money, Nanos, Qty, SECOND, StrategyIx};

use crate::actor::{Actor, Part, Role, Seen};
use crate::recording::{Manner, Recording, record};

/// One instrument of a world.
#[derive(Clone, Debug)]
pub struct Place {
    /// What is traded.
    pub instrument: Instrument,
    /// How its venue is modelled.
    pub settings: VenueSettings,
    /// What was recorded of it.
    pub recording: Recording,
}

/// One strategy of a world.
#[derive(Clone, Debug)]
pub struct Member {
    /// What it trades, what it hears, its bounds.
    pub seat: Seat,
    /// What it does.
    pub part: Part,
}

/// Everything that a seed fixes.
#[derive(Clone, Debug)]
pub struct World {
    /// The seed.
    pub seed: u64,
    /// Its instruments.
    pub places: Vec<Place>,
    /// Its strategies.
    pub members: Vec<Member>,
    /// What the account begins with: currency and amount.
    pub deposits: Vec<(&'static str, Money)>,
    pause: Nanos,
    sample_every: Option<Nanos>,
}

/// How a run goes through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// At one go.
    Whole(Pace),
    /// In slices whose ends are drawn from this number, all at one pace.
    Slices(Pace, u64),
    /// In slices, each at a pace of its own.
    Mixed(u64),
    /// In bulk, each recording in one block.
    Uncut,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The trace hash.
    pub hash: String,
    /// The records.
    pub records: Vec<u8>,
    /// Fills, samples.
    pub blotter: Blotter,
    /// What each fill left of its strategy's position.
    pub held: Vec<Position>,
    /// Orders that ended, by id.
    pub ended: Vec<Order>,
    /// Open orders, the running exposure and the recounted one, per strategy.
    pub open: Vec<(Vec<Order>, Exposure, Exposure)>,
    /// What each strategy saw.
    pub seen: Vec<Vec<Vec<i64>>>,
    /// Rows, gaps and snapshots, per instrument.
    pub counts: Vec<Counts>,
    /// Refused and withheld, per strategy.
    pub tallies: Vec<Tally>,
    /// PnL, per strategy.
    pub pnl: Vec<Money>,
    /// What the books fail to balance by.
    pub imbalance: Money,
    /// Strategies that broke down.
    pub faults: usize,
    /// The last moment.
    pub end: Nanos,
}

const DAY: Nanos = 86_400 * SECOND;
/// Id, kind, where the middle begins.
const IDS: [(&str, InstrumentKind, i64); 5] = [
    ("BTC/USDT@simulated", InstrumentKind::Spot, 1_000),
    ("BTC/USDT:USDT@simulated", InstrumentKind::LinearPerpetual, 1_010),
    ("ETH/USDT@simulated", InstrumentKind::Spot, 300),
    ("ETH/USDT:USDT@simulated", InstrumentKind::LinearPerpetual, 300),
    ("BTC/EUR@simulated", InstrumentKind::Spot, 900),
];

fn pick<T: Copy>(random: &mut Stream, of: &[T]) -> T {
    of[random.below(of.len() as u64) as usize]
}

fn chance(random: &mut Stream, percent: u64) -> bool {
    random.below(100) < percent
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Stream::new(seed, 0);
        let grid = pick(&mut random, &[1, 1_000, MILLISECOND, MILLISECOND]);
        // Some worlds pass midnight.
        let pause = pick(&mut random, &[grid, 3 * grid, 5 * MILLISECOND]);
        let start = 20_000 * DAY - random.below(3) as Nanos * SECOND / 2;
        let gaps = chance(&mut random, 70);
        let first = random.below(IDS.len() as u64) as usize;
        let places: Vec<Place> = (0..=random.below(3) as usize)
            .map(|at| {
                let (id, kind, mid) = IDS[(first + at) % IDS.len()];
                let instrument = instrument(&mut random, id, kind);
                let manner = Manner {
                    start: start + random.below(3) as Nanos * grid,
                    grid,
                    pause,
                    packets: pick(&mut random, &[60, 400, 1_500]) + random.below(300),
                    mid,
                    lot: instrument.lot_steps(),
                    perpetual: kind == InstrumentKind::LinearPerpetual,
                    gaps,
                };
                let recording = record(manner, Stream::new(seed, 1_000 + at as u64));
                Place { instrument, settings: venue(&mut random, grid, pause), recording }
            })
            .collect();
        let faulty = chance(&mut random, 8);
        let members = (0..=random.below(4)).map(|_| member(&mut random, &places, pause, faulty)).collect();
        let rich = pick(&mut random, &[50, 1_000, 100_000]) * MONEY_SCALE;
        let base = pick(&mut random, &[0, 1, 100]) * MONEY_SCALE;
        let deposits = vec![("USDT", rich), ("EUR", rich), ("BTC", base), ("ETH", base)];
        let sample_every = pick(&mut random, &[None, Some(pause * 10), Some(SECOND)]);
        Self { seed, places, members, deposits, pause, sample_every }
    }

    /// Runs the world once.
    pub fn run(&self, way: Way) -> Outcome {
        let settings = EngineSettings { seed: self.seed, sample_every: self.sample_every, keep_records: true };
        let mut simulation = Simulation::new(Engine::new(settings));
        let whole: Vec<ColumnsBuf> = self.places.iter().map(|place| ColumnsBuf::pack(&place.recording.rows)).collect();
        for (place, whole) in self.places.iter().zip(&whole) {
            let cut = place.recording.blocks.iter().map(ColumnsBuf::view);
            let blocks: Vec<Columns<'_>> = if way == Way::Uncut { vec![whole.view()] } else { cut.collect() };
            simulation.add_instrument(place.instrument.clone(), place.settings.clone(), &blocks);
        }
        for (currency, amount) in &self.deposits {
            simulation.engine().deposit(currency, *amount);
        }
        let seen: Vec<Seen> = self.members.iter().map(|_| Seen::default()).collect();
        for (member, seen) in self.members.iter().zip(&seen) {
            simulation.engine().add_strategy(member.seat, Box::new(Actor::new(member.part.clone(), seen.clone())));
        }
        let (start, last) = simulation.span().expect("a recording has rows");
        let end = last + 30 * self.pause;
        simulation.start(start);
        for (until, pace) in slices(way, start, end) {
            simulation.run(until, pace);
        }
        if simulation.engine().faults().is_empty() {
            simulation.stop(end);
        }
        self.outcome(&mut simulation, seen.iter().map(|seen| seen.take()).collect(), end)
    }

    fn outcome(&self, simulation: &mut Simulation<'_>, seen: Vec<Vec<Vec<i64>>>, end: Nanos) -> Outcome {
        let engine = simulation.engine();
        let strategies = 0..self.members.len() as StrategyIx;
        let open = |strategy: StrategyIx| {
            let orders = engine.orders();
            (orders.open(strategy).copied().collect(), orders.exposure(strategy), orders.exposure_recounted(strategy))
        };
        Outcome {
            open: strategies.clone().map(open).collect(),
            blotter: engine.blotter().clone(),
            held: engine.positions_after_fills(),
            ended: engine.orders().ended().copied().collect(),
            seen,
            counts: (0..self.places.len() as InstrumentIx).map(|ix| engine.counts(ix)).collect(),
            tallies: strategies.clone().map(|strategy| engine.tally(strategy)).collect(),
            pnl: strategies.map(|strategy| engine.pnl(strategy)).collect(),
            imbalance: engine.imbalance(),
            faults: engine.faults().len(),
            hash: engine.log().trace_hash(),
            records: engine.log().drain(),
            end,
        }
    }
}

fn slices(way: Way, start: Nanos, end: Nanos) -> Vec<(Nanos, Pace)> {
    let (seed, pace) = match way {
        Way::Whole(pace) => return vec![(end, pace)],
        Way::Uncut => return vec![(end, Pace::Bulk)],
        Way::Slices(pace, seed) => (seed, Some(pace)),
        Way::Mixed(seed) => (seed, None),
    };
    let mut random = Stream::new(seed, 7);
    let cuts = 1 + random.below(200);
    let mut ends: Vec<Nanos> = (0..cuts).map(|_| start + random.below((end - start) as u64 + 1) as Nanos).collect();
    // Moments at which something is likely to happen, and one that is repeated.
    ends.iter_mut().step_by(2).for_each(|end| *end = *end / MILLISECOND * MILLISECOND);
    ends.extend([start, start, end, end]);
    ends.sort_unstable();
    let mut of = |_| pace.unwrap_or_else(|| pick(&mut random, &[Pace::Bulk, Pace::Step]));
    ends.into_iter().map(|end| (end, of(end))).collect()
}

fn instrument(random: &mut Stream, id: &str, kind: InstrumentKind) -> Instrument {
    let settle = if kind == InstrumentKind::Spot { "" } else { r#", "settle": "USDT""# };
    let name = if kind == InstrumentKind::Spot { "spot" } else { "linear_perpetual" };
    let text = format!(
        r#"{{"id": "{id}", "symbol": "X", "kind": "{name}", "tick_size": "{}", "lot_size": "{}",
            "quantity_step_in_data": "{}",
            "min_notional": "{}", "maker_fee": "{}", "taker_fee": "{}"{settle}}}"#,
        pick(random, &["0.1", "0.01", "0.05"]),
        pick(random, &["0.01", "0.05"]),
        pick(random, &["0.01", "0.001", "0.00001"]),
        pick(random, &["0", "0.5", "3"]),
        pick(random, &["0", "0.0002", "-0.0001", "0.001"]),
        pick(random, &["0", "0.0005", "0.001"]),
    );
    Instrument::from_json(&text).expect("a definition as it should be")
}

fn venue(random: &mut Stream, grid: Nanos, pause: Nanos) -> VenueSettings {
    let queue = [QueueModel::RiskAverse, QueueModel::Power(2.0), QueueModel::Power(0.5), QueueModel::Log(1.0)];
    let latency = [0, 0, 1, grid, 2 * pause, 8 * pause];
    let delay = |random: &mut Stream| match random.below(4) {
        0 => Delay::Lognormal(Lognormal { spike_every: 20, spike: 30 * pause, ..Lognormal::between(1, 4 * pause) }),
        _ => Delay::Constant(pick(random, &latency)),
    };
    VenueSettings {
        queue: pick(random, &queue),
        fills: pick(random, &[FillModel::Partial, FillModel::Partial, FillModel::Whole, FillModel::Through]),
        latency: Latency {
            feed: chance(random, 40).then(|| delay(random)),
            entry: delay(random),
            response: delay(random),
        },
    }
}

fn member(random: &mut Stream, places: &[Place], pause: Nanos, faulty: bool) -> Member {
    let instrument = random.below(places.len() as u64) as InstrumentIx;
    let lot = places[usize::from(instrument)].instrument.lot_steps();
    let role = match random.below(10) {
        0..6 => Role::Monkey { busy: pick(random, &[5, 20, 60]), wild: pick(random, &[0, 0, 3, 15]) },
        6..8 => Role::Maker { lots: 1 + random.below(10) as Qty, half_spread: random.below(4) as i64 },
        _ => Role::Taker { lots: 1 + random.below(10) as Qty },
    };
    let mut hears = |percent| chance(random, percent);
    let interest = Interest {
        book: hears(25),
        trade: hears(25),
        quote: hears(20),
        funding: hears(20),
        fill: hears(40),
        order: hears(40),
    };
    // In step with the data: their number is bounded, and many fall on its times.
    let intervals = [pause, 3 * pause, 10 * pause, 7 * pause + 1, 100 * MILLISECOND];
    let timers = (0..random.below(3)).map(|_| pick(random, &intervals)).collect();
    let clocks = [
        Clock::Time(4 * pause),
        Clock::Time(20 * pause),
        Clock::Time(SECOND),
        Clock::Ticks(1),
        Clock::Ticks(5),
        Clock::Volume(10 * lot),
        Clock::Dollar(1_000_000 * i128::from(lot)),
        Clock::Imbalance(Imbalance { low: 2, high: 9, span: 3 }),
    ];
    let bars = (0..random.below(3)).map(|_| pick(random, &clocks)).collect();
    let faults_at = (faulty && chance(random, 50)).then(|| 1 + random.below(200));
    Member {
        seat: Seat { instrument, interest, limits: limits(random, lot), ..Seat::default() },
        part: Part { role, interest, timers, bars, faults_at },
    }
}

fn limits(random: &mut Stream, lot: Qty) -> Limits {
    let mut some = |percent: u64| chance(random, percent);
    let (size, position, notional, holding) = (some(30), some(40), some(20), some(20));
    let (band, rate, stale, loss) = (some(30), some(30), some(20), some(20));
    let mut units = |most: u64| (1 + random.below(most)) as Money * MONEY_SCALE;
    Limits {
        order_notional: notional.then(|| units(30)),
        position_notional: holding.then(|| units(60)),
        daily_loss: loss.then(|| units(5) / 10),
        order_size: size.then(|| lot * (1 + random.below(12) as Qty)),
        position: position.then(|| lot * (1 + random.below(25) as Qty)),
        price_band: band.then(|| RATE_SCALE * i128::from(random.below(20)) / 1_000),
        orders_per_second: rate.then(|| 1 + random.below(40) as u32),
        stale_after: stale.then(|| pick(random, &[MILLISECOND, 50 * MILLISECOND, SECOND])),
        leverage: pick(random, &[RATE_SCALE, RATE_SCALE / 2, 5 * RATE_SCALE]),
        short: chance(random, 70),
    }
}
