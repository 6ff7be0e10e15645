//! One walk over a rule: type, size and cost of every part, from the inside out.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr};

use super::cost::{Entry, Size};
use super::decl::{Decl, DeclShape};
use crate::registry::problem::suggest;

/// A type. An object's is the place of the schema that declares it.
#[derive(Clone, Debug)]
pub(super) enum Type<'d> {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Box<Type<'d>>),
    Map(Box<Type<'d>>, Box<Type<'d>>),
    Object(&'d Decl),
    /// Of the items of an empty list: whatever is wanted.
    Open,
}

/// Why there is no verdict, or a bad one.
#[derive(Debug)]
pub(super) enum Fault {
    Wrong { message: String, help: Option<String> },
    Unknown(String),
}

impl Fault {
    pub fn wrong(message: String) -> Self {
        Self::Wrong { message, help: None }
    }
}

/// What is known of a part of a rule.
#[derive(Clone, Debug)]
pub(super) struct Part<'d> {
    pub kind: Type<'d>,
    pub cost: u64,
    /// How often it is looked up in the schema: the way to it, the variable first; empty where there is none.
    pub path: Vec<String>,
    pub size: Option<Size>,
    pub entry: Option<Entry>,
}

impl Part<'_> {
    pub fn size_or_unknown(&self) -> Size {
        self.size.unwrap_or(Size::UNKNOWN)
    }
}

/// A variable of a macro.
struct Local<'d> {
    name: String,
    kind: Type<'d>,
    path: Vec<String>,
    size: Option<Size>,
    entry: Option<Entry>,
}

/// A whole rule.
pub(super) struct Found {
    pub cost: u64,
    pub old_self: bool,
}

pub(super) struct Checker<'d> {
    pub(super) root: &'d Decl,
    locals: Vec<Local<'d>>,
    old_self: bool,
}

/// Words for types and namespaces of functions: CEL knows them, the estimate does not.
const NAMES: &str = " bool int uint double string bytes list map null_type type duration timestamp google \
    sets lists strings ip cidr format optional jsonpatch math cel semver authorizer ";

impl<'d> Checker<'d> {
    pub fn new(root: &'d Decl) -> Self {
        Self { root, locals: Vec::new(), old_self: false }
    }

    pub fn rule(mut self, expression: &IdedExpr) -> Result<Found, Fault> {
        let whole = self.part(expression)?;
        if !matches!(whole.kind, Type::Bool) {
            let message = format!("a rule is true or false, this one is {}", whole.kind.told());
            return Err(Fault::wrong(message));
        }
        Ok(Found { cost: whole.cost, old_self: self.old_self })
    }

