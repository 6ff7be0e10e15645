//! CEL rules as `kube-apiserver` checks and evaluates them.
//!
//! The parser is that of the crate `cel`. Types, costs, values, functions and evaluation stand here, since those of the
//! server are its own: manifests typed by their schema, the libraries of Kubernetes, the fine print of cel-go. Where
//! the server's verdict on a value is not known here, that is said: none at all is better than a wrong one.

mod arithmetic;
mod check;
mod compile;
mod convert;
mod cost;
mod data;
mod equality;
mod evaluate;
mod expression;
mod folds;
mod format;
mod functions;
mod lists;
pub mod names;
mod number;
pub(crate) mod schema;
mod texts;
mod times;
mod types;
pub(crate) mod value;

use serde_json::Value;

use crate::apimachinery::field_path::FieldPath;
use check::CheckError;
pub use compile::CompileError;
use compile::{CompiledExpression, compile};
use evaluate::evaluate;
use expression::Expression;
use schema::RuleSchema;
use types::CelType;
use value::{CelValue, EvaluationError};

/// Most bytes of a message that an expression makes.
const MAX_MESSAGE: usize = 5 * 1024;

/// Highest estimated cost of one rule, times how often its value may occur.
pub const RULE_LIMIT: u64 = 10_000_000;

/// Highest estimated cost of all rules of a CRD.
pub const CRD_LIMIT: u64 = 100_000_000;

/// What the API server says of a rule when its CRD is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// It compiles; `cost` is its estimate, times how often its value may occur.
    Cost { cost: u64 },
    /// It does not compile.
    Refused { message: String, help: Option<String> },
    /// It uses something whose type or cost is not known here.
    NotChecked { what: String },
}

/// What a rule has against a value.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleFailure {
    /// The value is refused; `field` is what the rule blames, below the value.
    Refused { message: String, field: Option<FieldPath> },
    /// The rule fails on the value, in the server as well.
    Error { rule: String, error: String },
    /// The verdict of the server is not known here.
    NotChecked { rule: String, why: String },
}

/// A rule of `x-kubernetes-validations`.
pub struct CelRule {
    compiled: Result<CompiledExpression, CompileError>,
    text: String,
    message: String,
    /// Makes the message, where it can.
    message_expression: Option<Result<Expression, CompileError>>,
    field: Option<FieldPath>,
    /// `oldSelf` is an optional, and none on a creation.
    optional_old_self: bool,
}

impl std::fmt::Debug for CelRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CelRule").field("text", &self.text).finish_non_exhaustive()
    }
}

impl CelRule {
    /// Compiles a rule as it stands in a CRD; `None` where it has no text.
    #[must_use]
    pub fn compile(rule: &Value) -> Option<Self> {
        let word = |name: &str| rule.get(name).and_then(Value::as_str);
        let text = word("rule")?.to_owned();
        // the server shows a rule without a message by its text
        let message = word("message").filter(|message| !message.is_empty());
        let message =
            message.map_or_else(|| format!("failed rule: {}", text.trim()), |message| message.trim().to_owned());
        Some(Self {
            compiled: compile(&text),
            message,
            message_expression: word("messageExpression").map(|text| compile(text).map(|compiled| compiled.tree)),
            field: word("fieldPath").map(FieldPath::parse),
            optional_old_self: rule.get("optionalOldSelf") == Some(&Value::Bool(true)),
            text,
        })
    }

    /// The text of the rule and why it cannot be evaluated here, where that is so.
    #[must_use]
    pub fn unsupported(&self) -> Option<(String, String)> {
        let errors =
            [self.compiled.as_ref().err(), self.message_expression.as_ref().and_then(|made| made.as_ref().err())];
        let error = errors.into_iter().flatten().next()?;
        Some((self.text.clone(), error.to_string()))
    }

    /// What the API server says of the rule, whose value has a schema and occurs so often at most.
    pub fn verdict(&self, node: &dyn RuleSchema, times: u64, in_list: bool) -> RuleVerdict {
        let compiled = match &self.compiled {
            Ok(compiled) => compiled,
            Err(CompileError::Syntax(_)) => {
                return RuleVerdict::NotChecked { what: "its syntax is not known here".to_owned() };
            }
            Err(CompileError::Unresolved { message, help }) => {
                return RuleVerdict::Refused { message: message.clone(), help: help.clone() };
            }
        };
        match check::rule_cost(&compiled.tree, node, self.optional_old_self) {
            Ok(_) if compiled.uses_old_self && in_list => RuleVerdict::Refused {
                message: "`oldSelf` cannot be used below a list: its items have no identity over a change".to_owned(),
                help: None,
            },
            Ok(cost) => RuleVerdict::Cost { cost: cost.saturating_mul(times) },
            Err(CheckError::Refused { message, help }) => RuleVerdict::Refused { message, help },
            Err(CheckError::NotChecked(what)) => RuleVerdict::NotChecked { what },
        }
    }

