//! What an API server would say of a spec, by the schema and the CEL rules of its kind.

use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, Program, Value as CelValue};
use jsonschema::{PatternOptions, Validator};
use orloj_operator::registry::Kind;
use serde_json::Value;

/// A kind's schema and CEL rules, ready to be asked.
pub struct Crd {
    validator: Validator,
    rules: Vec<(Program, String)>,
}

impl Crd {
    pub fn new(kind: &Kind) -> Self {
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(&kind.schema.openapi())
            .unwrap_or_else(|error| panic!("{}: {error}", kind.names.kind));
        let compile = |rule: &String| Program::compile(rule).unwrap_or_else(|error| panic!("{error}"));
        let rules = kind.schema.validations.iter().map(|v| (compile(&v.rule), v.rule.clone())).collect();
        Self { validator, rules }
    }

    /// Why it is refused. With `required` off, a missing field is no reason.
    pub fn refusals(&self, spec: &Value, required: bool) -> Vec<String> {
        let mut refusals: Vec<String> = self
            .validator
            .iter_errors(spec)
            .filter(|error| required || error.kind().keyword() != "required")
            .map(|error| format!("{} {error}", error.instance_path()))
            .collect();
        let mut context = Context::default();
        context.add_variable("self", spec).unwrap_or_else(|error| panic!("{error}"));
        let _ = context.add_function("trim", |This(text): This<Arc<String>>| text.trim().to_owned());
        let _ = context.add_function("lowerAscii", |This(text): This<Arc<String>>| text.to_ascii_lowercase());
        let _ = context.add_function("replace", |This(text): This<Arc<String>>, old: Arc<String>, new: Arc<String>| {
            text.replace(old.as_str(), &new)
        });
        for (program, rule) in &self.rules {
            match program.execute(&context) {
                Ok(CelValue::Bool(true)) => {}
                // a rule that reads a required field; `required` has said it
                Err(_) if !required => {}
                other => refusals.push(format!("{rule}: {other:?}")),
            }
        }
        refusals
    }
}
