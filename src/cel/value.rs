//! Values of CEL as they are in `kube-apiserver`: those of a manifest stay where they are and are typed by their schema
//! as they are reached.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::Value;

use super::schema::RuleSchema;
use crate::apimachinery::named_formats::NamedFormat;
use crate::apimachinery::network::Cidr;
use crate::apimachinery::quantity::{Quantity, QuantityError};
use crate::apimachinery::version::SemanticVersion;
use crate::go_compat::time::Timestamp;
use crate::go_compat::url::Url;

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum EvaluationError {
    /// The server fails as well.
    Error(String),
    /// What the server would do is not known.
    NotChecked(String),
}

impl From<QuantityError> for EvaluationError {
    fn from(error: QuantityError) -> Self {
        match error {
            QuantityError::Malformed(text) => Self::Error(text.to_owned()),
            QuantityError::TooLarge => Self::NotChecked("a quantity is too large to be written out".to_owned()),
        }
    }
}

pub type Evaluated<'v> = Result<CelValue<'v>, EvaluationError>;

/// An error that the server has as well.
pub fn error<T>(text: impl Into<String>) -> Result<T, EvaluationError> {
    Err(EvaluationError::Error(text.into()))
}

/// The types of the arguments fit no overload.
pub fn no_overload<T>() -> Result<T, EvaluationError> {
    error("no such overload")
}

/// A value that only the server knows.
pub fn unknown<T>() -> Result<T, EvaluationError> {
    Err(EvaluationError::NotChecked("a value that the server makes is not known here".to_owned()))
}

/// A value.
#[derive(Clone, Debug)]
pub enum CelValue<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    /// The sum of an empty list, whose type only a type checker knows.
    Zero,
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
    /// In nanoseconds.
    Duration(i64),
    Time(Timestamp),
    List(CelList<'v>),
    Map(CelMap<'v>),
    Type(&'static str),
    Optional(Option<Rc<CelValue<'v>>>),
    Quantity(Quantity),
    Ip(IpAddr),
    Cidr(Cidr),
    Url(Rc<Url>),
    Version(Rc<SemanticVersion>),
    Format(&'static NamedFormat),
    /// Of a type that the schema leaves open: it can be compared and no more.
    Opaque(&'v Value),
    /// An error that stands in for a value until it is used.
    Broken(Rc<str>),
    /// A value that the server has and that is not known here.
    Unknown,
}

/// What a list is to the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSemantics<'v> {
    /// Made by the expression.
    Plain,
    /// Made of two lists by `+`.
    Joined,
    /// From the manifest.
    Atomic,
    /// `x-kubernetes-list-type: set`.
    Set,
    /// `x-kubernetes-list-type: map`, with the names of the keys.
    Keyed(&'v [String]),
}

#[derive(Clone, Debug)]
pub struct CelList<'v> {
    pub semantics: ListSemantics<'v>,
    pub items: ListItems<'v>,
}

#[derive(Clone, Debug)]
pub enum ListItems<'v> {
    Made(Rc<Vec<CelValue<'v>>>),
    /// Made by a macro that got nothing, of which the zero of its items is known nevertheless.
    Empty(NumberType),
    /// Of the manifest, with the schema of each; without one they have the types of JSON.
    Data(&'v [Value], Option<&'v dyn RuleSchema>),
    /// Items of the manifest and what was added to them, which then are taken for items of the manifest.
    Mixed(Rc<Vec<HeldItem<'v>>>, Option<&'v dyn RuleSchema>),
}

/// The type of numbers that can be summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    Int,
    Uint,
    Double,
    Duration,
}

/// An item as the server holds it.
#[derive(Clone, Debug)]
pub enum HeldItem<'v> {
    Data(&'v Value),
    Made(CelValue<'v>),
}

#[derive(Clone, Debug)]
pub enum CelMap<'v> {
    Made(Rc<BTreeMap<CelKey<'v>, CelValue<'v>>>),
    /// Of the manifest; without a schema its values have the types of JSON.
    Data(&'v serde_json::Map<String, Value>, Option<&'v dyn RuleSchema>),
}

/// A key of a map that the expression makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CelKey<'v> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(Cow<'v, str>),
}

impl<'v> CelValue<'v> {
    pub fn text(text: impl Into<Cow<'v, str>>) -> Self {
        Self::Text(text.into())
    }

    pub fn list(items: Vec<CelValue<'v>>) -> Self {
        Self::List(CelList { semantics: ListSemantics::Plain, items: ListItems::Made(Rc::new(items)) })
    }

    pub fn texts(items: impl IntoIterator<Item = String>) -> Self {
        Self::list(items.into_iter().map(CelValue::text).collect())
    }

    pub fn some(value: CelValue<'v>) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    /// The value, where it is no error.
    pub fn sound(self) -> Evaluated<'v> {
        match self {
            Self::Broken(why) => Err(EvaluationError::Error(why.to_string())),
            Self::Unknown => unknown(),
            sound => Ok(sound),
        }
    }

    pub fn broken(why: impl Into<Rc<str>>) -> Self {
        Self::Broken(why.into())
    }

    /// The name of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Zero => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) | Self::Unknown => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Time(_) => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Url(_) => "kubernetes.URL",
            Self::Version(_) => "kubernetes.Semver",
            Self::Format(_) => "kubernetes.NamedFormat",
            Self::Opaque(_) => "unknown",
            Self::Broken(_) => "error",
        }
    }

    /// As the server has it after it went through Go's own types: what is of the manifest loses its schema.
    pub fn untyped(self) -> Self {
        match self {
            // a function for the type by the schema fails in the server on what there is then
            Self::Map(CelMap::Data(_, Some(node))) if node.has_formats() => Self::Unknown,
            Self::List(CelList { items: ListItems::Data(_, Some(node)) | ListItems::Mixed(_, Some(node)), .. })
                if node.has_formats() =>
            {
                Self::Unknown
            }
            Self::Map(CelMap::Data(map, _)) => Self::Map(CelMap::Data(map, None)),
            Self::List(CelList { items: ListItems::Data(items, _), .. }) => {
                Self::List(CelList { semantics: ListSemantics::Plain, items: ListItems::Data(items, None) })
            }
            Self::List(CelList { items: ListItems::Mixed(items, _), .. }) => {
                Self::List(CelList { semantics: ListSemantics::Plain, items: ListItems::Mixed(items, None) })
            }
            Self::Opaque(value) => json(value),
            Self::Type(name) => Self::text(name),
            Self::Quantity(_) | Self::Ip(_) | Self::Cidr(_) | Self::Url(_) | Self::Version(_) | Self::Format(_) => {
                Self::broken(format!("unsupported conversion of {}", self.kind()))
            }
            other => other,
        }
    }

    /// As a key of a map that the expression makes.
    pub fn key(self) -> Result<CelKey<'v>, EvaluationError> {
        Ok(match self {
            Self::Bool(flag) => CelKey::Bool(flag),
            Self::Int(number) => CelKey::Int(number),
            Self::Uint(number) => CelKey::Uint(number),
            Self::Text(text) => CelKey::Text(text),
            other => return error(format!("unsupported key type: {}", other.kind())),
        })
    }
}