    /// What the rule has against a value.
    #[must_use]
    pub fn check(&self, itself: &SelfValue<'_>) -> Option<RuleFailure> {
        let Ok(compiled) = &self.compiled else { return None };
        // what compares with what was there before says nothing on a creation
        if compiled.uses_old_self && !self.optional_old_self {
            return None;
        }
        match itself.evaluate(&compiled.tree, self.optional_old_self) {
            Ok(CelValue::Bool(true)) => None,
            Ok(_) => Some(RuleFailure::Refused { message: self.told(itself), field: self.field.clone() }),
            Err(EvaluationError::Error(error)) => Some(RuleFailure::Error { rule: self.text.trim().to_owned(), error }),
            Err(EvaluationError::NotChecked(why)) => {
                Some(RuleFailure::NotChecked { rule: self.text.trim().to_owned(), why })
            }
        }
    }

    /// The message: what the expression comes to, where that is a text of one line.
    fn told(&self, itself: &SelfValue<'_>) -> String {
        let Some(Ok(tree)) = &self.message_expression else { return self.message.clone() };
        let Ok(CelValue::Text(made)) = itself.evaluate(tree, false) else { return self.message.clone() };
        let made = crate::go_compat::text::trim(&made);
        let fits = !made.is_empty() && made.len() <= MAX_MESSAGE && !made.contains('\n');
        if fits { made.to_owned() } else { self.message.clone() }
    }
}

/// What `self` is, ready for any number of rules.
#[derive(Debug)]
pub struct SelfValue<'v> {
    node: &'v dyn RuleSchema,
    value: &'v Value,
}

impl<'v> SelfValue<'v> {
    fn evaluate(&self, tree: &'v Expression, old_self: bool) -> value::Evaluated<'v> {
        let mut scope = Vec::with_capacity(4);
        scope.push(data::value(self.node, self.value));
        scope.push(if old_self { CelValue::Optional(None) } else { no_old_self() });
        evaluate(tree, &mut scope)
    }
}

fn no_old_self<'v>() -> CelValue<'v> {
    CelValue::broken("no such attribute(s): oldSelf")
}

/// A value as `self`, typed by its schema.
#[must_use]
pub fn value<'v>(node: &'v dyn RuleSchema, value: &'v Value) -> SelfValue<'v> {
    SelfValue { node, value }
}

/// Whether rules see values of a schema: those of no known type they do not.
#[must_use]
pub fn is_visible(node: &dyn RuleSchema) -> bool {
    CelType::of(node).is_some()
}

/// Whether a rule can be parsed.
pub fn parse(rule: &str) -> Result<(), CompileError> {
    compile::parse(rule).map(|_| ())
}

/// A rule that is evaluated without a schema: values have the types of JSON.
#[derive(Debug)]
pub struct SchemalessRule(Expression);

impl SchemalessRule {
    pub fn compile(rule: &str) -> Result<Self, CompileError> {
        Ok(Self(compile(rule)?.tree))
    }

    /// Whether the rule takes a value; `None` where it fails on it.
    #[must_use]
    pub fn takes(&self, itself: &Value) -> Option<bool> {
        match evaluate(&self.0, &mut vec![value::json(itself), no_old_self()]) {
            Ok(CelValue::Bool(takes)) => Some(takes),
            _ => None,
        }
    }
}

/// The paths below `self` that a rule reads, as field names; that of `self` where it names what does not exist, and
/// none where it cannot be parsed.
#[must_use]
pub fn paths(rule: &str) -> Vec<Vec<String>> {
    match compile(rule) {
        Ok(compiled) => {
            let mut found = Vec::new();
            compiled.tree.paths(&mut found);
            found
        }
        Err(CompileError::Unresolved { .. }) => vec![Vec::new()],
        Err(CompileError::Syntax(_)) => Vec::new(),
    }
}

/// Names of all fields that a rule selects, of whatever; none of a rule that cannot be read.
#[must_use]
pub fn field_names(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(compiled) = compile(rule) {
        compiled.tree.field_names(&mut found);
    }
    found
}

/// All names that rules may call, as functions and as methods.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::FUNCTIONS.iter().map(|function| function.name)
}

/// All names of macros.
pub fn macro_names() -> impl Iterator<Item = &'static str> {
    expression::FOLDS.iter().map(|known| known.name).chain(expression::OTHER_MACROS)
}

#[cfg(test)]
mod tests;
