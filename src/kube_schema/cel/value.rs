//! Values of CEL as they are in `kube-apiserver`: those of a manifest stay where they are and are typed by their schema
//! as they are reached.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::Value;

use super::named::Named;
use super::network::Cidr;
use super::quantity::Quantity;
use super::version::Version;
use crate::golang::time::Moment;
use crate::golang::url::Url;
use crate::kube_schema::schema::SchemaNode;

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Fail {
    /// The server fails as well.
    Error(String),
    /// What the server would do is not known.
    NotChecked(String),
}

pub type Outcome<'v> = Result<Val<'v>, Fail>;

/// An error that the server has as well.
pub fn error<T>(text: impl Into<String>) -> Result<T, Fail> {
    Err(Fail::Error(text.into()))
}

/// The types of the arguments fit no overload.
pub fn no_overload<T>() -> Result<T, Fail> {
    error("no such overload")
}

/// A value that only the server knows.
pub fn unknown<T>() -> Result<T, Fail> {
    Err(Fail::NotChecked("a value that the server makes is not known here".to_owned()))
}

/// A value.
#[derive(Clone, Debug)]
pub enum Val<'v> {
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
    Time(Moment),
    List(List<'v>),
    Map(Map<'v>),
    Type(&'static str),
    Optional(Option<Rc<Val<'v>>>),
    Quantity(Quantity),
    Ip(IpAddr),
    Cidr(Cidr),
    Url(Rc<Url>),
    Version(Rc<Version>),
    Format(&'static Named),
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
pub struct List<'v> {
    pub semantics: ListSemantics<'v>,
    pub items: Items<'v>,
}

#[derive(Clone, Debug)]
pub enum Items<'v> {
    Made(Rc<Vec<Val<'v>>>),
    /// Made by a macro that got nothing, of which the zero of its items is known nevertheless.
    Empty(Zero),
    /// Of the manifest, with the schema of each; without one they have the types of JSON.
    Data(&'v [Value], Option<&'v SchemaNode>),
    /// Items of the manifest and what was added to them, which then are taken for items of the manifest.
    Mixed(Rc<Vec<Raw<'v>>>, Option<&'v SchemaNode>),
}

/// The type of numbers that can be summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    Int,
    Uint,
    Double,
    Duration,
}

/// An item as the server holds it.
#[derive(Clone, Debug)]
pub enum Raw<'v> {
    Data(&'v Value),
    Made(Val<'v>),
}

#[derive(Clone, Debug)]
pub enum Map<'v> {
    Made(Rc<BTreeMap<Key<'v>, Val<'v>>>),
    /// Of the manifest; without a schema its values have the types of JSON.
    Data(&'v serde_json::Map<String, Value>, Option<&'v SchemaNode>),
}

/// A key of a map that the expression makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'v> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(Cow<'v, str>),
}

impl<'v> Val<'v> {
    pub fn text(text: impl Into<Cow<'v, str>>) -> Self {
        Self::Text(text.into())
    }

    pub fn list(items: Vec<Val<'v>>) -> Self {
        Self::List(List { semantics: ListSemantics::Plain, items: Items::Made(Rc::new(items)) })
    }

    pub fn texts(items: impl IntoIterator<Item = String>) -> Self {
        Self::list(items.into_iter().map(Val::text).collect())
    }

    pub fn some(value: Val<'v>) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    /// The value, where it is no error.
    pub fn sound(self) -> Outcome<'v> {
        match self {
            Self::Broken(why) => Err(Fail::Error(why.to_string())),
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
            Self::Map(Map::Data(_, Some(node))) if node.has_formats() => Self::Unknown,
            Self::List(List { items: Items::Data(_, Some(node)) | Items::Mixed(_, Some(node)), .. })
                if node.has_formats() =>
            {
                Self::Unknown
            }
            Self::Map(Map::Data(map, _)) => Self::Map(Map::Data(map, None)),
            Self::List(List { items: Items::Data(items, _), .. }) => {
                Self::List(List { semantics: ListSemantics::Plain, items: Items::Data(items, None) })
            }
            Self::List(List { items: Items::Mixed(items, _), .. }) => {
                Self::List(List { semantics: ListSemantics::Plain, items: Items::Mixed(items, None) })
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
    pub fn key(self) -> Result<Key<'v>, Fail> {
        Ok(match self {
            Self::Bool(flag) => Key::Bool(flag),
            Self::Int(number) => Key::Int(number),
            Self::Uint(number) => Key::Uint(number),
            Self::Text(text) => Key::Text(text),
            other => return error(format!("unsupported key type: {}", other.kind())),
        })
    }
}

impl Zero {
    /// The type of a number.
    pub fn of(value: &Val<'_>) -> Option<Self> {
        match value {
            Val::Int(_) => Some(Self::Int),
            Val::Uint(_) => Some(Self::Uint),
            Val::Double(_) => Some(Self::Double),
            Val::Duration(_) => Some(Self::Duration),
            _ => None,
        }
    }

    pub fn value<'v>(self) -> Val<'v> {
        match self {
            Self::Int => Val::Int(0),
            Self::Uint => Val::Uint(0),
            Self::Double => Val::Double(0.0),
            Self::Duration => Val::Duration(0),
        }
    }
}

impl<'v> Key<'v> {
    pub fn value(&self) -> Val<'v> {
        match self {
            Self::Bool(flag) => Val::Bool(*flag),
            Self::Int(number) => Val::Int(*number),
            Self::Uint(number) => Val::Uint(*number),
            Self::Text(text) => Val::Text(text.clone()),
        }
    }
}

/// A value of the types of JSON.
pub fn json(value: &Value) -> Val<'_> {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::String(text) => Val::text(text.as_str()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Val::Int(whole),
            None => Val::Double(number.as_f64().unwrap_or_default()),
        },
        Value::Array(items) => Val::List(List { semantics: ListSemantics::Plain, items: Items::Data(items, None) }),
        Value::Object(map) => Val::Map(Map::Data(map, None)),
    }
}

