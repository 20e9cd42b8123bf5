//! One pass of strict JSON: the fields of a message, its levels straight into rows without an allocation each.
//!
//! What a message is (its [`Shape`]) is settled first, so that only the fields of that class are read; the rest is
//! checked for grammar alone. Fields may stand in any order, each at most once; escaped text is read as what it means.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::{TextSeed, refused_json};
use super::scale::Scale;
use super::shape::{Class, Shape};
use crate::codec::DecodeError;
use crate::event::{Event, Kind};
use crate::types::{NO_TIME, Nanos, Qty, Side, Ticks};

/// Most levels in one message, both sides together: the longest snapshot, 5,000 a side.
pub const MAX_LEVELS: usize = 10_000;

/// The fields read, each `None` where the message lacks it. Decimals stay text until their use is known.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) event: Option<Cow<'a, str>>,
    pub(super) symbol: Option<Cow<'a, str>>,
    pub(super) sent: Option<u64>,
    pub(super) matched: Option<u64>,
    pub(super) first_id: Option<u64>,
    pub(super) last_id: Option<u64>,
    pub(super) previous_id: Option<u64>,
    pub(super) price: Option<Cow<'a, str>>,
    pub(super) qty: Option<Cow<'a, str>>,
    pub(super) cause: Option<Cow<'a, str>>,
    pub(super) rate: Option<Cow<'a, str>>,
    pub(super) buyer_is_maker: Option<bool>,
    pub(super) bid: Option<Cow<'a, str>>,
    pub(super) bid_qty: Option<Cow<'a, str>>,
    pub(super) ask: Option<Cow<'a, str>>,
    pub(super) ask_qty: Option<Cow<'a, str>>,
    pub(super) bids: Option<()>,
    pub(super) asks: Option<()>,
    /// A key that may tell of another shape: a payload's in a bare message, a snapshot's in a quote.
    foreign: bool,
}

impl Fields<'_> {
    /// Whether the fields, read as a guessed shape, are what reading every key first would have found.
    pub(super) fn fit(&self, shape: Shape) -> bool {
        !self.foreign
            && match (shape.class, &self.event) {
                (Class::Quote, Some(event)) => event == "bookTicker",
                (Class::Quote, None) => self.bid_qty.is_some() && self.ask_qty.is_some(),
                _ => true,
            }
    }
}

/// What a key leads to.
#[derive(Clone, Copy, Debug)]
enum Field {
    Ignored,
    Payload,
    Event,
    Symbol,
    Sent,
    Matched,
    FirstId,
    LastId,
    PreviousId,
    Price,
    Qty,
    Cause,
    Rate,
    BuyerIsMaker,
    Bid,
    BidQty,
    Ask,
    AskQty,
    Levels(Side),
    Foreign,
}

fn field_of(class: Class, key: &str) -> Field {
    match (class, key) {
        (Class::Other, _) => Field::Ignored,
        (_, "E") => Field::Sent,
        // The time of the next funding.
        (Class::Mark, "T") => Field::Ignored,
        (_, "T") => Field::Matched,
        (Class::Snapshot, "lastUpdateId") => Field::LastId,
        (Class::Snapshot, "bids") | (Class::Depth, "b") => Field::Levels(Side::Buy),
        (Class::Snapshot, "asks") | (Class::Depth, "a") => Field::Levels(Side::Sell),
        (Class::Snapshot, _) => Field::Ignored,
        (_, "e") => Field::Event,
        (_, "s") => Field::Symbol,
        (Class::Depth, "U") => Field::FirstId,
        (Class::Depth, "u") => Field::LastId,
        (Class::Depth, "pu") => Field::PreviousId,
        (Class::Trade | Class::Mark, "p") => Field::Price,
        (Class::Trade, "q") => Field::Qty,
        (Class::Trade, "m") => Field::BuyerIsMaker,
        (Class::Trade, "X") => Field::Cause,
        (Class::Mark, "r") => Field::Rate,
        (Class::Quote, "b") => Field::Bid,
        (Class::Quote, "B") => Field::BidQty,
        (Class::Quote, "a") => Field::Ask,
        (Class::Quote, "A") => Field::AskQty,
        (Class::Quote, "lastUpdateId") => Field::Foreign,
        _ => Field::Ignored,
    }
}