impl NumberType {
    /// The type of a number.
    pub fn of(value: &CelValue<'_>) -> Option<Self> {
        match value {
            CelValue::Int(_) => Some(Self::Int),
            CelValue::Uint(_) => Some(Self::Uint),
            CelValue::Double(_) => Some(Self::Double),
            CelValue::Duration(_) => Some(Self::Duration),
            _ => None,
        }
    }

    pub fn value<'v>(self) -> CelValue<'v> {
        match self {
            Self::Int => CelValue::Int(0),
            Self::Uint => CelValue::Uint(0),
            Self::Double => CelValue::Double(0.0),
            Self::Duration => CelValue::Duration(0),
        }
    }
}

impl<'v> CelKey<'v> {
    pub fn value(&self) -> CelValue<'v> {
        match self {
            Self::Bool(flag) => CelValue::Bool(*flag),
            Self::Int(number) => CelValue::Int(*number),
            Self::Uint(number) => CelValue::Uint(*number),
            Self::Text(text) => CelValue::Text(text.clone()),
        }
    }
}

/// A value of the types of JSON.
pub fn json(value: &Value) -> CelValue<'_> {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(flag) => CelValue::Bool(*flag),
        Value::String(text) => CelValue::text(text.as_str()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => CelValue::Int(whole),
            None => CelValue::Double(number.as_f64().unwrap_or_default()),
        },
        Value::Array(items) => {
            CelValue::List(CelList { semantics: ListSemantics::Plain, items: ListItems::Data(items, None) })
        }
        Value::Object(map) => CelValue::Map(CelMap::Data(map, None)),
    }
}

impl<'v> CelList<'v> {
    pub fn len(&self) -> usize {
        match &self.items {
            ListItems::Made(items) => items.len(),
            ListItems::Empty(_) => 0,
            ListItems::Data(items, _) => items.len(),
            ListItems::Mixed(items, _) => items.len(),
        }
    }

    /// Whether it is made by the expression.
    pub fn is_made(&self) -> bool {
        matches!(self.semantics, ListSemantics::Plain | ListSemantics::Joined)
    }

