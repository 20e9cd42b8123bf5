//! One message to rows.

use std::borrow::Cow;

use super::Market;
use super::fields::{Fields, Reading, read};
use super::scale::{Scale, not_decimal};
use super::sequence::Diff;
use super::shape::{Class, Shape};
use crate::codec::DecodeError;
use crate::decimal::{DecimalError, Step};
use crate::event::{Event, Kind, flag};
use crate::instrument::{Instrument, InstrumentKind};
use crate::types::{MILLISECOND, NO_TIME, Nanos, Side};

/// Longest message read.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// From here on the venue's stamps are microseconds (`timeUnit=MICROSECOND`): as milliseconds this is the year 5138.
const FIRST_MICROSECOND: u64 = 100_000_000_000_000;

/// Funding rates are whole numbers of 10⁻⁹.
const RATE_STEP: Step = Step { mantissa: 1, decimals: 9 };

/// What a message was. Its rows are one packet, the last of them flagged [`flag::LAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// `depthUpdate`: [`Kind::Delta`] rows, none if nothing changed.
    Depth(Diff),
    /// The REST depth snapshot: one [`Kind::Clear`], then [`Kind::Level`] rows.
    Snapshot {
        /// `lastUpdateId`
        last: u64,
    },
    /// `trade` or `aggTrade`: one [`Kind::Trade`].
    Trade,
    /// `bookTicker`: two [`Kind::Quote`], bid and ask.
    Quote,
    /// `markPriceUpdate`: one [`Kind::Mark`], to the nearest tick, and one [`Kind::Funding`] where there is a rate.
    Mark,
    /// Nothing that has rows: `forceOrder` (a sample that cannot be summed), a USD-M print that met no order of the
    /// book (`X` other than `MARKET`), the answer to a subscription, any event not named above.
    Ignored,
}

/// One message, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What it was.
    pub message: Message,
    /// When the venue sent it (`E`): the stamp nearest to the wire, so the one to compare clocks by. A snapshot's is
    /// left out: it tells when the answer was made, not when it came.
    pub sent: Option<Nanos>,
    /// The venue's time of the rows, or [`NO_TIME`].
    pub ts_event: Nanos,
    /// Quantities that lay between two steps and became the lower one.
    pub off_step: u64,
}

/// Decodes the messages of one instrument. Holds no state: live or recorded, one frame at a time.
#[derive(Clone, Debug)]
pub struct Decoder {
    market: Market,
    symbol: String,
    scale: Scale,
}

impl Decoder {
    /// A decoder for one instrument of one market.
    ///
    /// # Errors
    /// If the instrument's kind is not traded on that market.
    pub fn new(market: Market, instrument: &Instrument) -> Result<Self, DecodeError> {
        let (kind, word) = match market {
            Market::Spot => (InstrumentKind::Spot, "spot"),
            Market::UsdM => (InstrumentKind::LinearPerpetual, "linear_perpetual"),
        };
        if instrument.kind != kind {
            let rule = format!("be of kind {word} for {} data", market.name());
            return Err(DecodeError::new("instrument", &instrument.id, rule));
        }
        let scale = Scale { tick: instrument.tick_size, quantity_step: instrument.quantity_step_in_data };
        Ok(Self { market, symbol: instrument.symbol.clone(), scale })
    }

    /// The market whose messages are read.
    pub fn market(&self) -> Market {
        self.market
    }

    /// Appends the rows of one message, with our time `ts_recv` on each. Their `ts_event` is the matching time `T`
    /// where the message has one, else `E`, else [`NO_TIME`].
    ///
    /// # Errors
    /// If the frame is not strict JSON of the documented form, names another symbol, or breaks a bound
    /// ([`MAX_MESSAGE_BYTES`], [`super::MAX_LEVELS`], price above 0 and on a tick, quantity not negative, both within
    /// 64 bits). Then no row is appended.
    pub fn decode(&self, frame: &[u8], ts_recv: Nanos, rows: &mut Vec<Event>) -> Result<Decoded, DecodeError> {
        match std::str::from_utf8(frame) {
            Ok(text) => self.decode_text(text, ts_recv, rows),
            Err(error) => {
                let shown = String::from_utf8_lossy(frame);
                Err(DecodeError::new("message", &shown, format!("be UTF-8 ({error})")))
            }
        }
    }

    /// [`Decoder::decode`] of text.
    pub(super) fn decode_text(
        &self,
        text: &str,
        ts_recv: Nanos,
        rows: &mut Vec<Event>,
    ) -> Result<Decoded, DecodeError> {
        let start = rows.len();
        let decoded = self.append(text, ts_recv, rows);
        match &decoded {
            Ok(_) if rows.len() > start => rows[start..].last_mut().expect("not empty").flags |= flag::LAST,
            Ok(_) => {}
            Err(_) => rows.truncate(start),
        }
        decoded
    }