/// Reads one message of a known shape.
pub(super) struct Reader<'r> {
    shape: Shape,
    scale: Scale,
    ts_recv: Nanos,
    rows: &'r mut Vec<Event>,
    levels: usize,
    off_step: u64,
    problem: Option<DecodeError>,
}

/// What [`read`] finds.
#[derive(Default)]
pub(super) struct Reading<'a> {
    pub(super) fields: Fields<'a>,
    /// Quantities between two steps.
    pub(super) off_step: u64,
}

/// The fields of one message, its levels appended to the rows (a snapshot's after their [`Kind::Clear`]). On an error
/// the rows hold what was read up to there.
pub(super) fn read<'a>(
    text: &'a str,
    shape: Shape,
    scale: Scale,
    ts_recv: Nanos,
    rows: &mut Vec<Event>,
) -> Result<Reading<'a>, DecodeError> {
    match shape.class {
        Class::Other => return Ok(Reading::default()),
        Class::Snapshot => rows.push(Event::new(NO_TIME, ts_recv, Kind::Clear, Side::Buy, 0, 0)),
        _ => {}
    }
    let mut reader = Reader { shape, scale, ts_recv, rows, levels: 0, off_step: 0, problem: None };
    let mut fields = Fields::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let place = if shape.wrapped { Place::Wrapper } else { Place::Bare };
    let seed = MessageSeed { reader: &mut reader, fields: &mut fields, place };
    match seed.deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => Ok(Reading { fields, off_step: reader.off_step }),
        Err(error) => Err(reader.problem.take().unwrap_or_else(|| refused_json(text, &error))),
    }
}

impl Reader<'_> {
    /// Keeps the reason aside: a JSON error has room for text only.
    #[cold]
    fn refuse<E: Error>(&mut self, problem: DecodeError) -> E {
        self.problem = Some(problem);
        E::custom("refused")
    }

    #[inline]
    fn push(&mut self, side: Side, price: Ticks, qty: Qty) {
        let kind = if self.shape.class == Class::Snapshot { Kind::Level } else { Kind::Delta };
        self.rows.push(Event::new(NO_TIME, self.ts_recv, kind, side, price, qty));
    }
}

#[derive(Clone, Copy)]
enum Place {
    Wrapper,
    Bare,
    Inner,
}

struct MessageSeed<'s, 'r, 'de> {
    reader: &'s mut Reader<'r>,
    fields: &'s mut Fields<'de>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, fields, place } = self;
        let mut payloads = None;
        while let Some(field) = map.next_key_seed(KeySeed { class: reader.shape.class, place })? {
            match field {
                Field::Ignored => {
                    map.next_value::<IgnoredAny>()?;
                }
                Field::Foreign => {
                    fields.foreign = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Field::Payload => {
                    once(&mut payloads, (), "data")?;
                    map.next_value_seed(MessageSeed { reader, fields, place: Place::Inner })?;
                }
                Field::Levels(side) => levels(reader, fields, side, &mut map)?,
                _ => fields.take(field, &mut map)?,
            }
        }
        Ok(())
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T, key: &'static str) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::duplicate_field(key)) } else { Ok(()) }
}

impl<'de> Fields<'de> {
    fn take<A: MapAccess<'de>>(&mut self, field: Field, map: &mut A) -> Result<(), A::Error> {
        match field {
            Field::Event => once(&mut self.event, map.next_value_seed(TextSeed)?, "e"),
            Field::Symbol => once(&mut self.symbol, map.next_value_seed(TextSeed)?, "s"),
            Field::Sent => once(&mut self.sent, map.next_value()?, "E"),
            Field::Matched => once(&mut self.matched, map.next_value()?, "T"),
            Field::FirstId => once(&mut self.first_id, map.next_value()?, "U"),
            Field::LastId => once(&mut self.last_id, map.next_value()?, "u or lastUpdateId"),
            Field::PreviousId => once(&mut self.previous_id, map.next_value()?, "pu"),
            Field::Price => once(&mut self.price, map.next_value_seed(TextSeed)?, "p"),
            Field::Qty => once(&mut self.qty, map.next_value_seed(TextSeed)?, "q"),
            Field::Cause => once(&mut self.cause, map.next_value_seed(TextSeed)?, "X"),
            Field::Rate => once(&mut self.rate, map.next_value_seed(TextSeed)?, "r"),
            Field::BuyerIsMaker => once(&mut self.buyer_is_maker, map.next_value()?, "m"),
            Field::Bid => once(&mut self.bid, map.next_value_seed(TextSeed)?, "b"),
            Field::BidQty => once(&mut self.bid_qty, map.next_value_seed(TextSeed)?, "B"),
            Field::Ask => once(&mut self.ask, map.next_value_seed(TextSeed)?, "a"),
            Field::AskQty => once(&mut self.ask_qty, map.next_value_seed(TextSeed)?, "A"),
            Field::Ignored | Field::Foreign | Field::Payload | Field::Levels(_) => {
                unreachable!("read by the message itself")
            }
        }
    }
}

