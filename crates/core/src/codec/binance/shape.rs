//! What a message is, before its fields are read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Market;
use super::json::{TextSeed, refused_json};
use crate::codec::DecodeError;

/// The kinds of message that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Depth,
    Trade,
    Quote,
    Mark,
    Snapshot,
    /// Nothing that a book, a strategy or a bar needs.
    Other,
}

impl Class {
    fn of_event(name: &str) -> Self {
        match name {
            "depthUpdate" => Self::Depth,
            "trade" | "aggTrade" => Self::Trade,
            "bookTicker" => Self::Quote,
            "markPriceUpdate" => Self::Mark,
            _ => Self::Other,
        }
    }
}

/// A message's class and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: Class,
    /// Inside `{"stream": …, "data": …}`.
    pub(super) wrapped: bool,
}

impl Shape {
    /// A guess from the first bytes, in the order of keys that the venue sends today. It is right unless the fields
    /// read by it do not [`fit`](super::fields::Fields::fit), or are refused.
    pub(super) fn at_a_glance(text: &str) -> Option<Self> {
        let (payload, wrapped) = match text.strip_prefix("{\"stream\":\"") {
            Some(rest) => (rest.split_once('"')?.1.strip_prefix(",\"data\":")?, true),
            None => (text, false),
        };
        if payload.starts_with("{\"u\":") {
            return Some(Self { class: Class::Quote, wrapped });
        }
        let (event, _) = payload.strip_prefix("{\"e\":\"")?.split_once('"')?;
        match Class::of_event(event) {
            Class::Other => None,
            class => Some(Self { class, wrapped }),
        }
    }

    /// Reads every key of the message, or of its payload if it has one, and checks the grammar of the whole.
    pub(super) fn by_keys(text: &str) -> Result<Self, DecodeError> {
        let keys = Keys::of(text, false).map_err(|error| refused_json(text, &error))?;
        if matches!(keys.data, Word::Twice) {
            return Err(DecodeError::new("data", "there twice", "be there once"));
        }
        let class = keys.payload().map_or(Ok(Class::Other), Keys::class)?;
        Ok(Self { class, wrapped: !matches!(keys.data, Word::Absent) })
    }
}

/// The market and symbol that a message names, if it can only come from one.
pub(super) fn origin(text: &str) -> Option<(Market, String)> {
    let keys = Keys::of(text, true).ok()?;
    let payload = keys.payload()?;
    let usdm = match payload.class().ok()? {
        Class::Depth => payload.previous_id,
        Class::Trade => !payload.best_match,
        Class::Quote => !matches!(payload.event, Word::Absent),
        Class::Mark => true,
        Class::Snapshot | Class::Other => return None,
    };
    match &payload.symbol {
        Word::Text(symbol) => Some((if usdm { Market::UsdM } else { Market::Spot }, symbol.clone().into_owned())),
        _ => None,
    }
}

/// A key's value, as far as it tells messages apart.
#[derive(Debug, Default)]
enum Word<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Object(Box<Keys<'a>>),
    Other,
    Twice,
}

impl Word<'_> {
    fn put(&mut self, word: Self) {
        *self = if matches!(self, Self::Absent) { word } else { Self::Twice };
    }
}

/// The keys that tell messages apart.
#[derive(Debug, Default)]
struct Keys<'a> {
    /// `e`
    event: Word<'a>,
    /// `s`
    symbol: Word<'a>,
    /// `data`
    data: Word<'a>,
    last_update_id: bool,
    /// `B`
    bid_qty: bool,
    /// `A`
    ask_qty: bool,
    /// `pu`, of USD-M only
    previous_id: bool,
    /// `M`, of spot only
    best_match: bool,
}

impl<'a> Keys<'a> {
    fn of(text: &'a str, with_symbol: bool) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let keys = KeysSeed { outer: true, with_symbol }.deserialize(&mut json)?;
        json.end()?;
        Ok(keys)
    }

    /// The message itself or what is wrapped in it; none where that is no object.
    fn payload(&self) -> Option<&Self> {
        match &self.data {
            Word::Absent => Some(self),
            Word::Object(keys) => Some(keys),
            _ => None,
        }
    }

    fn class(&self) -> Result<Class, DecodeError> {
        match &self.event {
            Word::Text(name) => Ok(Class::of_event(name)),
            Word::Object(_) | Word::Other => Err(DecodeError::new("e", "another type", "be text")),
            Word::Twice => Err(DecodeError::new("e", "there twice", "be there once")),
            Word::Absent if self.last_update_id => Ok(Class::Snapshot),
            // Spot's bookTicker has no event name.
            Word::Absent if self.bid_qty && self.ask_qty => Ok(Class::Quote),
            Word::Absent => Ok(Class::Other),
        }
    }

