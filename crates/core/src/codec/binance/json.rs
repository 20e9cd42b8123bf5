//! What both passes over a message share.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::codec::{DecodeError, SHOWN};

/// The error of a text that is no JSON, or not of the form that the venue documents.
pub(super) fn refused_json(text: &str, error: &serde_json::Error) -> DecodeError {
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or(text);
    let mut from = error.column().saturating_sub(SHOWN / 2).min(line.len());
    while !line.is_char_boundary(from) {
        from -= 1;
    }
    DecodeError::new("message", &line[from..], format!("be JSON as the venue documents it ({error})"))
}

/// Text, borrowed unless it holds escapes.
pub(super) struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
