//! Venue bytes to market events. One folder a venue; no venue knows another.

/// Binance, spot and USD-M.
pub mod binance;

/// Why a message or a line is refused: which field, what it held, what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The venue's name of it, with its place (`b[3] price`); `message` where the text is not JSON.
    pub field: String,
    /// As received, cut to [`SHOWN`] characters.
    pub value: String,
    /// Reads on from "must".
    pub rule: String,
}

/// Characters of a refused value that an error shows.
pub const SHOWN: usize = 60;

impl DecodeError {
    /// An error about a text; what cannot be printed is escaped, what is long is cut.
    pub fn new(field: impl Into<String>, value: &str, rule: impl Into<String>) -> Self {
        let mut shown = String::new();
        for character in value.chars().take(SHOWN) {
            if character.is_control() {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        if value.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Self { field: field.into(), value: shown, rule: rule.into() }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` must {}, was `{}`", self.field, self.rule, self.value)
    }
}
