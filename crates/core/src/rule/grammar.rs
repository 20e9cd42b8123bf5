//! From a condition's text to the steps that evaluate it. What is wrong is told with its column and what was expected.

use std::collections::BTreeMap;

use super::expression::{DEEPEST, Field, Op, When, taken};
use super::token::{Token, tokens};
use crate::feature::{DEFINITIONS, FeatureError, Given, Spec, did_you_mean};

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// From 1.
    pub(super) column: usize,
    pub(super) what: String,
    pub(super) hint: String,
}

impl Wrong {
    pub(super) fn new(column: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { column, what: what.into(), hint: hint.into() }
    }
}

/// An indicator that an expression asks for; without a clock it follows the rule's bars.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) spec: Spec,
    pub(super) on: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Condition,
}

const FIELDS: [(&str, Field); 5] = [
    ("open", Field::Open),
    ("high", Field::High),
    ("low", Field::Low),
    ("close", Field::Close),
    ("volume", Field::Volume),
];

/// Words that no parameter may have for its name.
pub(super) fn is_reserved(name: &str) -> bool {
    let words = ["and", "or", "not", "crosses", "above", "below", "previous"];
    words.contains(&name) || FIELDS.iter().any(|(field, _)| *field == name) || is_indicator(name)
}

fn is_indicator(name: &str) -> bool {
    DEFINITIONS.iter().any(|definition| definition.name == name)
}

/// Reads a condition; the indicators it asks for are added to `wanted`.
pub(super) fn condition(
    text: &str,
    parameters: &BTreeMap<String, f64>,
    wanted: &mut Vec<Wanted>,
) -> Result<Vec<Op>, Wrong> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, parameters, wanted, ops: Vec::new(), nested: 0 };
    let start = reader.column();
    let kind = reader.disjunction()?;
    match (reader.peek(), kind) {
        (Token::End, _) => reader.must_be(start, kind, Kind::Condition)?,
        (token, Kind::Number) => return Err(reader.expected("a comparison", token)),
        (token, Kind::Condition) => return Err(reader.expected("and, or, or the end", token)),
    }
    let ops = reader.ops;
    let (mut depth, mut deepest) = (0, 0);
    for op in &ops {
        depth = depth + 1 - taken(op);
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST {
        return Err(Wrong::new(start, format!("the condition holds more than {DEEPEST} values at once"), "shorten it"));
    }
    Ok(ops)
}