    /// The item at an index; `None` where there is none.
    pub fn get(&self, at: usize) -> Option<CelValue<'v>> {
        match &self.items {
            ListItems::Made(items) => items.get(at).cloned(),
            ListItems::Empty(_) => None,
            ListItems::Data(items, node) => items.get(at).map(|item| typed(*node, item)),
            ListItems::Mixed(items, node) => items.get(at).map(|item| match item {
                HeldItem::Data(item) => typed(*node, item),
                HeldItem::Made(item) => retyped(*node, item),
            }),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = CelValue<'v>> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// The items as the server holds them.
    pub fn raw(&self) -> Vec<HeldItem<'v>> {
        match &self.items {
            ListItems::Made(items) => items.iter().cloned().map(HeldItem::Made).collect(),
            ListItems::Empty(_) => Vec::new(),
            ListItems::Data(items, _) => items.iter().map(HeldItem::Data).collect(),
            ListItems::Mixed(items, _) => items.to_vec(),
        }
    }

    /// What the sum of none of its items would be.
    pub fn zero(&self) -> Option<NumberType> {
        match &self.items {
            ListItems::Empty(zero) => Some(*zero),
            ListItems::Made(items) => items.first().and_then(NumberType::of),
            ListItems::Data(_, node) | ListItems::Mixed(_, node) => node.and_then(super::data::zero),
        }
    }

    pub fn node(&self) -> Option<&'v dyn RuleSchema> {
        match &self.items {
            ListItems::Made(_) | ListItems::Empty(_) => None,
            ListItems::Data(_, node) | ListItems::Mixed(_, node) => *node,
        }
    }
}

fn typed<'v>(node: Option<&'v dyn RuleSchema>, value: &'v Value) -> CelValue<'v> {
    match node {
        Some(node) => super::data::value(node, value),
        None => json(value),
    }
}

/// A value of the expression that is taken for one of the manifest.
fn retyped<'v>(node: Option<&'v dyn RuleSchema>, value: &CelValue<'v>) -> CelValue<'v> {
    let Some(node) = node else { return value.clone() };
    match value {
        // read from the manifest, as it now is again
        CelValue::Map(CelMap::Data(map, _)) => super::data::object(node, map),
        CelValue::Text(_) | CelValue::Bool(_) | CelValue::Int(_) | CelValue::Double(_)
            if super::data::takes(node, value) =>
        {
            super::data::number(node, value)
        }
        other => CelValue::broken(format!("invalid data, got {}", other.kind())),
    }
}

impl<'v> CelMap<'v> {
    pub fn len(&self) -> usize {
        match self {
            Self::Made(map) => map.len(),
            Self::Data(map, _) => map.len(),
        }
    }

    /// The value of a key; an error where no such key is possible.
    pub fn find(&self, key: &CelValue<'v>) -> Result<Option<CelValue<'v>>, EvaluationError> {
        match self {
            Self::Made(map) => Ok(find_made(map, key)),
            Self::Data(map, Some(node)) => match key {
                CelValue::Text(name) => super::data::field(*node, map, name).map(CelValue::sound).transpose(),
                _ => no_overload(),
            },
            Self::Data(map, None) => match key {
                CelValue::Text(name) => Ok(map.get(&**name).map(json)),
                _ => Ok(None),
            },
        }
    }

    /// The keys, as an expression sees them.
    pub fn keys(&self) -> Vec<CelValue<'v>> {
        match self {
            Self::Made(map) => map.keys().map(CelKey::value).collect(),
            Self::Data(map, Some(node)) => super::data::keys(*node, map),
            Self::Data(map, None) => map.keys().map(|name| CelValue::text(name.as_str())).collect(),
        }
    }
}

/// Numbers of all types are one key, where they are whole.
fn find_made<'v>(map: &BTreeMap<CelKey<'v>, CelValue<'v>>, key: &CelValue<'v>) -> Option<CelValue<'v>> {
    let either = |int: Option<i64>, uint: Option<u64>| {
        let found = int.and_then(|int| map.get(&CelKey::Int(int)));
        found.or_else(|| uint.and_then(|uint| map.get(&CelKey::Uint(uint)))).cloned()
    };
    match key {
        CelValue::Bool(flag) => map.get(&CelKey::Bool(*flag)).cloned(),
        CelValue::Text(text) => map.get(&CelKey::Text(Cow::Borrowed(text))).cloned(),
        CelValue::Int(int) => either(Some(*int), u64::try_from(*int).ok()),
        CelValue::Uint(uint) => {
            let found = map.get(&CelKey::Uint(*uint)).cloned();
            found.or_else(|| either(i64::try_from(*uint).ok(), None))
        }
        CelValue::Double(double) => either(super::number::whole(*double), super::number::whole_unsigned(*double)),
        _ => None,
    }
}