    fn append(&self, text: &str, ts_recv: Nanos, rows: &mut Vec<Event>) -> Result<Decoded, DecodeError> {
        if text.len() > MAX_MESSAGE_BYTES {
            let rule = format!("have at most {MAX_MESSAGE_BYTES} bytes");
            return Err(DecodeError::new("message", &format!("{} bytes", text.len()), rule));
        }
        let start = rows.len();
        let (shape, Reading { fields, mut off_step }) = self.read(text, ts_recv, rows)?;
        let sent = time("E", fields.sent)?;
        let matched = time("T", fields.matched)?;
        let ts_event = matched.or(sent).unwrap_or(NO_TIME);
        if !matches!(shape.class, Class::Snapshot | Class::Other) {
            self.check_symbol(fields.symbol.as_deref())?;
        }
        let message = match shape.class {
            Class::Other => Message::Ignored,
            Class::Snapshot => snapshot(&fields)?,
            Class::Depth => Message::Depth(self.diff(&fields, ts_event)?),
            Class::Trade => self.trade(&fields, ts_recv, rows, &mut off_step)?,
            Class::Quote => self.quote(&fields, ts_recv, rows, &mut off_step)?,
            Class::Mark => self.mark(&fields, ts_recv, rows)?,
        };
        for row in &mut rows[start..] {
            row.ts_event = ts_event;
        }
        let sent = if shape.class == Class::Snapshot { None } else { sent };
        Ok(Decoded { message, sent, ts_event, off_step })
    }

    fn read<'a>(
        &self,
        text: &'a str,
        ts_recv: Nanos,
        rows: &mut Vec<Event>,
    ) -> Result<(Shape, Reading<'a>), DecodeError> {
        let start = rows.len();
        if let Some(shape) = Shape::at_a_glance(text)
            && let Ok(reading) = read(text, shape, self.scale, ts_recv, rows)
            && reading.fields.fit(shape)
        {
            return Ok((shape, reading));
        }
        rows.truncate(start);
        let shape = Shape::by_keys(text)?;
        Ok((shape, read(text, shape, self.scale, ts_recv, rows)?))
    }

    fn check_symbol(&self, symbol: Option<&str>) -> Result<(), DecodeError> {
        match symbol {
            Some(symbol) if symbol == self.symbol => Ok(()),
            Some(symbol) => Err(DecodeError::new("s", symbol, format!("be {}", self.symbol))),
            None => Err(missing("s")),
        }
    }

    fn diff(&self, fields: &Fields<'_>, ts_event: Nanos) -> Result<Diff, DecodeError> {
        there("E", fields.sent)?;
        there("b", fields.bids)?;
        there("a", fields.asks)?;
        let (first, last) = (update_id("U", fields.first_id)?, update_id("u", fields.last_id)?);
        if first > last {
            return Err(DecodeError::new("U", &first.to_string(), format!("be at most `u`, {last}")));
        }
        let previous = match self.market {
            Market::Spot => None,
            Market::UsdM => Some(update_id("pu", fields.previous_id)?),
        };
        Ok(Diff { first, last, previous, ts_event })
    }

    fn trade(
        &self,
        fields: &Fields<'_>,
        ts_recv: Nanos,
        rows: &mut Vec<Event>,
        off_step: &mut u64,
    ) -> Result<Message, DecodeError> {
        there("E", fields.sent)?;
        let (price, qty) = (text("p", &fields.price)?, text("q", &fields.qty)?);
        // Recordings from before 2020 have no `X`.
        if self.market == Market::UsdM && fields.cause.as_deref().is_some_and(|cause| cause != "MARKET") {
            return Ok(Message::Ignored);
        }
        let side = if there("m", fields.buyer_is_maker)? { Side::Sell } else { Side::Buy };
        let price = self.scale.price(|| "p".into(), price)?;
        let steps = self.scale.qty(|| "q".into(), qty, off_step)?;
        if steps == 0 {
            return Err(DecodeError::new("q", qty, "be above 0"));
        }
        rows.push(Event::new(NO_TIME, ts_recv, Kind::Trade, side, price, steps));
        Ok(Message::Trade)
    }

    fn quote(
        &self,
        fields: &Fields<'_>,
        ts_recv: Nanos,
        rows: &mut Vec<Event>,
        off_step: &mut u64,
    ) -> Result<Message, DecodeError> {
        let bid = (Side::Buy, ("b", &fields.bid), ("B", &fields.bid_qty));
        let ask = (Side::Sell, ("a", &fields.ask), ("A", &fields.ask_qty));
        for (side, (price_key, price), (qty_key, qty)) in [bid, ask] {
            let price = self.scale.price(|| price_key.into(), text(price_key, price)?)?;
            let qty = self.scale.qty(|| qty_key.into(), text(qty_key, qty)?, off_step)?;
            rows.push(Event::new(NO_TIME, ts_recv, Kind::Quote, side, price, qty));
        }
        Ok(Message::Quote)
    }

    fn mark(&self, fields: &Fields<'_>, ts_recv: Nanos, rows: &mut Vec<Event>) -> Result<Message, DecodeError> {
        there("E", fields.sent)?;
        let price = self.scale.nearest("p", text("p", &fields.price)?)?;
        rows.push(Event::new(NO_TIME, ts_recv, Kind::Mark, Side::Buy, price, 0));
        // Delivery contracts send an empty rate.
        if let Some(rate) = fields.rate.as_deref().filter(|rate| !rate.is_empty()) {
            let units = RATE_STEP.count(rate.as_bytes()).map_err(|error| match error {
                DecimalError::OffStep => DecodeError::new("r", rate, "have at most 9 decimals"),
                _ => not_decimal("r".into(), rate, error),
            })?;
            rows.push(Event::new(NO_TIME, ts_recv, Kind::Funding, Side::Buy, 0, units));
        }
        Ok(Message::Mark)
    }
}