struct Reader<'a> {
    tokens: Vec<(usize, Token<'a>)>,
    at: usize,
    parameters: &'a BTreeMap<String, f64>,
    wanted: &'a mut Vec<Wanted>,
    ops: Vec<Op>,
    nested: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens[self.at].1
    }

    fn column(&self) -> usize {
        self.tokens[self.at].0
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn takes(&mut self, token: Token<'_>) -> bool {
        let is_it = self.peek() == token;
        self.at += usize::from(is_it);
        is_it
    }

    fn expected(&self, what: &str, found: Token<'_>) -> Wrong {
        let hint = match found {
            Token::Name("AND" | "And" | "OR" | "Or" | "NOT" | "Not") => "and, or and not are written small",
            Token::Symbol("=") => "to compare, write ==",
            _ => "see docs/strategies.md, Rules",
        };
        Wrong::new(self.column(), format!("expected {what}, found {found}"), hint)
    }

    fn must_be(&self, column: usize, kind: Kind, wanted: Kind) -> Result<(), Wrong> {
        match (kind, wanted) {
            (Kind::Number, Kind::Condition) => {
                Err(Wrong::new(column, "expected a condition, found a number", "compare it, as in rsi(14) < 30"))
            }
            (Kind::Condition, Kind::Number) => {
                Err(Wrong::new(column, "expected a number, found a condition", "join conditions by and, or"))
            }
            _ => Ok(()),
        }
    }

    fn disjunction(&mut self) -> Result<Kind, Wrong> {
        self.joined("or", Op::Or, Self::conjunction)
    }

    fn conjunction(&mut self) -> Result<Kind, Wrong> {
        self.joined("and", Op::And, Self::negation)
    }

    fn joined(&mut self, word: &str, op: Op, part: fn(&mut Self) -> Result<Kind, Wrong>) -> Result<Kind, Wrong> {
        let mut start = self.column();
        let kind = part(self)?;
        while self.peek() == Token::Name(word) {
            self.must_be(start, kind, Kind::Condition)?;
            self.next();
            start = self.column();
            let right = part(self)?;
            self.must_be(start, right, Kind::Condition)?;
            self.ops.push(op);
        }
        Ok(kind)
    }

    fn negation(&mut self) -> Result<Kind, Wrong> {
        if !self.takes(Token::Name("not")) {
            return self.comparison();
        }
        let start = self.column();
        let kind = self.deeper(Self::negation)?;
        self.must_be(start, kind, Kind::Condition)?;
        self.ops.push(Op::Not);
        Ok(Kind::Condition)
    }

    /// Reads a part within a part. The bound keeps a text of a thousand brackets from exhausting the stack.
    fn deeper(&mut self, part: fn(&mut Self) -> Result<Kind, Wrong>) -> Result<Kind, Wrong> {
        self.nested += 1;
        if self.nested > DEEPEST {
            return Err(Wrong::new(
                self.column(),
                format!("more than {DEEPEST} parts within each other"),
                "shorten it",
            ));
        }
        let kind = part(self);
        self.nested -= 1;
        kind
    }

    fn comparison(&mut self) -> Result<Kind, Wrong> {
        let (start, first) = (self.column(), self.ops.len());
        let kind = self.sum()?;
        let op = match self.peek() {
            Token::Symbol("<") => Op::Less,
            Token::Symbol("<=") => Op::LessOrEqual,
            Token::Symbol(">") => Op::Greater,
            Token::Symbol(">=") => Op::GreaterOrEqual,
            Token::Symbol("==") => Op::Equal,
            Token::Symbol("!=") => Op::NotEqual,
            Token::Name("crosses") => Op::CrossesAbove,
            _ => return Ok(kind),
        };
        self.must_be(start, kind, Kind::Number)?;
        self.next();
        let op = if op == Op::CrossesAbove { self.direction()? } else { op };
        let second = self.column();
        let kind = self.sum()?;
        self.must_be(second, kind, Kind::Number)?;
        if matches!(op, Op::CrossesAbove | Op::CrossesBelow) {
            let before = self.ops[first..].to_vec();
            self.before(start, before)?;
        }
        self.ops.push(op);
        Ok(Kind::Condition)
    }

    fn direction(&mut self) -> Result<Op, Wrong> {
        match self.peek() {
            Token::Name("above") => {
                self.next();
                Ok(Op::CrossesAbove)
            }
            Token::Name("below") => {
                self.next();
                Ok(Op::CrossesBelow)
            }
            token => Err(self.expected("above or below", token)),
        }
    }

    /// Adds the same steps as of the bar before.
    fn before(&mut self, column: usize, ops: Vec<Op>) -> Result<(), Wrong> {
        for op in ops {
            self.ops.push(match op {
                Op::Bar(field, When::Now) => Op::Bar(field, When::Before),
                Op::Indicator(which, output, When::Now) => Op::Indicator(which, output, When::Before),
                Op::Bar(..) | Op::Indicator(..) => {
                    let what = "only one bar back can be looked at: previous stands within previous or crosses";
                    return Err(Wrong::new(column, what, "take the inner previous away"));
                }
                other => other,
            });
        }
        Ok(())
    }

    fn sum(&mut self) -> Result<Kind, Wrong> {
        self.arithmetic(&[("+", Op::Add), ("-", Op::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Kind, Wrong> {
        self.arithmetic(&[("*", Op::Multiply), ("/", Op::Divide)], Self::factor)
    }

    fn arithmetic(&mut self, ops: &[(&str, Op)], part: fn(&mut Self) -> Result<Kind, Wrong>) -> Result<Kind, Wrong> {
        let start = self.column();
        let kind = part(self)?;
        while let Some((_, op)) = ops.iter().find(|(symbol, _)| self.peek() == Token::Symbol(symbol)) {
            self.must_be(start, kind, Kind::Number)?;
            self.next();
            let second = self.column();
            let right = part(self)?;
            self.must_be(second, right, Kind::Number)?;
            self.ops.push(*op);
        }
        Ok(kind)
    }

    fn factor(&mut self) -> Result<Kind, Wrong> {
        let column = self.column();
        match self.peek() {
            Token::Symbol("-") => {
                self.next();
                let kind = self.deeper(Self::factor)?;
                self.must_be(column + 1, kind, Kind::Number)?;
                self.ops.push(Op::Negate);
                Ok(Kind::Number)
            }
            Token::Number(number) => {
                self.next();
                self.ops.push(Op::Constant(number));
                Ok(Kind::Number)
            }
            Token::Symbol("(") => {
                self.next();
                let kind = self.deeper(Self::disjunction)?;
                self.close()?;
                Ok(kind)
            }
            Token::Name("previous") => self.previous(),
            Token::Name(name) if is_indicator(name) => self.indicator(name),
            Token::Name(name) => self.name(name),
            token => Err(self.expected("a number, an indicator or (", token)),
        }
    }

    fn close(&mut self) -> Result<(), Wrong> {
        if self.takes(Token::Symbol(")")) { Ok(()) } else { Err(self.expected(")", self.peek())) }
    }

    fn open(&mut self, name: &str) -> Result<(), Wrong> {
        if self.takes(Token::Symbol("(")) {
            return Ok(());
        }
        let found = self.peek();
        Err(Wrong { hint: format!("write {name}(…)"), ..self.expected("(", found) })
    }

    fn previous(&mut self) -> Result<Kind, Wrong> {
        self.next();
        self.open("previous")?;
        let (column, first) = (self.column(), self.ops.len());
        let kind = self.deeper(Self::sum)?;
        self.must_be(column, kind, Kind::Number)?;
        self.close()?;
        let now = self.ops.split_off(first);
        self.before(column, now)?;
        Ok(Kind::Number)
    }

    fn name(&mut self, name: &str) -> Result<Kind, Wrong> {
        let field = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| Op::Bar(*field, When::Now));
        let value = self.parameters.get(name).map(|value| Op::Constant(*value));
        let Some(op) = field.or(value) else {
            let fields = FIELDS.iter().map(|(field, _)| *field);
            let known = fields.chain(self.parameters.keys().map(String::as_str));
            let known = known.chain(DEFINITIONS.iter().map(|definition| definition.name));
            return Err(Wrong::new(self.column(), format!("there is no `{name}`"), did_you_mean(name, known)));
        };
        self.next();
        self.ops.push(op);
        Ok(Kind::Number)
    }

    fn indicator(&mut self, name: &'a str) -> Result<Kind, Wrong> {
        let start = self.column();
        self.next();
        self.open(name)?;
        let (given, on) = self.arguments()?;
        let at = |column: usize| move |error: FeatureError| Wrong::new(column, error.what, error.hint);
        let spec = Spec::new(name, &given).map_err(at(start))?;
        let outputs = spec.definition().outputs;
        let output = if self.takes(Token::Symbol(".")) {
            let column = self.column();
            match self.next() {
                Token::Name(output) => spec.output(output).map_err(at(column))?,
                token => {
                    return Err(Wrong::new(column, format!("expected an output, found {token}"), outputs.join(", ")));
                }
            }
        } else if outputs[0] == "value" {
            0
        } else {
            let hint = format!("name one, as in {name}(…).{}: it has {}", outputs[0], outputs.join(", "));
            return Err(Wrong::new(start, format!("{name} has several outputs"), hint));
        };
        let wanted = Wanted { spec, on };
        let which = self.wanted.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.wanted.push(wanted);
            self.wanted.len() - 1
        });
        self.ops.push(Op::Indicator(which, output, When::Now));
        Ok(Kind::Number)
    }

    /// The arguments of an indicator up to its bracket, and the clock among them.
    #[allow(clippy::type_complexity)]
    fn arguments(&mut self) -> Result<(Vec<(Option<&'a str>, Given<'a>)>, Option<String>), Wrong> {
        let (mut given, mut on) = (Vec::new(), None);
        if self.takes(Token::Symbol(")")) {
            return Ok((given, on));
        }
        loop {
            let named = match (self.peek(), self.tokens.get(self.at + 1).map(|token| token.1)) {
                (Token::Name(name), Some(Token::Symbol("="))) => {
                    self.next();
                    self.next();
                    Some(name)
                }
                _ => None,
            };
            let column = self.column();
            let minus = self.takes(Token::Symbol("-"));
            let value = match self.next() {
                Token::Number(number) => Given::Number(if minus { -number } else { number }),
                Token::Name(name) if self.parameters.contains_key(name) => Given::Number(self.parameters[name]),
                Token::Name(word) | Token::Text(word) => Given::Word(word),
                token => {
                    let what = format!("expected a number, found {token}");
                    return Err(Wrong::new(column, what, "an indicator takes numbers and parameters"));
                }
            };
            match (named, value) {
                (Some("on"), Given::Word(clock)) => on = Some(clock.to_owned()),
                _ => given.push((named, value)),
            }
            if !self.takes(Token::Symbol(",")) {
                break;
            }
        }
        self.close()?;
        Ok((given, on))
    }
}