    fn take<A: MapAccess<'a>>(&mut self, key: &str, seed: KeysSeed, map: &mut A) -> Result<(), A::Error> {
        let inner = KeysSeed { outer: false, ..seed };
        match key {
            "e" => self.event.put(map.next_value_seed(WordSeed(inner))?),
            "s" if seed.with_symbol => self.symbol.put(map.next_value_seed(WordSeed(inner))?),
            "data" if seed.outer => self.data.put(map.next_value_seed(WordSeed(inner))?),
            _ => {
                self.last_update_id |= key == "lastUpdateId";
                self.bid_qty |= key == "B";
                self.ask_qty |= key == "A";
                self.previous_id |= key == "pu";
                self.best_match |= key == "M";
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct KeysSeed {
    /// A payload may be inside.
    outer: bool,
    /// The symbol is wanted: else its value is nobody's business here.
    with_symbol: bool,
}

impl<'de> DeserializeSeed<'de> for KeysSeed {
    type Value = Keys<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Keys<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysSeed {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(TextSeed)? {
            keys.take(&key, self, &mut map)?;
        }
        Ok(keys)
    }
}

/// Any value: it is too early to refuse a type.
struct WordSeed(KeysSeed);

impl<'de> DeserializeSeed<'de> for WordSeed {
    type Value = Word<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Word<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WordSeed {
    type Value = Word<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Word<'de>, E> {
        Ok(Word::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word<'de>, E> {
        Ok(Word::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Word<'de>, A::Error> {
        Ok(Word::Object(Box::new(self.0.visit_map(map)?)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Word<'de>, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_in_any_order_of_keys() {
        for (text, class, wrapped) in [
            (r#"{"e":"trade","s":"X"}"#, Class::Trade, false),
            (r#"{"s":"X","e":"aggTrade"}"#, Class::Trade, false),
            (r#"{"stream":"x@depth","data":{"e":"depthUpdate"}}"#, Class::Depth, true),
            (r#"{"data":{"b":[],"e":"depthUpdate"},"stream":"x@depth"}"#, Class::Depth, true),
            (r#"{"e":"trade"}"#, Class::Trade, false),
            (r#"{"u":1,"s":"X","b":"1","B":"2","a":"3","A":"4"}"#, Class::Quote, false),
            (r#"{"stream":"s","generated":true,"data":{"lastUpdateId":1}}"#, Class::Snapshot, true),
            (r#"{"e":"kline","B":"1","A":"1","lastUpdateId":2}"#, Class::Other, false),
            (r#"{"result":null,"id":1}"#, Class::Other, false),
            (r#"{"stream":"!ticker@arr","data":[{"e":"trade"},1e999]}"#, Class::Other, true),
            (r#"{"e":"forceOrder","o":{"s":"X"}}"#, Class::Other, false),
        ] {
            assert_eq!(Shape::by_keys(text).unwrap(), Shape { class, wrapped }, "{text}");
        }
        for text in ["", "[]", "1", "{", "{}x", r#"{"e":1}"#, r#"{"e":"a","e":"b"}"#, r#"{"data":{},"data":{}}"#] {
            assert!(Shape::by_keys(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_market_shows_in_the_keys() {
        let named = |market| Some((market, "X".to_owned()));
        for (text, origin_expected) in [
            (r#"{"e":"depthUpdate","s":"X","U":1,"u":2}"#, named(Market::Spot)),
            (r#"{"e":"depthUpdate","s":"X","U":1,"u":2,"pu":0}"#, named(Market::UsdM)),
            (r#"{"stream":"x","data":{"e":"trade","s":"X","m":true,"M":true}}"#, named(Market::Spot)),
            (r#"{"e":"aggTrade","s":"X","m":true}"#, named(Market::UsdM)),
            (r#"{"u":1,"s":"X","B":"1","A":"1"}"#, named(Market::Spot)),
            (r#"{"e":"bookTicker","s":"X"}"#, named(Market::UsdM)),
            (r#"{"e":"markPriceUpdate","s":"X"}"#, named(Market::UsdM)),
            (r#"{"lastUpdateId":5,"bids":[],"asks":[]}"#, None),
            (r#"{"e":"trade"}"#, None),
            ("garbage", None),
        ] {
            assert_eq!(origin(text), origin_expected, "{text}");
        }
    }
}
