//! Types of CEL expressions, and which of them pass for which (`checker/types.go` of cel-go).

use super::schema::{DeclaredType, RuleSchema};

/// The static type of a CEL expression.
#[derive(Clone, Debug)]
pub enum CelType<'s> {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    /// The type of types.
    Type,
    /// Whatever it is when the rule is evaluated.
    Dyn,
    List(Box<CelType<'s>>),
    Map(Box<CelType<'s>>, Box<CelType<'s>>),
    Optional(Box<CelType<'s>>),
    /// A type of Kubernetes' libraries.
    Library(LibraryType),
    /// An object, by the schema that declares it.
    Object(&'s dyn RuleSchema),
    /// A type parameter.
    Param(usize),
}

/// A type that Kubernetes' CEL libraries add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryType {
    Quantity,
    Ip,
    Cidr,
    Url,
    Semver,
    Format,
}

impl<'s> CelType<'s> {
    /// The type of a schema's values; none where rules do not see them.
    pub fn of(node: &'s dyn RuleSchema) -> Option<Self> {
        Some(match node.declared_type() {
            DeclaredType::Boolean => Self::Bool,
            DeclaredType::Integer => Self::Int,
            DeclaredType::Number => Self::Double,
            DeclaredType::Text => Self::String,
            DeclaredType::Bytes => Self::Bytes,
            DeclaredType::Duration => Self::Duration,
            DeclaredType::Date | DeclaredType::DateTime => Self::Timestamp,
            DeclaredType::IntOrString => Self::Dyn,
            DeclaredType::List => Self::list(Self::of(node.item()?)?),
            DeclaredType::Map => Self::map(Self::String, Self::of(node.additional()?)?),
            DeclaredType::Object | DeclaredType::Empty => Self::Object(node),
            DeclaredType::Preserved | DeclaredType::Unknown => return None,
        })
    }

    pub fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    pub fn optional(value: Self) -> Self {
        Self::Optional(Box::new(value))
    }

    /// Whether both are one type, parameters included.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(one), Self::List(other)) | (Self::Optional(one), Self::Optional(other)) => one.is(other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => key.is(other_key) && value.is(other_value),
            (Self::Object(one), Self::Object(other)) => std::ptr::addr_eq(*one, *other),
            (Self::Library(one), Self::Library(other)) => one == other,
            (Self::Param(one), Self::Param(other)) => one == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether all values have one size.
    pub fn is_scalar(&self) -> bool {
        match self {
            Self::Optional(value) => value.is_scalar(),
            _ => matches!(self, Self::Bool | Self::Int | Self::Uint | Self::Double | Self::Duration | Self::Timestamp),
        }
    }

    fn takes_null(&self) -> bool {
        matches!(
            self,
            Self::Null | Self::Optional(_) | Self::Library(_) | Self::Object(_) | Self::Duration | Self::Timestamp
        )
    }

    /// Types within.
    fn inner(&self) -> Vec<&Self> {
        match self {
            Self::List(inner) | Self::Optional(inner) => vec![inner],
            Self::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    fn with_inner(&self, replace: &mut dyn FnMut(&Self) -> Self) -> Self {
        match self {
            Self::List(item) => Self::list(replace(item)),
            Self::Optional(value) => Self::optional(replace(value)),
            Self::Map(key, value) => Self::map(replace(key), replace(value)),
            other => other.clone(),
        }
    }

    /// Whether it says no more than the other type, which it is known to go together with.
    fn is_equal_or_wider(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn | Self::Param(_), _) => true,
            (_, Self::Dyn | Self::Param(_)) => false,
            (Self::List(one), Self::List(other)) | (Self::Optional(one), Self::Optional(other)) => {
                one.is_equal_or_wider(other)
            }
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.is_equal_or_wider(other_key) && value.is_equal_or_wider(other_value)
            }
            _ => self.is(other),
        }
    }

    /// The type with its article, for messages.
    pub fn told(&self) -> String {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Uint => "an unsigned integer",
            Self::Double => "a number",
            Self::String => "a string",
            Self::Bytes => "bytes",
            Self::Duration => "a duration",
            Self::Timestamp => "a time stamp",
            Self::Type => "a type",
            Self::Dyn => "a value of any type",
            Self::List(item) => return format!("a list of {}", item.many()),
            Self::Map(_, value) => return format!("a map of {}", value.many()),
            Self::Optional(value) => return format!("an optional of {}", value.many()),
            Self::Library(library) => library.told(),
            Self::Object(_) => "an object",
            Self::Param(_) => "nothing yet",
        }
        .to_owned()
    }

    fn many(&self) -> &'static str {
        match self {
            Self::Null => "nulls",
            Self::Bool => "booleans",
            Self::Int | Self::Uint => "integers",
            Self::Double => "numbers",
            Self::String => "strings",
            Self::Bytes => "bytes",
            Self::Duration => "durations",
            Self::Timestamp => "time stamps",
            Self::Type => "types",
            Self::Dyn => "values of any type",
            Self::List(_) => "lists",
            Self::Map(..) => "maps",
            Self::Optional(_) => "optionals",
            Self::Library(_) | Self::Object(_) => "objects",
            Self::Param(_) => "nothing",
        }
    }
}