fn snapshot(fields: &Fields<'_>) -> Result<Message, DecodeError> {
    there("bids", fields.bids)?;
    there("asks", fields.asks)?;
    Ok(Message::Snapshot { last: update_id("lastUpdateId", fields.last_id)? })
}

fn missing(key: &str) -> DecodeError {
    DecodeError::new(key, "nothing", "be there")
}

fn there<T>(key: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| missing(key))
}

fn text<'f>(key: &str, value: &'f Option<Cow<'_, str>>) -> Result<&'f str, DecodeError> {
    there(key, value.as_deref())
}

fn update_id(key: &str, value: Option<u64>) -> Result<u64, DecodeError> {
    let id = there(key, value)?;
    if i64::try_from(id).is_ok() { Ok(id) } else { Err(DecodeError::new(key, &id.to_string(), "fit 63 bits")) }
}

fn time(key: &str, stamp: Option<u64>) -> Result<Option<Nanos>, DecodeError> {
    let Some(stamp) = stamp else { return Ok(None) };
    let unit = if stamp < FIRST_MICROSECOND { MILLISECOND } else { MILLISECOND / 1_000 };
    match Nanos::try_from(stamp).ok().and_then(|stamp| stamp.checked_mul(unit)) {
        Some(nanos) => Ok(Some(nanos)),
        None => Err(DecodeError::new(key, &stamp.to_string(), "be a time before the year 2262")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: &str = r#"{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01",
        "lot_size": "0.00001", "quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001",
        "taker_fee": "0.001"}"#;
    const USDM: &str = r#"{"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual",
        "tick_size": "0.1", "lot_size": "0.001", "quantity_step_in_data": "0.001", "min_notional": "100",
        "maker_fee": "0.0002", "taker_fee": "0.0005", "settle": "USDT", "funding_interval_hours": 8}"#;

    fn decoder(market: Market) -> Decoder {
        let definition = if market == Market::Spot { SPOT } else { USDM };
        Decoder::new(market, &Instrument::from_json(definition).unwrap()).unwrap()
    }

    fn decode(market: Market, frame: &str) -> Result<(Decoded, Vec<Event>), DecodeError> {
        let mut rows = vec![];
        let decoded = decoder(market).decode(frame.as_bytes(), 7, &mut rows)?;
        Ok((decoded, rows))
    }

    fn row(ts_event: Nanos, kind: Kind, side: Side, price: i64, qty: i64, last: bool) -> Event {
        let event = Event::new(ts_event, 7, kind, side, price, qty);
        Event { flags: event.flags | if last { flag::LAST } else { 0 }, ..event }
    }

    const AT: Nanos = 1_723_161_255_208_000_000;

    #[test]
    fn depth_becomes_one_packet() {
        let frame = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,
            "u":9,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}"#;
        let (decoded, rows) = decode(Market::Spot, frame).unwrap();
        assert_eq!(decoded.message, Message::Depth(Diff { first: 5, last: 9, previous: None, ts_event: AT }));
        assert_eq!((decoded.sent, decoded.off_step), (Some(AT), 0));
        assert_eq!(
            rows,
            [
                row(AT, Kind::Delta, Side::Buy, 6_173_763, 0, false),
                row(AT, Kind::Delta, Side::Sell, 6_183_764, 154_698_000, true)
            ]
        );
        let bare =
            r#"{"u":9,"a":[],"pu":3,"b":[],"U":5,"T":1723161255207,"s":"BTCUSDT","E":1723161255208,"e":"depthUpdate"}"#;
        let (decoded, rows) = decode(Market::UsdM, bare).unwrap();
        assert_eq!(
            decoded.message,
            Message::Depth(Diff { first: 5, last: 9, previous: Some(3), ts_event: AT - MILLISECOND })
        );
        assert_eq!((decoded.sent, rows), (Some(AT), vec![]));
    }

    #[test]
    fn escapes_and_a_data_key_further_on_are_read_as_what_they_mean() {
        let frame = r#"{"\u0065":"depth\u0055pdate","E":1,"s":"BTC\u0055SDT","U":5,"u":9,"pu":4,
            "b":[["1\u002e0","2"]],"a":[]}"#;
        assert_eq!(decode(Market::UsdM, frame).unwrap().1[0].price, 10);
        for other in [
            r#"{"e":"trade","E":1,"data":{"e":"kline"}}"#,
            r#"{"u":1,"s":"BTCUSDT","b":1,"e":"kline"}"#,
            r#"{"u":1,"s":"BTCUSDT","b":"1","A":"2"}"#,
        ] {
            assert_eq!(decode(Market::UsdM, other).unwrap().0.message, Message::Ignored, "{other}");
        }
        let snapshot = r#"{"u":1,"b":"1","B":"1","a":"1","A":"1","s":"BTCUSDT","lastUpdateId":3,"bids":[],"asks":[]}"#;
        assert_eq!(decode(Market::UsdM, snapshot).unwrap().0.message, Message::Snapshot { last: 3 });
    }

    #[test]
    fn snapshots_begin_with_a_clear() {
        let (decoded, rows) =
            decode(Market::Spot, r#"{"lastUpdateId":12,"bids":[["1.00","2"]],"asks":[["1.01","3"]]}"#).unwrap();
        assert_eq!((decoded.message, decoded.sent), (Message::Snapshot { last: 12 }, None));
        assert_eq!(
            rows,
            [
                row(NO_TIME, Kind::Clear, Side::Buy, 0, 0, false),
                row(NO_TIME, Kind::Level, Side::Buy, 100, 200_000_000, false),
                row(NO_TIME, Kind::Level, Side::Sell, 101, 300_000_000, true)
            ]
        );
        let empty = r#"{"lastUpdateId":12,"E":1723161255209,"T":1723161255208,"bids":[],"asks":[]}"#;
        let (decoded, rows) = decode(Market::UsdM, empty).unwrap();
        assert_eq!(decoded.sent, None);
        assert_eq!(rows, [row(AT, Kind::Clear, Side::Buy, 0, 0, true)]);
    }

    #[test]
    fn trades_carry_the_aggressor_and_only_book_trades_count() {
        let trade = |cause: &str, maker: bool| {
            format!(
                r#"{{"e":"trade","E":1723161255209,"T":1723161255208,"s":"BTCUSDT","p":"61800.30",
                    "q":"0.006"{cause},"m":{maker}}}"#
            )
        };
        for (cause, maker, side) in
            [(r#","X":"MARKET""#, false, Side::Buy), (r#","X":"MARKET""#, true, Side::Sell), ("", true, Side::Sell)]
        {
            let (decoded, rows) = decode(Market::UsdM, &trade(cause, maker)).unwrap();
            assert_eq!((decoded.message, decoded.sent), (Message::Trade, Some(AT + MILLISECOND)));
            assert_eq!(rows, [row(AT, Kind::Trade, side, 618_003, 6, true)]);
        }
        let (decoded, rows) = decode(Market::UsdM, &trade(r#","X":"INSURANCE_FUND""#, true)).unwrap();
        assert_eq!((decoded.message, rows), (Message::Ignored, vec![]));
        let aggregate = r#"{"e":"aggTrade","E":1723161255208000,"a":5,"s":"BTCUSDT","p":"1.00","q":"1",
            "f":1,"l":2,"T":1723161255208000,"m":true,"M":true}"#;
        assert_eq!(
            decode(Market::Spot, aggregate).unwrap().1,
            [row(AT, Kind::Trade, Side::Sell, 100, 100_000_000, true)],
            "microseconds"
        );
    }

    #[test]
    fn quotes_are_two_rows_and_marks_two() {
        let spot = r#"{"u":1,"s":"BTCUSDT","b":"1.00","B":"2","a":"1.01","A":"3"}"#;
        assert_eq!(
            decode(Market::Spot, spot).unwrap().1,
            [
                row(NO_TIME, Kind::Quote, Side::Buy, 100, 200_000_000, false),
                row(NO_TIME, Kind::Quote, Side::Sell, 101, 300_000_000, true)
            ]
        );
        let mark = r#"{"e":"markPriceUpdate","E":1723161255208,"s":"BTCUSDT","p":"11794.15000000",
            "i":"1","P":"1","r":"-0.00038167","T":1723161600000}"#;
        assert_eq!(
            decode(Market::UsdM, mark).unwrap().1,
            [row(AT, Kind::Mark, Side::Buy, 117_942, 0, false), row(AT, Kind::Funding, Side::Buy, 0, -381_670, true)]
        );
        let no_rate = mark.replace("-0.00038167", "");
        assert_eq!(decode(Market::UsdM, &no_rate).unwrap().1, [row(AT, Kind::Mark, Side::Buy, 117_942, 0, true)]);
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_field_and_value() {
        let good = r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":9,"pu":4,"b":[["1.0","2"],["2.0","0"]],"a":[]}"#;
        assert!(decode(Market::UsdM, good).is_ok());
        for (from, to, field, rule) in [
            (r#""2.0""#, r#""2.05""#, "b[1] price", "ticks of 0.1"),
            (r#""2.0""#, r#""0.0""#, "b[1] price", "above 0"),
            (r#""2.0""#, r#""-2.0""#, "b[1] price", "above 0"),
            (r#""2""#, r#""-2""#, "b[0] quantity", "at least 0"),
            (r#""2""#, r#""99999999999999999999""#, "b[0] quantity", "64 bits"),
            (r#""2""#, r#""two""#, "b[0] quantity", "decimal"),
            (r#""2""#, "2", "message", "decimal as text"),
            (r#"["1.0","2"]"#, r#"["1.0"]"#, "message", "level of price and quantity"),
            (r#"["1.0","2"]"#, r#"["1.0","2","3"]"#, "message", "level of price and quantity"),
            (r#""BTCUSDT""#, r#""ETHUSDT""#, "s", "be BTCUSDT"),
            (r#""s":"BTCUSDT","#, "", "s", "be there"),
            (r#","pu":4"#, "", "pu", "be there"),
            (r#""u":9"#, r#""u":4"#, "U", "at most `u`"),
            (r#""u":9"#, r#""u":9,"u":9"#, "message", "duplicate"),
            (r#""u":9"#, r#""u":9.0"#, "message", "invalid type"),
            (r#""u":9"#, r#""u":9223372036854775808"#, "u", "63 bits"),
            (r#""E":1"#, r#""E":9999999999999"#, "E", "2262"),
            (r#""E":1,"#, "", "E", "be there"),
            ("}", "", "message", "EOF"),
            ("}", "}}", "message", "trailing"),
        ] {
            let frame = good.replacen(from, to, 1);
            let error = decode(Market::UsdM, &frame).unwrap_err();
            assert_eq!(error.field, field, "{error}");
            assert!(error.rule.contains(rule), "{error}");
        }
    }

    #[test]
    fn size_is_bounded_and_nothing_is_left_behind() {
        let levels = |n: usize| {
            let side = vec![r#"["1.0","2"]"#; n].join(",");
            format!(r#"{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":9,"pu":4,"b":[{side}],"a":[]}}"#)
        };
        assert_eq!(decode(Market::UsdM, &levels(10_000)).unwrap().1.len(), 10_000);
        assert!(decode(Market::UsdM, &levels(10_001)).unwrap_err().rule.contains("10000 levels"));
        let long = format!(r#"{{"e":"x{}"}}"#, " ".repeat(MAX_MESSAGE_BYTES));
        assert!(decode(Market::UsdM, &long).unwrap_err().rule.contains("bytes"));
        let deep = format!(r#"{{"e":"x","y":{}}}"#, "[".repeat(1 << 20));
        assert!(decode(Market::UsdM, &deep).is_err());

        let mut rows = vec![row(0, Kind::Trade, Side::Buy, 1, 1, true)];
        decoder(Market::UsdM).decode(levels(10_001).as_bytes(), 7, &mut rows).unwrap_err();
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn an_instrument_of_another_kind_is_refused() {
        let error = Decoder::new(Market::UsdM, &Instrument::from_json(SPOT).unwrap()).unwrap_err();
        assert!(error.to_string().contains("linear_perpetual"), "{error}");
    }
}
