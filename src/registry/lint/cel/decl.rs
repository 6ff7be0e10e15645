//! What a CEL rule sees of a schema: types, and the most that the API server lets through of each
//! (`SchemaDeclType` of `k8s.io/apiserver/pkg/cel/common`).

use std::collections::BTreeMap;

use crate::kube_schema::cel::names::field_name;
use crate::registry::{Schema, SchemaType};

/// Largest request that the API server counts with.
pub(super) const MAX_REQUEST: u64 = 3 << 20;

/// Longest duration and time stamp as JSON, quotation marks included.
const MAX_TIME: u64 = 32;
const DATE: u64 = 12;

/// A node of a schema, as rules see it.
#[derive(Debug)]
pub(super) struct Decl {
    pub shape: DeclShape,
    /// Most characters, items or entries; 0 where there is nothing to count.
    pub most: u64,
    /// Least bytes as JSON.
    pub least_bytes: u64,
}

#[derive(Debug)]
pub(super) enum DeclShape {
    Bool,
    Int,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Box<Decl>),
    Map(Box<Decl>),
    /// Fields by the name that rules use.
    Object(BTreeMap<String, Decl>),
}

impl Decl {
    /// `None` where rules do not see the node.
    pub fn of(schema: &Schema) -> Option<Self> {
        let simple = |shape, least_bytes| Some(Self { shape, most: 0, least_bytes });
        match schema.schema_type? {
            SchemaType::Boolean => simple(DeclShape::Bool, 4),
            SchemaType::Integer => simple(DeclShape::Int, 1),
            SchemaType::Number => simple(DeclShape::Double, 1),
            SchemaType::String => Some(Self::string(schema)),
            SchemaType::Array => {
                let items = Self::of(schema.items.as_deref()?)?;
                let most = schema.max_items.map_or((MAX_REQUEST - 2) / (items.least_bytes + 1), u64::from);
                Some(Self { shape: DeclShape::List(Box::new(items)), most, least_bytes: 2 })
            }
            SchemaType::Object => match &schema.additional_properties {
                Some(values) => {
                    let values = Self::of(values)?;
                    let most = schema.max_properties.map_or((MAX_REQUEST - 2) / (values.least_bytes + 6), u64::from);
                    Some(Self { shape: DeclShape::Map(Box::new(values)), most, least_bytes: 2 })
                }
                None => Some(Self::object(schema)),
            },
        }
    }

    fn string(schema: &Schema) -> Self {
        let unbounded = MAX_REQUEST - 2;
        let (shape, most, least_bytes) = match schema.format.as_deref() {
            Some("byte") => (DeclShape::Bytes, schema.max_length.map_or(unbounded, u64::from), 2),
            Some("duration") => (DeclShape::Duration, MAX_TIME, 3),
            Some("date") => (DeclShape::Timestamp, DATE, DATE),
            Some("date-time") => (DeclShape::Timestamp, MAX_TIME, 21),
            _ => {
                // a character is four bytes at most
                let length = schema.max_length.map(|most| u64::from(most) * 4);
                let longest = schema.values.iter().map(|word| word.len() as u64).max();
                (DeclShape::String, length.or(longest).unwrap_or(unbounded), 2)
            }
        };
        Self { shape, most, least_bytes }
    }

    fn object(schema: &Schema) -> Self {
        let mut fields = BTreeMap::new();
        let mut least_bytes = 2;
        for (name, child) in &schema.properties {
            let Some(decl) = Self::of(child) else { continue };
            if schema.required.contains(name) {
                least_bytes += name.len() as u64 + decl.least_bytes + 4;
            }
            if let Some(name) = field_name(name) {
                fields.insert(name, decl);
            }
        }
        Self { shape: DeclShape::Object(fields), most: 0, least_bytes }
    }

    /// The most of what a path leads to. The first part of a path is its variable's name, whatever that is.
    pub fn most_at(&self, path: &[String]) -> Option<u64> {
        let mut node = self;
        for part in path.get(1..)? {
            node = match (&node.shape, part.as_str()) {
                (DeclShape::List(inner) | DeclShape::Map(inner), "@items" | "@values") => inner,
                // what the API server takes for a key: a string of no known length
                (DeclShape::Map(_), "@keys") => return Some(0),
                (DeclShape::Object(fields), name) => fields.get(name)?,
                _ => return None,
            };
        }
        Some(node.most)
    }

    /// How often a value of this sort can stand in one request, at most.
    pub fn most_often(&self) -> u64 {
        MAX_REQUEST / (self.least_bytes + 1)
    }
}
