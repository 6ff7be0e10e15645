//! An expression, ready to be checked and evaluated: macros are expanded, names resolved, and every function is known.

use super::functions::CelFunction;
use super::names::unescape;
use super::value::CelValue;

/// A node of an expression.
#[derive(Clone, Debug)]
pub enum Expression {
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
    Chain(Box<Expression>, Vec<MemberAccess>),
    /// `has(base.name)`.
    Has(Box<Expression>, Vec<MemberAccess>),
    /// Elements, and whether each is optional.
    List(Vec<(Expression, bool)>),
    Map(Vec<(Expression, Expression, bool)>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    If(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `or` and `orValue` of optionals; the flag tells the second.
    Else(Box<Expression>, Box<Expression>, bool),
    Call(&'static CelFunction, Vec<Expression>),
    /// `value in []`, which is false without a look at the value.
    InNothing(Box<Expression>),
    Fold(Box<Fold>),
    /// `optMap` and `optFlatMap`; the flag tells the second.
    Within(Box<Expression>, Box<Expression>, bool),
}

/// An access to what is within a value.
#[derive(Clone, Debug)]
pub struct MemberAccess {
    pub key: Expression,
    /// `.name`, not `[key]`.
    pub field: bool,
    pub optional: bool,
}

/// A macro over a list or a map, with one or two variables that follow those around it.
#[derive(Clone, Debug)]
pub struct Fold {
    pub kind: FoldKind,
    pub range: Expression,
    /// An index or key and a value, not one value or key.
    pub two: bool,
    pub filter: Option<Expression>,
    pub body: Expression,
}

/// What a macro makes of a list or a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    SortBy,
    TransformMap,
    TransformMapEntry,
}

/// A macro over a list or a map.
#[derive(Debug)]
pub struct FoldMacro {
    pub name: &'static str,
    /// Numbers of arguments that it takes.
    pub counts: std::ops::RangeInclusive<usize>,
    /// Variables among the arguments.
    pub variables: usize,
    pub kind: FoldKind,
}

const fn fold(name: &'static str, least: usize, most: usize, variables: usize, kind: FoldKind) -> FoldMacro {
    FoldMacro { name, counts: least..=most, variables, kind }
}

/// All macros over lists and maps.
pub const FOLDS: [FoldMacro; 13] = [
    fold("all", 2, 2, 1, FoldKind::All),
    fold("all", 3, 3, 2, FoldKind::All),
    fold("exists", 2, 2, 1, FoldKind::Exists),
    fold("exists", 3, 3, 2, FoldKind::Exists),
    fold("exists_one", 2, 2, 1, FoldKind::ExistsOne),
    fold("exists_one", 3, 3, 2, FoldKind::ExistsOne),
    fold("existsOne", 3, 3, 2, FoldKind::ExistsOne),
    fold("map", 2, 3, 1, FoldKind::Map),
    fold("filter", 2, 2, 1, FoldKind::Filter),
    fold("sortBy", 2, 2, 1, FoldKind::SortBy),
    fold("transformList", 3, 4, 2, FoldKind::Map),
    fold("transformMap", 3, 4, 2, FoldKind::TransformMap),
    fold("transformMapEntry", 3, 4, 2, FoldKind::TransformMapEntry),
];

/// The other macros.
pub const OTHER_MACROS: [&str; 3] = ["has", "optMap", "optFlatMap"];

impl Expression {
    /// Adds an access to a chain.
    pub fn access(self, access: MemberAccess) -> Self {
        match self {
            Self::Chain(base, mut accesses) => {
                accesses.push(access);
                Self::Chain(base, accesses)
            }
            base => Self::Chain(base.into(), vec![access]),
        }
    }

    /// A literal's value.
    pub fn literal(&self) -> Option<CelValue<'_>> {
        Some(match self {
            Self::Null => CelValue::Null,
            Self::Bool(flag) => CelValue::Bool(*flag),
            Self::Int(number) => CelValue::Int(*number),
            Self::Uint(number) => CelValue::Uint(*number),
            Self::Double(number) => CelValue::Double(*number),
            Self::Text(text) => CelValue::text(text.as_str()),
            Self::Bytes(bytes) => CelValue::Bytes(bytes.as_slice().into()),
            Self::Type(name) => CelValue::Type(name),
            Self::InNothing(_) => CelValue::Bool(false),
            _ => return None,
        })
    }

    /// The trees right below.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Chain(base, accesses) | Self::Has(base, accesses) => {
                let keys = accesses.iter().map(|access| &access.key);
                std::iter::once(&**base).chain(keys).collect()
            }
            Self::List(items) => items.iter().map(|(item, _)| item).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value, _)| [key, value]).collect(),
            Self::Not(inner) | Self::InNothing(inner) => vec![inner],
            Self::And(one, other) | Self::Or(one, other) | Self::Else(one, other, _) | Self::Within(one, other, _) => {
                vec![one, other]
            }
            Self::If(test, yes, no) => vec![test, yes, no],
            Self::Call(_, args) => args.iter().collect(),
            Self::Fold(fold) => {
                [Some(&fold.range), fold.filter.as_ref(), Some(&fold.body)].into_iter().flatten().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Paths of fields below `self` and `oldSelf` that the expression reads, by the names that rules use.
    pub fn paths(&self, found: &mut Vec<Vec<String>>) {
        if let Self::Variable(0 | 1) = self {
            return found.push(Vec::new());
        }
        let mut children = self.children().into_iter();
        if let Self::Chain(base, accesses) | Self::Has(base, accesses) = self
            && let Self::Variable(0 | 1) = **base
        {
            let names = accesses.iter().map_while(|access| match &access.key {
                Self::Text(name) if access.field && !access.optional => Some(name.clone()),
                _ => None,
            });
            found.push(names.collect());
            children.next();
        }
        children.for_each(|child| child.paths(found));
    }

    /// Names of the fields that the expression selects, of whatever; `['name']` counts as well.
    pub fn field_names(&self, found: &mut Vec<String>) {
        if let Self::Chain(_, accesses) | Self::Has(_, accesses) = self {
            found.extend(accesses.iter().filter_map(|access| match &access.key {
                Self::Text(name) => unescape(name).map(std::borrow::Cow::into_owned),
                _ => None,
            }));
        }
        self.children().into_iter().for_each(|child| child.field_names(found));
    }
}
