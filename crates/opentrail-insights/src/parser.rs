//! From tokens to a query.
//!
//! ```text
//! query = command { "|" command }
//! or ▸ and ▸ not ▸ comparison (= like in …) ▸ sum ▸ product ▸ power ▸ unary ▸ primary
//! ```

use crate::aggregate::AggregateKind;
use crate::calendar::Period;
use crate::error::QueryFault;
use crate::expression::{AggregateCall, Expression, Operator};
use crate::functions::Function;
use crate::lexer::{Kind, Token, place};
use crate::parse_command::{Extraction, regular};
use crate::query::{Command, Item};
use crate::value::Value;

/// How deep expressions may be nested.
const MAX_DEPTH: usize = 64;
/// Most commands of a query.
const MAX_COMMANDS: usize = 100;
/// Most rows that a limit can ask for.
const MAX_LIMIT: usize = 100_000;

pub struct Parser<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    depth: usize,
    /// Those of the `stats` that is being read; `None` outside.
    aggregates: Option<Vec<AggregateCall>>,
    /// Whether a `stats` came before, whose columns can be named as they were written: `count(*)`.
    after_stats: bool,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        Self { text, tokens, at: 0, depth: 0, aggregates: None, after_stats: false }
    }

    pub fn commands(mut self) -> Result<Vec<Command>, QueryFault> {
        let mut commands = Vec::new();
        // A query may begin with a bar.
        self.eat("|");
        loop {
            commands.push(self.command()?);
            if self.at == self.tokens.len() {
                return Ok(commands);
            }
            self.expect("|")?;
            if commands.len() >= MAX_COMMANDS {
                return Err(self.fault("there are too many commands"));
            }
        }
    }

    fn fault(&self, message: impl Into<String>) -> QueryFault {
        match self.tokens.get(self.at) {
            Some(token) => place(self.text, token.start, token.end, message),
            None => place(self.text, self.text.len(), self.text.len(), message),
        }
    }

    /// What stands here, for messages.
    fn found(&self) -> &'t str {
        self.tokens.get(self.at).map_or("end of query", |token| &self.text[token.start..token.end])
    }

    fn peek(&self) -> Option<&'t Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let is_here = matches!(self.peek(), Some(Kind::Mark(here)) if *here == mark);
        self.at += usize::from(is_here);
        is_here
    }

    fn expect(&mut self, mark: &str) -> Result<(), QueryFault> {
        if self.eat(mark) {
            Ok(())
        } else {
            Err(self.fault(format!("unexpected symbol found {}, expected {mark}", self.found())))
        }
    }

    fn is_word(&self, offset: usize, word: &str) -> bool {
        let token = self.tokens.get(self.at + offset).map(|token| &token.kind);
        matches!(token, Some(Kind::Name(name, false)) if name.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_here = self.is_word(0, word);
        self.at += usize::from(is_here);
        is_here
    }

    fn command(&mut self) -> Result<Command, QueryFault> {
        let Some(Kind::Name(name, false)) = self.peek() else {
            return Err(self.fault(format!("unexpected symbol found {}, expected a command", self.found())));
        };
        let name = name.to_ascii_lowercase();
        self.at += 1;
        match name.as_str() {
            "fields" => self.items().map(Command::Fields),
            "display" => self.items().map(Command::Display),
            "filter" => self.expression().map(Command::Filter),
            "stats" => self.stats(),
            "sort" => self.sort(),
            "limit" | "head" => self.limit(),
            "dedup" => self.items().map(Command::Dedup),
            "parse" => self.parse(),
            "pattern" | "diff" | "anomaly" | "unmask" | "unnest" | "join" | "lookup" | "source" | "filterindex" | "tail" => {
                self.at -= 1;
                Err(self.fault(format!("the command {name} is not supported by OpenTrail")))
            }
            _ => {
                self.at -= 1;
                Err(self.fault(format!("unexpected symbol found {}, expected a command", self.found())))
            }
        }
    }

    fn items(&mut self) -> Result<Vec<Item>, QueryFault> {
        let mut items = vec![self.item()?];
        while self.eat(",") {
            items.push(self.item()?);
        }
        Ok(items)
    }

    /// An expression, perhaps `as` something.
    fn item(&mut self) -> Result<Item, QueryFault> {
        let first = self.at;
        let expression = self.expression()?;
        let span = self.tokens[first].start..self.tokens[self.at - 1].end;
        let text = match &expression {
            Expression::Field(name) => name.clone(),
            _ => self.text[span].to_owned(),
        };
        let name = if self.eat_word("as") { self.name()? } else { text.clone() };
        Ok(Item { expression, text, name })
    }

    fn name(&mut self) -> Result<String, QueryFault> {
        match self.peek() {
            Some(Kind::Name(name, _)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(self.fault(format!("unexpected symbol found {}, expected a name", self.found()))),
        }
    }

    fn stats(&mut self) -> Result<Command, QueryFault> {
        self.aggregates = Some(Vec::new());
        let items = self.items()?;
        let aggregates = self.aggregates.take().unwrap_or_default();
        if aggregates.is_empty() {
            return Err(self.fault("stats needs an aggregate function such as count(*)"));
        }
        let by = if self.eat_word("by") { self.items()? } else { Vec::new() };
        self.after_stats = true;
        Ok(Command::Stats { aggregates, items, by })
    }

    fn sort(&mut self) -> Result<Command, QueryFault> {
        let mut keys = Vec::new();
        // Older queries say `sort by`.
        if self.is_word(0, "by") {
            self.at += 1;
        }
        loop {
            let item = self.item()?;
            let descends = self.eat_word("desc");
            if !descends {
                self.eat_word("asc");
            }
            keys.push((item, descends));
            if !self.eat(",") {
                return Ok(Command::Sort(keys));
            }
        }
    }

    fn limit(&mut self) -> Result<Command, QueryFault> {
        match self.peek() {
            Some(Kind::Number(number)) if *number >= 1.0 && number.fract() == 0.0 && *number <= MAX_LIMIT as f64 => {
                self.at += 1;
                Ok(Command::Limit(*number as usize))
            }
            _ => Err(self.fault(format!("limit needs a number from 1 to {MAX_LIMIT}"))),
        }
    }

    fn parse(&mut self) -> Result<Command, QueryFault> {
        let from = match self.peek() {
            Some(Kind::Text(_) | Kind::Regex(_)) => Expression::Field("@message".into()),
            _ => self.expression()?,
        };
        let place = self.at;
        let extraction = match self.peek() {
            Some(Kind::Text(glob)) => {
                self.at += 1;
                if !self.eat_word("as") {
                    return Err(self.fault(format!("unexpected symbol found {}, expected as", self.found())));
                }
                let mut names = vec![self.name()?];
                while self.eat(",") {
                    names.push(self.name()?);
                }
                Extraction::glob(glob, names)
            }
            Some(Kind::Regex(pattern)) => {
                self.at += 1;
                Extraction::regular(pattern)
            }
            _ => {
                return Err(
                    self.fault(format!("unexpected symbol found {}, expected a text or a regular expression", self.found()))
                );
            }
        };
        let end = self.at;
        extraction.map(|extraction| Command::Parse { from, extraction }).map_err(|message| {
            self.at = place.min(end);
            self.fault(message)
        })
    }

    fn expression(&mut self) -> Result<Expression, QueryFault> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(format!("expressions are nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = self.disjunction();
        self.depth -= 1;
        parsed
    }

    fn disjunction(&mut self) -> Result<Expression, QueryFault> {
        let mut left = self.conjunction()?;
        while self.eat_word("or") {
            left = binary(Operator::Or, left, self.conjunction()?);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, QueryFault> {
        let mut left = self.negation()?;
        while self.eat_word("and") {
            left = binary(Operator::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, QueryFault> {
        let mut negations = 0;
        while self.eat_word("not") {
            negations += 1;
        }
        let inner = self.comparison()?;
        Ok(if negations % 2 == 1 { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expression, QueryFault> {
        let left = self.sum()?;
        let negative = self.is_word(0, "not") && (self.is_word(1, "like") || self.is_word(1, "in"));
        self.at += usize::from(negative);
        let compared = if self.eat_word("like") || self.eat("=~") {
            self.like(left)?
        } else if self.eat_word("in") {
            Expression::In(Box::new(left), self.list()?)
        } else {
            const OPERATORS: [(&str, Operator); 7] = [
                ("=", Operator::Equal),
                ("==", Operator::Equal),
                ("!=", Operator::NotEqual),
                ("<=", Operator::LessOrEqual),
                ("<", Operator::Less),
                (">=", Operator::GreaterOrEqual),
                (">", Operator::Greater),
            ];
            match OPERATORS.iter().find(|(mark, _)| matches!(self.peek(), Some(Kind::Mark(here)) if here == mark)) {
                Some((_, operator)) => {
                    self.at += 1;
                    binary(*operator, left, self.sum()?)
                }
                None => left,
            }
        };
        Ok(if negative { Expression::Not(Box::new(compared)) } else { compared })
    }

    fn like(&mut self, left: Expression) -> Result<Expression, QueryFault> {
        if let Some(Kind::Regex(pattern)) = self.peek() {
            let regex = regular(pattern).map_err(|message| self.fault(message))?;
            self.at += 1;
            return Ok(Expression::Matches(Box::new(left), regex));
        }
        Ok(Expression::Contains(Box::new(left), Box::new(self.sum()?)))
    }

    fn list(&mut self) -> Result<Vec<Expression>, QueryFault> {
        self.expect("[")?;
        let mut members = Vec::new();
        while !self.eat("]") {
            if !members.is_empty() {
                self.expect(",")?;
            }
            members.push(self.expression()?);
        }
        Ok(members)
    }

    fn sum(&mut self) -> Result<Expression, QueryFault> {
        let mut left = self.product()?;
        loop {
            let operator = if self.eat("+") {
                Operator::Add
            } else if self.eat("-") {
                Operator::Subtract
            } else {
                return Ok(left);
            };
            left = binary(operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Expression, QueryFault> {
        let mut left = self.power()?;
        loop {
            let operator = if self.eat("*") {
                Operator::Multiply
            } else if self.eat("/") {
                Operator::Divide
            } else if self.eat("%") {
                Operator::Remainder
            } else {
                return Ok(left);
            };
            left = binary(operator, left, self.power()?);
        }
    }

    fn power(&mut self) -> Result<Expression, QueryFault> {
        let base = self.unary()?;
        if !self.eat("^") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(format!("expressions are nested more than {MAX_DEPTH} deep")));
        }
        let exponent = self.power();
        self.depth -= 1;
        Ok(binary(Operator::Power, base, exponent?))
    }

    fn unary(&mut self) -> Result<Expression, QueryFault> {
        let mut negative = false;
        while self.eat("-") {
            negative = !negative;
        }
        let inner = self.primary()?;
        Ok(if negative { Expression::Negative(Box::new(inner)) } else { inner })
    }

    fn primary(&mut self) -> Result<Expression, QueryFault> {
        let unexpected = |parser: &Self| parser.fault(format!("unexpected symbol found {}, expected a value", parser.found()));
        let Some(kind) = self.peek() else { return Err(unexpected(self)) };
        match kind {
            Kind::Mark("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Mark(_) | Kind::Regex(_) => Err(unexpected(self)),
            Kind::Text(text) => self.one(Expression::Literal(Value::Text(text.clone()))),
            Kind::Number(number) => self.one(Expression::Literal(Value::Number(*number))),
            Kind::Period(count, unit) => {
                let period = Period::of(*count, unit).ok_or_else(|| self.fault(format!("{count}{unit} is not a period")))?;
                self.one(Expression::Period(period))
            }
            Kind::Name(name, false) if matches!(self.tokens.get(self.at + 1).map(|t| &t.kind), Some(Kind::Mark("("))) => {
                self.call(name)
            }
            Kind::Name(name, false) if name == "true" || name == "false" => {
                self.one(Expression::Literal(Value::Bool(name == "true")))
            }
            Kind::Name(name, _) => self.one(Expression::Field(name.clone())),
        }
    }

    fn one(&mut self, expression: Expression) -> Result<Expression, QueryFault> {
        self.at += 1;
        Ok(expression)
    }

    fn call(&mut self, name: &str) -> Result<Expression, QueryFault> {
        let lower = name.to_ascii_lowercase();
        if let Some(kind) = AggregateKind::named(&lower)
            && self.aggregates.is_some()
        {
            return self.aggregate(kind);
        }
        if AggregateKind::named(&lower).is_some() && self.after_stats {
            return self.written_column();
        }
        let Some(function) = Function::named(&lower) else {
            let message = match AggregateKind::named(&lower) {
                Some(_) => format!("the function {name} belongs into stats"),
                None => format!("unknown function {name}"),
            };
            return Err(self.fault(message));
        };
        let start = self.at;
        self.at += 2;
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        if !function.takes(arguments.len()) {
            self.at = start;
            return Err(self.fault(format!("the function {name} does not take {} arguments", arguments.len())));
        }
        Ok(Expression::Call(function, arguments))
    }

    /// A column by the call that made it.
    fn written_column(&mut self) -> Result<Expression, QueryFault> {
        let first = self.at;
        let mut open = 0;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token.kind {
                Kind::Mark("(") => open += 1,
                Kind::Mark(")") if open == 1 => {
                    return Ok(Expression::Field(self.text[self.tokens[first].start..token.end].to_owned()));
                }
                Kind::Mark(")") => open -= 1,
                _ => {}
            }
        }
        Err(self.fault(format!("unexpected symbol found {}, expected )", self.found())))
    }

    fn aggregate(&mut self, kind: AggregateKind) -> Result<Expression, QueryFault> {
        // What stands inside is of each event, not of the group.
        let outer = self.aggregates.take();
        self.at += 2;
        let of = if kind == AggregateKind::Count && (self.eat("*") || matches!(self.peek(), Some(Kind::Mark(")")))) {
            None
        } else {
            Some(self.expression()?)
        };
        let kind = match kind {
            AggregateKind::Percentile(_) => {
                self.expect(",")?;
                match self.peek() {
                    Some(Kind::Number(percent)) if (0.0..=100.0).contains(percent) => {
                        self.at += 1;
                        AggregateKind::Percentile(*percent)
                    }
                    _ => return Err(self.fault("a percentile is a number from 0 to 100")),
                }
            }
            other => other,
        };
        self.expect(")")?;
        let mut aggregates = outer.unwrap_or_default();
        aggregates.push(AggregateCall { kind, of });
        let place = aggregates.len() - 1;
        self.aggregates = Some(aggregates);
        Ok(Expression::Aggregate(place))
    }
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}
