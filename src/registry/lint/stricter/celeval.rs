//! A CEL rule, asked of one value of one field: what it says where nothing else is given.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError, extensions};
use serde_json::{Map, Value};

use crate::golang::regexp::matcher;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(env()));

/// CEL with the functions that choices are written with. A rule that uses another one gives no answer.
fn env() -> Env {
    let mut env = Env::stdlib();
    let matches_string =
        |env: &mut Env| env.add_member_overload("matches", "matches_string", STRING_TYPE, vec![STRING_TYPE], matches);
    let declared = env.add_extension(extensions::strings).and_then(|()| matches_string(&mut env));
    debug_assert!(declared.is_ok(), "{declared:?}");
    env
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a function of the language has the signature that the crate asks for"
)]
fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = |at: usize| {
        let value = args.get(at).and_then(|value| value.as_ref().downcast_ref::<CelString<'_>>());
        value.ok_or_else(|| ExecutionError::function_error("matches", "not a string"))
    };
    let regex = matcher::compile(text(1)?.inner());
    let regex = regex.map_err(|error| ExecutionError::function_error("matches", error))?;
    Ok(CowVal::owned(CelBool::from(regex.is_match(text(0)?.inner()))))
}

/// A rule, and the way from its `self` to the one field that it is asked of.
pub(super) struct Asked<'r> {
    program: cel::Program,
    way: &'r [String],
}

impl<'r> Asked<'r> {
    pub fn new(rule: &str, way: &'r [String]) -> Option<Self> {
        Some(Self { program: ENV.compile(rule).ok()?, way })
    }

    /// Whether the rule takes a value (`None`: a missing one), where it says so without any other field.
    pub fn takes(&self, value: Option<&Value>) -> Option<bool> {
        let itself = match (self.way.split_last(), value) {
            (None, None) => return None,
            (None, Some(value)) => value.clone(),
            (Some((last, around)), value) => {
                let mut map = Map::new();
                map.extend(value.map(|value| (last.clone(), value.clone())));
                let wrap = |inner: Value, name: &String| Value::Object(Map::from_iter([(name.clone(), inner)]));
                around.iter().rev().fold(Value::Object(map), wrap)
            }
        };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable("self", itself).ok()?;
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(takes)) => Some(takes),
            _ => None,
        }
    }
}
