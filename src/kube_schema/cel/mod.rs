//! CEL rules as `kube-apiserver` evaluates them on a creation.
//!
//! The parser is that of the crate `cel`. Values, functions and evaluation stand here, since those of the server are its
//! own: manifests typed by their schema, the libraries of Kubernetes, the fine print of cel-go. A rule that uses what is
//! not known here is told as not checked: it gives no verdict at all rather than a wrong one.

mod arithmetic;
mod compile;
mod convert;
mod data;
mod equality;
mod evaluate;
mod format;
mod functions;
mod lists;
mod named;
pub mod names;
mod network;
mod number;
mod quantity;
mod texts;
mod times;
mod tree;
pub(in crate::kube_schema) mod value;
mod version;

use serde_json::Value;

use super::schema::{SchemaMismatch, SchemaNode, Unsupported};
use crate::kube_schema::field_path::{FieldPath, PathSegment};
use compile::{Compiled, compile};
use evaluate::evaluate;
pub use functions::names as function_names;
use tree::Tree;
use value::{Fail, Val};

/// Most bytes of a message that an expression makes.
const MAX_MESSAGE: usize = 5 * 1024;

/// A rule of `x-kubernetes-validations`.
pub struct CelRule {
    tree: Tree,
    text: String,
    message: String,
    /// Makes the message, where it can.
    message_expression: Option<Tree>,
    field: Option<FieldPath>,
    /// It compares with what was there before: on a creation it says nothing.
    transition: bool,
    /// `oldSelf` is an optional, and none on a creation.
    optional_old_self: bool,
}

impl std::fmt::Debug for CelRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CelRule").field("text", &self.text).finish_non_exhaustive()
    }
}

impl CelRule {
    /// Compiles a rule as it stands in a CRD.
    pub fn compile(rule: &Value) -> Result<Self, Option<Unsupported>> {
        let word = |name: &str| rule.get(name).and_then(Value::as_str);
        let text = word("rule").ok_or(None)?.to_owned();
        let refused = |why: String| Some(Unsupported::Cel { rule: text.clone(), why });
        let Compiled { tree, uses_old_self } = compile(&text).map_err(refused)?;
        let message_expression = word("messageExpression").map(compile).transpose().map_err(refused)?;
        let optional_old_self = rule.get("optionalOldSelf") == Some(&Value::Bool(true));
        // the server shows a rule without a message by its text
        let message = word("message").filter(|message| !message.is_empty());
        let message =
            message.map_or_else(|| format!("failed rule: {}", text.trim()), |message| message.trim().to_owned());
        let field = word("fieldPath").map(field_way);
        Ok(Self {
            tree,
            message,
            message_expression: message_expression.map(|compiled| compiled.tree),
            field,
            transition: uses_old_self && !optional_old_self,
            optional_old_self,
            text,
        })
    }

    /// What the rule has against a value.
    #[must_use]
    pub fn check(&self, itself: &Itself<'_>) -> Option<SchemaMismatch> {
        if self.transition {
            return None;
        }
        match itself.evaluate(&self.tree, self.optional_old_self) {
            Ok(Val::Bool(true)) => None,
            Ok(_) => Some(SchemaMismatch::Cel { message: self.told(itself), field: self.field.clone() }),
            Err(Fail::Error(error)) => Some(SchemaMismatch::CelError { rule: self.text.trim().to_owned(), error }),
            Err(Fail::NotChecked(why)) => {
                Some(SchemaMismatch::CelNotChecked { rule: self.text.trim().to_owned(), why })
            }
        }
    }

    /// The message: what the expression comes to, where that is a text of one line.
    fn told(&self, itself: &Itself<'_>) -> String {
        let made = self.message_expression.as_ref().map(|tree| itself.evaluate(tree, false));
        let Some(Ok(Val::Text(made))) = made else { return self.message.clone() };
        let made = crate::golang::text::trim(&made);
        let fits = !made.is_empty() && made.len() <= MAX_MESSAGE && !made.contains('\n');
        if fits { made.to_owned() } else { self.message.clone() }
    }
}

/// `.spec.a['b']` as a path.
fn field_way(path: &str) -> FieldPath {
    let parts = path.split(['.', '[', ']']).map(|part| part.trim_matches(['\'', '"']));
    parts.filter(|part| !part.is_empty()).map(|part| PathSegment::Key(part.to_owned())).collect()
}

/// What `self` is, ready for any number of rules.
#[derive(Debug)]
pub struct Itself<'v> {
    node: &'v SchemaNode,
    value: &'v Value,
}

impl<'v> Itself<'v> {
    fn evaluate(&self, tree: &'v Tree, old_self: bool) -> value::Outcome<'v> {
        let mut scope = Vec::with_capacity(4);
        scope.push(data::value(self.node, self.value));
        scope.push(if old_self { Val::Optional(None) } else { Val::broken("no such attribute(s): oldSelf") });
        evaluate(tree, &mut scope)
    }
}

/// A value as `self`, typed by its schema.
#[must_use]
pub fn value<'v>(node: &'v SchemaNode, value: &'v Value) -> Itself<'v> {
    Itself { node, value }
}

#[cfg(test)]
mod tests;