impl<'v> List<'v> {
    pub fn len(&self) -> usize {
        match &self.items {
            Items::Made(items) => items.len(),
            Items::Empty(_) => 0,
            Items::Data(items, _) => items.len(),
            Items::Mixed(items, _) => items.len(),
        }
    }

    /// Whether it is made by the expression.
    pub fn is_made(&self) -> bool {
        matches!(self.semantics, ListSemantics::Plain | ListSemantics::Joined)
    }

    /// The item at an index; `None` where there is none.
    pub fn get(&self, at: usize) -> Option<Val<'v>> {
        match &self.items {
            Items::Made(items) => items.get(at).cloned(),
            Items::Empty(_) => None,
            Items::Data(items, node) => items.get(at).map(|item| typed(*node, item)),
            Items::Mixed(items, node) => items.get(at).map(|item| match item {
                Raw::Data(item) => typed(*node, item),
                Raw::Made(item) => retyped(*node, item),
            }),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Val<'v>> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// The items as the server holds them.
    pub fn raw(&self) -> Vec<Raw<'v>> {
        match &self.items {
            Items::Made(items) => items.iter().cloned().map(Raw::Made).collect(),
            Items::Empty(_) => Vec::new(),
            Items::Data(items, _) => items.iter().map(Raw::Data).collect(),
            Items::Mixed(items, _) => items.to_vec(),
        }
    }

    /// What the sum of none of its items would be.
    pub fn zero(&self) -> Option<Zero> {
        match &self.items {
            Items::Empty(zero) => Some(*zero),
            Items::Made(items) => items.first().and_then(Zero::of),
            Items::Data(_, node) | Items::Mixed(_, node) => node.and_then(super::data::zero),
        }
    }

    pub fn node(&self) -> Option<&'v SchemaNode> {
        match &self.items {
            Items::Made(_) | Items::Empty(_) => None,
            Items::Data(_, node) | Items::Mixed(_, node) => *node,
        }
    }
}

fn typed<'v>(node: Option<&'v SchemaNode>, value: &'v Value) -> Val<'v> {
    match node {
        Some(node) => super::data::value(node, value),
        None => json(value),
    }
}

/// A value of the expression that is taken for one of the manifest.
fn retyped<'v>(node: Option<&'v SchemaNode>, value: &Val<'v>) -> Val<'v> {
    let Some(node) = node else { return value.clone() };
    match value {
        // read from the manifest, as it now is again
        Val::Map(Map::Data(map, _)) => super::data::object(node, map),
        Val::Text(_) | Val::Bool(_) | Val::Int(_) | Val::Double(_) if super::data::takes(node, value) => {
            super::data::number(node, value)
        }
        other => Val::broken(format!("invalid data, got {}", other.kind())),
    }
}

impl<'v> Map<'v> {
    pub fn len(&self) -> usize {
        match self {
            Self::Made(map) => map.len(),
            Self::Data(map, _) => map.len(),
        }
    }

    /// The value of a key; an error where no such key is possible.
    pub fn find(&self, key: &Val<'v>) -> Result<Option<Val<'v>>, Fail> {
        match self {
            Self::Made(map) => Ok(find_made(map, key)),
            Self::Data(map, Some(node)) => match key {
                Val::Text(name) => super::data::field(node, map, name).map(Val::sound).transpose(),
                _ => no_overload(),
            },
            Self::Data(map, None) => match key {
                Val::Text(name) => Ok(map.get(&**name).map(json)),
                _ => Ok(None),
            },
        }
    }

    /// The keys, as an expression sees them.
    pub fn keys(&self) -> Vec<Val<'v>> {
        match self {
            Self::Made(map) => map.keys().map(Key::value).collect(),
            Self::Data(map, Some(node)) => super::data::keys(node, map),
            Self::Data(map, None) => map.keys().map(|name| Val::text(name.as_str())).collect(),
        }
    }
}

/// Numbers of all types are one key, where they are whole.
fn find_made<'v>(map: &BTreeMap<Key<'v>, Val<'v>>, key: &Val<'v>) -> Option<Val<'v>> {
    let either = |int: Option<i64>, uint: Option<u64>| {
        let found = int.and_then(|int| map.get(&Key::Int(int)));
        found.or_else(|| uint.and_then(|uint| map.get(&Key::Uint(uint)))).cloned()
    };
    match key {
        Val::Bool(flag) => map.get(&Key::Bool(*flag)).cloned(),
        Val::Text(text) => map.get(&Key::Text(Cow::Borrowed(text))).cloned(),
        Val::Int(int) => either(Some(*int), u64::try_from(*int).ok()),
        Val::Uint(uint) => {
            let found = map.get(&Key::Uint(*uint)).cloned();
            found.or_else(|| either(i64::try_from(*uint).ok(), None))
        }
        Val::Double(double) => either(super::number::whole(*double), super::number::whole_unsigned(*double)),
        _ => None,
    }
}