    pub(super) fn part(&mut self, expression: &IdedExpr) -> Result<Part<'d>, Fault> {
        match &expression.expr {
            Expr::Literal(literal) => literal_part(literal),
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let parts = list.elements.iter().map(|item| self.part(item)).collect::<Result<Vec<_>, _>>()?;
                list_part(&parts)
            }
            Expr::Map(map) => {
                let mut keys = Vec::new();
                let mut values = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Err(unknown("a message")) };
                    keys.push(self.part(&entry.key)?);
                    values.push(self.part(&entry.value)?);
                }
                map_part(&keys, &values)
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => Err(unknown("a message")),
            Expr::Unspecified => Err(unknown("an expression that is none")),
        }
    }

    /// A size is looked up in the schema first, then it is that of the type.
    pub(super) fn looked_up(&self, path: &[String], kind: &Type<'_>) -> Option<Size> {
        let most = if path.is_empty() { None } else { self.root.most_at(path) };
        most.map(|max| Size { min: 0, max }).or_else(|| kind.is_scalar().then_some(Size::fixed(1)))
    }

    fn ident(&mut self, name: &str) -> Result<Part<'d>, Fault> {
        if let Some(local) = self.locals.iter().rev().find(|local| local.name == name) {
            let size = self.looked_up(&local.path, &local.kind).or(local.size);
            return Ok(Part { kind: local.kind.clone(), cost: 1, path: local.path.clone(), size, entry: local.entry });
        }
        if name != "self" && name != "oldSelf" {
            if NAMES.contains(&format!(" {name} ")) {
                return Err(unknown(&format!("`{name}` as a value")));
            }
            let known = self.locals.iter().map(|local| local.name.as_str()).chain(["self", "oldSelf"]);
            let help = suggest(name, known).or_else(|| Some("fields are reached by `self`".to_owned()));
            return Err(Fault::Wrong { message: format!("there is nothing of the name `{name}` here"), help });
        }
        self.old_self |= name == "oldSelf";
        let (kind, path) = (Type::of(self.root), vec![name.to_owned()]);
        let size = self.looked_up(&path, &kind);
        Ok(Part { kind, cost: 1, path, size, entry: None })
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Part<'d>, Fault> {
        let operand = self.part(&select.operand)?;
        let kind = operand.kind.field(&select.field)?;
        if select.test {
            let size = Some(Size::fixed(1));
            return Ok(Part { kind: Type::Bool, cost: operand.cost, path: Vec::new(), size, entry: None });
        }
        let mut path = operand.path;
        path.push(select.field.clone());
        let size = self.looked_up(&path, &kind);
        Ok(Part { kind, cost: operand.cost.saturating_add(1), path, size, entry: None })
    }

    fn comprehension(&mut self, all: &ComprehensionExpr) -> Result<Part<'d>, Fault> {
        if all.iter_var2.is_some() {
            return Err(unknown("a macro of two variables"));
        }
        let range = self.part(&all.iter_range)?;
        let init = self.part(&all.accu_init)?;
        let (item, of_list) = match &range.kind {
            Type::List(item) => ((**item).clone(), true),
            Type::Map(key, _) => ((**key).clone(), false),
            other => {
                return Err(Fault::wrong(format!("a macro goes over a list or a map, this is {}", other.told())));
            }
        };
        let is_list = range.entry.map_or(of_list, |entry| entry.list);
        let mut path = range.path.clone();
        path.push(if is_list { "@items" } else { "@keys" }.to_owned());
        let size = range.entry.map(|entry| if is_list { entry.value } else { entry.key });
        self.locals.push(Local {
            name: all.accu_var.clone(),
            kind: init.kind.clone(),
            path: init.path.clone(),
            size: init.size,
            entry: init.entry,
        });
        self.locals.push(Local { name: all.iter_var.clone(), kind: item, path, size, entry: None });
        let condition = self.part(&all.loop_cond)?;
        let step = self.part(&all.loop_step)?;
        self.locals.pop();
        if let Some(accu) = self.locals.last_mut() {
            accu.kind = accu.kind.join(&step.kind).ok_or_else(|| mismatch(&accu.kind, &step.kind))?;
        }
        let result = self.part(&all.result)?;
        self.locals.pop();
        let rounds = range.size_or_unknown();
        let round = step.cost.saturating_add(condition.cost);
        let cost = [range.cost, init.cost, result.cost, rounds.max.saturating_mul(round)];
        let (size, entry) = match all.accu_init.expr {
            Expr::Literal(_) => (init.size, None),
            _ => (Some(rounds), step.entry),
        };
        Ok(Part { kind: result.kind, cost: sum(cost), path: Vec::new(), size, entry })
    }

    /// A variable that a macro gives, or `self`.
    pub(super) fn is_variable(&self, name: &str) -> bool {
        name == "self" || name == "oldSelf" || self.locals.iter().any(|local| local.name == name)
    }
}

pub(super) fn is_namespace(name: &str) -> bool {
    NAMES.contains(&format!(" {name} "))
}

pub(super) fn sum(costs: impl IntoIterator<Item = u64>) -> u64 {
    costs.into_iter().fold(0, u64::saturating_add)
}

pub(super) fn unknown(what: &str) -> Fault {
    Fault::Unknown(what.to_owned())
}

pub(super) fn mismatch(one: &Type<'_>, other: &Type<'_>) -> Fault {
    Fault::wrong(format!("{} and {} do not go together", one.told(), other.told()))
}

fn literal_part<'d>(literal: &LiteralValue) -> Result<Part<'d>, Fault> {
    let (kind, size) = match literal {
        LiteralValue::Boolean(_) => (Type::Bool, 1),
        LiteralValue::Int(_) => (Type::Int, 1),
        LiteralValue::UInt(_) => (Type::Uint, 1),
        LiteralValue::Double(_) => (Type::Double, 1),
        LiteralValue::String(text) => (Type::String, text.inner().chars().count()),
        LiteralValue::Bytes(bytes) => (Type::Bytes, bytes.inner().len()),
        LiteralValue::Null => return Err(unknown("`null`")),
    };
    Ok(Part { kind, cost: 0, path: Vec::new(), size: Some(Size::fixed(size as u64)), entry: None })
}

/// Sizes of several parts, as those of a list's items.
fn sizes(parts: &[Part<'_>]) -> Size {
    let sizes = parts.iter().map(Part::size_or_unknown);
    sizes.reduce(Size::union).unwrap_or(Size::fixed(0))
}

fn common<'d>(parts: &[Part<'d>]) -> Result<Type<'d>, Fault> {
    parts.iter().try_fold(Type::Open, |kind, part| kind.join(&part.kind).ok_or_else(|| mismatch(&kind, &part.kind)))
}

fn list_part<'d>(items: &[Part<'d>]) -> Result<Part<'d>, Fault> {
    let entry = Entry { list: true, key: Size::fixed(1), value: sizes(items) };
    Ok(Part {
        kind: Type::List(Box::new(common(items)?)),
        cost: sum(items.iter().map(|item| item.cost).chain([10])),
        path: Vec::new(),
        size: Some(Size::fixed(items.len() as u64)),
        entry: Some(entry),
    })
}

