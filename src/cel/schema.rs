//! What rules see of a schema (`Schema` of `k8s.io/apiserver/pkg/cel/common`).

use super::names;
use super::types::CelType;
use super::value::ListSemantics;

/// What rules take a value for (`SchemaDeclType` of `k8s.io/apiserver/pkg/cel/common`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeclaredType {
    /// Fields by name.
    Object,
    /// Any keys, whose values have one schema.
    Map,
    /// An object of which rules see nothing.
    Empty,
    List,
    Text,
    Bytes,
    Duration,
    Date,
    DateTime,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// Anything, kept as it is.
    Preserved,
    #[default]
    Unknown,
}

/// A node of a schema, as far as rules and their costs depend on it.
pub trait RuleSchema: std::fmt::Debug + Sync {
    fn declared_type(&self) -> DeclaredType;

    fn is_nullable(&self) -> bool;

    /// Whether here or below is something whose type for rules is not that of JSON.
    fn has_formats(&self) -> bool;

    /// The schema of a field.
    fn property(&self, name: &str) -> Option<&dyn RuleSchema>;

    /// The names of the fields, sorted.
    fn property_names(&self) -> Vec<&str>;

    /// The schema of a list's items.
    fn item(&self) -> Option<&dyn RuleSchema>;

    /// The schema of a map's values.
    fn additional(&self) -> Option<&dyn RuleSchema>;

    /// What a list is to operators.
    fn list_semantics(&self) -> ListSemantics<'_>;

    /// Most characters, items or entries of a value that the server lets through; 0 where there is nothing to count.
    fn max_elements(&self) -> u64;
}

impl dyn RuleSchema + '_ {
    /// Whether rules see a field or entry.
    pub(super) fn sees(&self, name: &str) -> bool {
        match self.declared_type() {
            DeclaredType::Object => self.property(name).is_some(),
            other => other == DeclaredType::Map,
        }
    }

    /// The field of a name as rules write it, where they see it, and its type.
    pub(super) fn visible_field(&self, name: &str) -> Option<(&dyn RuleSchema, CelType<'_>)> {
        let known = |plain: &str| names::field_name(plain).as_deref() == Some(name) || names::is_reserved(name);
        let node = self.property(&names::unescape(name).filter(|plain| known(plain))?)?;
        Some((node, CelType::of(node)?))
    }

    /// The names, as rules write them, of the fields that they see.
    pub(super) fn visible_names(&self) -> Vec<String> {
        let seen = |name: &&str| self.property(name).is_some_and(|node| CelType::of(node).is_some());
        self.property_names().into_iter().filter(seen).filter_map(names::field_name).collect()
    }

    /// [`RuleSchema::max_elements`] of what a path of rules leads to.
    pub(super) fn max_elements_at(&self, path: &[String]) -> Option<u64> {
        let Some((part, rest)) = path.split_first() else { return Some(self.max_elements()) };
        let inner = match (self.declared_type(), part.as_str()) {
            (DeclaredType::List, "@items" | "@values") => self.item()?,
            (DeclaredType::Map, "@values" | "@items") => self.additional()?,
            // what the API server takes for a key: a string of no known length
            (DeclaredType::Map, "@keys") => return Some(0),
            (DeclaredType::Object, name) => self.visible_field(name)?.0,
            _ => return None,
        };
        inner.max_elements_at(rest)
    }
}
