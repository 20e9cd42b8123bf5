//! Strategies without code: conditions over indicators and bars, compiled from text.
//!
//! ```text
//! condition = conjunction { "or" conjunction }
//! conjunction = negation { "and" negation }
//! negation  = "not" negation | comparison
//! comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | "crosses" ("above" | "below") sum ]
//! sum       = product { ("+" | "-") product }
//! product   = factor { ("*" | "/") factor }
//! factor    = "-" factor | number | name | indicator | "previous" "(" sum ")" | "(" condition ")"
//! indicator = name "(" [ argument { "," argument } ] ")" [ "." output ]
//! argument  = [ name "=" ] ( number | parameter | word | '"' text '"' )
//! ```
//!
//! Names are `open`, `high`, `low`, `close`, `volume` of the bar, and the rule's parameters. A comparison with a number
//! that is not there yet is false.

mod expression;
mod grammar;
mod strategy;
mod token;

pub use strategy::{Definition, RuleError, RuleStrategy};

#[cfg(test)]
mod tests;