impl LibraryType {
    fn told(self) -> &'static str {
        match self {
            Self::Quantity => "a quantity",
            Self::Ip => "an IP address",
            Self::Cidr => "a CIDR",
            Self::Url => "a URL",
            Self::Semver => "a semantic version",
            Self::Format => "a format",
        }
    }
}

/// What type parameters stand for, as far as an expression has told.
#[derive(Clone, Debug, Default)]
pub struct Substitutions<'s> {
    bound: Vec<Option<CelType<'s>>>,
}

impl<'s> Substitutions<'s> {
    /// A type parameter that stands for nothing yet.
    pub fn fresh(&mut self) -> CelType<'s> {
        self.bound.push(None);
        CelType::Param(self.bound.len() - 1)
    }

    /// Types of a signature, its parameters replaced by fresh ones.
    pub fn instantiate(&mut self, types: &[&CelType<'static>]) -> Vec<CelType<'s>> {
        fn highest(of: &CelType<'_>) -> usize {
            match of {
                CelType::Param(index) => index + 1,
                other => other.inner().into_iter().map(highest).max().unwrap_or(0),
            }
        }
        fn moved<'s>(of: &CelType<'s>, by: usize) -> CelType<'s> {
            match of {
                CelType::Param(index) => CelType::Param(index + by),
                other => other.with_inner(&mut |inner| moved(inner, by)),
            }
        }
        let before = self.bound.len();
        let count = types.iter().map(|one| highest(one)).max().unwrap_or(0);
        self.bound.resize(before + count, None);
        types.iter().map(|one| moved(one, before)).collect()
    }

    /// The type, its parameters replaced by what they stand for.
    pub fn substitute(&self, of: &CelType<'s>) -> CelType<'s> {
        match of {
            CelType::Param(index) => match self.bound.get(*index) {
                Some(Some(bound)) => self.substitute(bound),
                _ => of.clone(),
            },
            other => other.with_inner(&mut |inner| self.substitute(inner)),
        }
    }

    /// As [`Substitutions::substitute`]; parameters that stand for nothing can be anything.
    pub fn settled(&self, of: &CelType<'s>) -> CelType<'s> {
        match self.substitute(of) {
            CelType::Param(_) => CelType::Dyn,
            other => other.with_inner(&mut |inner| self.settled(inner)),
        }
    }

    /// Whether values of one type pass for values of the other; if so, parameters stand for what makes it so.
    pub fn assign(&mut self, from: &CelType<'s>, to: &CelType<'s>) -> bool {
        self.assign_all([(from, to)])
    }

    /// As [`Substitutions::assign`], of several pairs at once.
    pub fn assign_all<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t CelType<'s>, &'t CelType<'s>)>) -> bool
    where
        's: 't,
    {
        let mut tried = self.clone();
        let fits = pairs.into_iter().all(|(from, to)| tried.fits(from, to));
        if fits {
            *self = tried;
        }
        fits
    }

    /// The wider of two types that go together; `None` where they do not.
    pub fn join(&mut self, one: &CelType<'s>, other: &CelType<'s>) -> Option<CelType<'s>> {
        self.assign(one, other).then(|| wider(one, other))
    }

    fn fits(&mut self, one: &CelType<'s>, other: &CelType<'s>) -> bool {
        if let CelType::Param(index) = other {
            match self.bind(one, *index) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        match (one, other) {
            (CelType::Param(index), _) => self.bind(other, *index).0,
            (CelType::Dyn, _) | (_, CelType::Dyn) => true,
            (CelType::Null, nullable) | (nullable, CelType::Null) => nullable.takes_null(),
            (CelType::List(one), CelType::List(other)) | (CelType::Optional(one), CelType::Optional(other)) => {
                self.fits(one, other)
            }
            (CelType::Map(key, value), CelType::Map(other_key, other_value)) => {
                self.fits(key, other_key) && self.fits(value, other_value)
            }
            _ => one.is(other),
        }
    }

    /// Whether a parameter can stand for a type, and whether it stood for something before.
    fn bind(&mut self, to: &CelType<'s>, index: usize) -> (bool, bool) {
        if matches!(to, CelType::Param(other) if *other == index) {
            return (true, true);
        }
        let Some(bound) = self.bound.get(index).cloned().flatten() else {
            let free = !self.occurs(index, to);
            if free && let Some(place) = self.bound.get_mut(index) {
                *place = Some(to.clone());
            }
            return (free, false);
        };
        if to.is(&bound) {
            return (true, true);
        }
        if !self.fits(to, &bound) {
            return (false, true);
        }
        let wider = wider(to, &bound);
        if !self.occurs(index, &wider)
            && let Some(place) = self.bound.get_mut(index)
        {
            *place = Some(wider);
        }
        (true, true)
    }

    /// Whether a parameter occurs within a type, through what other parameters stand for.
    fn occurs(&self, index: usize, within: &CelType<'s>) -> bool {
        match within {
            CelType::Param(other) if *other == index => true,
            CelType::Param(other) => match self.bound.get(*other) {
                Some(Some(bound)) => self.occurs(index, bound),
                _ => false,
            },
            other => other.inner().into_iter().any(|inner| self.occurs(index, inner)),
        }
    }
}

fn wider<'s>(one: &CelType<'s>, other: &CelType<'s>) -> CelType<'s> {
    if one.is_equal_or_wider(other) { one.clone() } else { other.clone() }
}
