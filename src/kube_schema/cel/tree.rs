//! An expression, ready to be evaluated: macros are expanded, names resolved, and every function is known.

use super::functions::Function;
use super::value::Val;

/// A node of an expression.
#[derive(Clone, Debug)]
pub enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Type(&'static str),
    /// A variable, by its place: `self` is the first, `oldSelf` the second.
    Variable(usize),
    /// `base.name`, `base[index]` and what follows it.
    Chain(Box<Tree>, Vec<Step>),
    /// `has(base.name)`.
    Has(Box<Tree>, Vec<Step>),
    /// Elements, and whether each is optional.
    List(Vec<(Tree, bool)>),
    Map(Vec<(Tree, Tree, bool)>),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    If(Box<Tree>, Box<Tree>, Box<Tree>),
    /// `or` and `orValue` of optionals; the flag tells the second.
    Else(Box<Tree>, Box<Tree>, bool),
    Call(Function, Vec<Tree>),
    Fold(Box<Fold>),
    /// `optMap` and `optFlatMap`; the flag tells the second.
    Within(Box<Tree>, Box<Tree>, bool),
}

/// A step along a chain.
#[derive(Clone, Debug)]
pub struct Step {
    pub key: Tree,
    pub optional: bool,
}

/// A macro over a list or a map, with one or two variables that follow those around it.
#[derive(Clone, Debug)]
pub struct Fold {
    pub what: What,
    pub range: Tree,
    /// An index or key and a value, not one value or key.
    pub two: bool,
    pub filter: Option<Tree>,
    pub body: Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    SortBy,
    TransformMap,
    TransformMapEntry,
}

impl Tree {
    /// Adds a step to a chain. Of a choice both sides get it, as they do in the server.
    pub fn step(self, step: Step) -> Self {
        match self {
            Self::Chain(base, mut steps) => {
                steps.push(step);
                Self::Chain(base, steps)
            }
            Self::If(test, yes, no) => Self::If(test, yes.step(step.clone()).into(), no.step(step).into()),
            base => Self::Chain(base.into(), vec![step]),
        }
    }

    /// A literal's value.
    pub fn literal(&self) -> Option<Val<'_>> {
        Some(match self {
            Self::Null => Val::Null,
            Self::Bool(flag) => Val::Bool(*flag),
            Self::Int(number) => Val::Int(*number),
            Self::Uint(number) => Val::Uint(*number),
            Self::Double(number) => Val::Double(*number),
            Self::Text(text) => Val::text(text.as_str()),
            Self::Bytes(bytes) => Val::Bytes(bytes.as_slice().into()),
            Self::Type(name) => Val::Type(name),
            _ => return None,
        })
    }
}
