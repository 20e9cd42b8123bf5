//! The words of a condition, each with its column.

use super::grammar::Wrong;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    Name(&'a str),
    Text(&'a str),
    Symbol(&'a str),
    End,
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "`{number}`"),
            Self::Name(text) | Self::Symbol(text) => write!(f, "`{text}`"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::End => f.write_str("the end"),
        }
    }
}

const SYMBOLS: [&str; 14] = ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ",", "."];

/// The words and their columns, from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, Wrong> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(first) = text[at..].chars().next() {
        let (rest, column) = (&text[at..], text[..at].chars().count() + 1);
        let length = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
        let (token, taken) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first.is_ascii_digit() {
            let taken = number_length(rest);
            let number = rest[..taken].parse::<f64>();
            let what = || Wrong::new(column, format!("`{}` is no number", &rest[..taken]), "write 14 or 0.5");
            (Token::Number(number.map_err(|_| what())?), taken)
        } else if first.is_alphabetic() || first == '_' {
            let taken = length(|c| c.is_alphanumeric() || c == '_');
            (Token::Name(&rest[..taken]), taken)
        } else if first == '"' {
            let end = rest[1..].find('"');
            let end = end.ok_or_else(|| Wrong::new(column, "the text does not end", "close it with \""))?;
            (Token::Text(&rest[1..=end]), end + 2)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else if first == '=' {
            (Token::Symbol("="), 1)
        } else {
            return Err(Wrong::new(column, format!("`{first}` means nothing here"), "see docs/strategies.md, Rules"));
        };
        found.push((column, token));
        at += taken;
    }
    found.push((text.chars().count() + 1, Token::End));
    Ok(found)
}

/// Letters of the number that a text begins with: digits, points, and an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count() + from;
    let whole = digits(0);
    let sign = usize::from(matches!(bytes.get(whole + 1), Some(b'+' | b'-')));
    let is_exponent =
        matches!(bytes.get(whole), Some(b'e' | b'E')) && bytes.get(whole + 1 + sign).is_some_and(u8::is_ascii_digit);
    if is_exponent { digits(whole + 1 + sign) } else { whole }
}