struct KeySeed {
    class: Class,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<Field, E> {
        Ok(match self.place {
            Place::Wrapper if key == "data" => Field::Payload,
            Place::Bare if key == "data" => Field::Foreign,
            Place::Wrapper => Field::Ignored,
            Place::Bare | Place::Inner => field_of(self.class, key),
        })
    }
}

fn levels<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'de>,
    side: Side,
    map: &mut A,
) -> Result<(), A::Error> {
    let key = match (reader.shape.class, side) {
        (Class::Snapshot, Side::Buy) => "bids",
        (Class::Snapshot, Side::Sell) => "asks",
        (_, Side::Buy) => "b",
        (_, Side::Sell) => "a",
    };
    once(if side == Side::Buy { &mut fields.bids } else { &mut fields.asks }, (), key)?;
    map.next_value_seed(LevelsSeed { reader, side, key })
}

/// All levels of one side.
struct LevelsSeed<'s, 'r> {
    reader: &'s mut Reader<'r>,
    side: Side,
    key: &'static str,
}

impl<'de> DeserializeSeed<'de> for LevelsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LevelsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of levels")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut levels: A) -> Result<(), A::Error> {
        let Self { reader, side, key } = self;
        let mut index = 0;
        while let Some((price, qty)) = levels.next_element_seed(LevelSeed { reader, key, index })? {
            reader.push(side, price, qty);
            index += 1;
        }
        Ok(())
    }
}

/// One level, `["price", "quantity"]`.
struct LevelSeed<'s, 'r> {
    reader: &'s mut Reader<'r>,
    key: &'static str,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for LevelSeed<'_, '_> {
    type Value = (Ticks, Qty);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LevelSeed<'_, '_> {
    type Value = (Ticks, Qty);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level of price and quantity")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut level: A) -> Result<Self::Value, A::Error> {
        let Self { reader, key, index } = self;
        reader.levels += 1;
        if reader.levels > MAX_LEVELS {
            let rule = format!("bring at most {MAX_LEVELS} levels");
            return Err(reader.refuse(DecodeError::new("message", &format!("{}", reader.levels), rule)));
        }
        let price = level.next_element_seed(NumberSeed { reader, key, index, is_price: true })?;
        let price = price.ok_or_else(|| A::Error::invalid_length(0, &"a level of price and quantity"))?;
        let qty = level.next_element_seed(NumberSeed { reader, key, index, is_price: false })?;
        let qty = qty.ok_or_else(|| A::Error::invalid_length(1, &"a level of price and quantity"))?;
        match level.next_element::<IgnoredAny>()? {
            None => Ok((price, qty)),
            Some(_) => Err(A::Error::invalid_length(3, &"a level of price and quantity")),
        }
    }
}

/// A price in ticks or a quantity in steps, straight from its text.
struct NumberSeed<'s, 'r> {
    reader: &'s mut Reader<'r>,
    key: &'static str,
    index: usize,
    is_price: bool,
}

impl<'de> DeserializeSeed<'de> for NumberSeed<'_, '_> {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NumberSeed<'_, '_> {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as text")
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        let Self { reader, key, index, is_price } = self;
        let count = if is_price {
            reader.scale.price(|| format!("{key}[{index}] price"), text)
        } else {
            reader.scale.qty(|| format!("{key}[{index}] quantity"), text, &mut reader.off_step)
        };
        count.map_err(|problem| reader.refuse(problem))
    }
}