fn map_part<'d>(keys: &[Part<'d>], values: &[Part<'d>]) -> Result<Part<'d>, Fault> {
    let entry = Entry { list: false, key: sizes(keys), value: sizes(values) };
    Ok(Part {
        kind: Type::Map(Box::new(common(keys)?), Box::new(common(values)?)),
        cost: sum(keys.iter().chain(values).map(|part| part.cost).chain([30])),
        path: Vec::new(),
        size: Some(Size::fixed(keys.len() as u64)),
        entry: Some(entry),
    })
}

impl<'d> Type<'d> {
    pub fn of(decl: &'d Decl) -> Self {
        match &decl.shape {
            DeclShape::Bool => Self::Bool,
            DeclShape::Int => Self::Int,
            DeclShape::Double => Self::Double,
            DeclShape::String => Self::String,
            DeclShape::Bytes => Self::Bytes,
            DeclShape::Duration => Self::Duration,
            DeclShape::Timestamp => Self::Timestamp,
            DeclShape::List(items) => Self::List(Box::new(Self::of(items))),
            DeclShape::Map(values) => Self::Map(Box::new(Self::String), Box::new(Self::of(values))),
            DeclShape::Object(_) => Self::Object(decl),
        }
    }

    /// The type that both are of, where there is one.
    pub fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Open, kind) | (kind, Self::Open) => Some(kind.clone()),
            (Self::List(one), Self::List(other)) => Some(Self::List(Box::new(one.join(other)?))),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                Some(Self::Map(Box::new(key.join(other_key)?), Box::new(value.join(other_value)?)))
            }
            (Self::Object(one), Self::Object(other)) => std::ptr::eq(*one, *other).then(|| self.clone()),
            _ => {
                let same = std::mem::discriminant(self) == std::mem::discriminant(other);
                same.then(|| self.clone())
            }
        }
    }

    pub fn is(&self, other: &Self) -> bool {
        self.join(other).is_some()
    }

    /// Of one size, whatever its value.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Bool | Self::Int | Self::Uint | Self::Double | Self::Duration | Self::Timestamp)
    }

    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    fn field(&self, name: &str) -> Result<Self, Fault> {
        match self {
            Self::Object(decl) => {
                let DeclShape::Object(fields) = &decl.shape else { return Err(unknown("an object of no schema")) };
                fields.get(name).map(Self::of).ok_or_else(|| {
                    let help = suggest(name, fields.keys().map(String::as_str));
                    Fault::Wrong { message: format!("there is no field `{name}`"), help }
                })
            }
            Self::Map(_, value) => Ok((**value).clone()),
            other => Err(Fault::wrong(format!("{} has no field `{name}`", other.told()))),
        }
    }

    /// For messages.
    pub fn told(&self) -> String {
        match self {
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Uint => "an unsigned integer",
            Self::Double => "a number",
            Self::String => "a string",
            Self::Bytes => "bytes",
            Self::Duration => "a duration",
            Self::Timestamp => "a time stamp",
            Self::List(item) => return format!("a list of {}", item.many()),
            Self::Map(_, value) => return format!("a map of {}", value.many()),
            Self::Object(_) => "an object",
            Self::Open => "nothing yet",
        }
        .to_owned()
    }

    fn many(&self) -> &'static str {
        match self {
            Self::Bool => "booleans",
            Self::Int | Self::Uint => "integers",
            Self::Double => "numbers",
            Self::String => "strings",
            Self::Bytes => "bytes",
            Self::Duration => "durations",
            Self::Timestamp => "time stamps",
            Self::List(_) => "lists",
            Self::Map(..) => "maps",
            Self::Object(_) => "objects",
            Self::Open => "nothing",
        }
    }
}

/// Collects the ways of fields below `self`.
pub(super) fn paths(expression: &IdedExpr, found: &mut Vec<Vec<String>>) {
    match &expression.expr {
        Expr::Select(select) => match way(expression) {
            Some(way) => found.push(way),
            None => paths(&select.operand, found),
        },
        Expr::Ident(name) if name == "self" || name == "oldSelf" => found.push(Vec::new()),
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).for_each(|e| paths(e, found)),
        Expr::List(list) => list.elements.iter().for_each(|e| paths(e, found)),
        Expr::Comprehension(all) => {
            for part in [&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result] {
                paths(part, found);
            }
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    paths(&entry.key, found);
                    paths(&entry.value, found);
                }
            }
        }
        _ => {}
    }
}

fn way(expression: &IdedExpr) -> Option<Vec<String>> {
    match &expression.expr {
        Expr::Ident(name) if name == "self" || name == "oldSelf" => Some(Vec::new()),
        Expr::Select(select) => {
            let mut way = way(&select.operand)?;
            way.push(select.field.clone());
            Some(way)
        }
        _ => None,
    }
}
