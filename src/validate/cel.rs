//! CEL rules as `kube-apiserver` evaluates them on a creation.
//!
//! The interpreter is the crate `cel`; what Kubernetes adds to the language stands in `functions`. A rule that uses
//! what neither has is told as not checked: it gives no verdict at all rather than a wrong one.

mod functions;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional, CelString};
use cel::common::value::Val;
use cel::{Context, Env, Program};
use serde_json::Value;

use super::schema::{Fault, Node, Unsupported};
use super::way::{Step, Way};

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::env()));

/// A rule of `x-kubernetes-validations`.
pub struct CelRule {
    program: Program,
    text: String,
    message: String,
    field: Option<Way>,
    /// It compares with what was there before: on a creation it says nothing.
    transition: bool,
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
        let program = ENV
            .compile(&text)
            .map_err(|errors| refused(errors.to_string().lines().next().unwrap_or("it cannot be parsed").to_owned()))?;
        let mut used = Used::default();
        used.look(program.expression());
        if let Some(name) = used.functions.iter().find(|name| !functions::KNOWN.contains(&name.as_str())) {
            return Err(refused(format!("`{name}` is not known here")));
        }
        let transition = used.names.contains("oldSelf") && rule.get("optionalOldSelf") != Some(&Value::Bool(true));
        // the server shows a rule without a message by its text
        let message = word("message").map_or_else(|| format!("failed rule: {}", text.trim()), str::to_owned);
        let field = word("fieldPath").map(field_way);
        Ok(Self { program, text, message, field, transition })
    }

    /// What the rule has against a value.
    #[must_use]
    pub fn check(&self, itself: &Itself<'_>) -> Option<Fault> {
        if self.transition {
            return None;
        }
        match self.program.execute(&itself.context) {
            Ok(cel::Value::Bool(true)) => None,
            Ok(cel::Value::Bool(false)) => {
                Some(Fault::Cel { message: self.message.clone(), field: self.field.clone() })
            }
            Ok(_) => Some(self.error("it is neither true nor false")),
            Err(error) => Some(self.error(&error.to_string())),
        }
    }

    fn error(&self, error: &str) -> Fault {
        Fault::CelError { rule: self.text.trim().to_owned(), error: error.to_owned() }
    }
}

/// `.spec.a['b']` as a way.
fn field_way(path: &str) -> Way {
    let parts = path.split(['.', '[', ']']).map(|part| part.trim_matches(['\'', '"']));
    parts.filter(|part| !part.is_empty()).map(|part| Step::Key(part.to_owned())).collect()
}

/// What an expression uses.
#[derive(Default)]
struct Used {
    functions: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Used {
    fn look(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Call(call) => {
                // `cel.bind`, `sets.contains`: a name of two parts is one function
                let space = call.target.as_ref().and_then(|target| match &target.expr {
                    Expr::Ident(name) if functions::SPACES.contains(&name.as_str()) => Some(name),
                    _ => None,
                });
                if let Some(space) = space {
                    self.functions.insert(format!("{space}.{}", call.func_name));
                } else {
                    self.functions.insert(call.func_name.clone());
                    call.target.iter().for_each(|target| self.look(target));
                }
                call.args.iter().for_each(|argument| self.look(argument));
            }
            Expr::Comprehension(inner) => {
                for part in [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.look(part);
                }
            }
            Expr::Ident(name) => drop(self.names.insert(name.clone())),
            Expr::List(list) => list.elements.iter().for_each(|inner| self.look(inner)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(entry)),
            Expr::Select(select) => self.look(&select.operand),
            Expr::Struct(made) => {
                self.functions.insert(made.type_name.clone());
                made.entries.iter().for_each(|entry| self.entry(entry));
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &IdedEntryExpr) {
        match &entry.expr {
            EntryExpr::StructField(field) => self.look(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.look(&entry.key);
                self.look(&entry.value);
            }
        }
    }
}

/// What `self` is, ready for any number of rules.
pub struct Itself<'v> {
    context: Context<'v, 'v>,
}

impl std::fmt::Debug for Itself<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Itself").finish_non_exhaustive()
    }
}

/// A value as `self`, typed by its schema.
#[must_use]
pub fn value<'v>(node: &Node, value: &'v Value) -> Itself<'v> {
    let mut context = Context::with_env(Arc::clone(&ENV));
    context.add_variable_as_val("self", convert(Some(node), value));
    context.add_variable_as_val("oldSelf", Box::new(CelOptional::none()));
    Itself { context }
}

fn convert<'v>(node: Option<&Node>, value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Number(number) => {
            let float = || Box::new(CelDouble::from(number.as_f64().unwrap_or_default()));
            if node.is_some_and(Node::is_number) {
                return float();
            }
            let whole = number.as_i64().or_else(|| {
                let rounded = number.as_f64().filter(|float| float.abs() <= 9_007_199_254_740_991.0)?;
                #[expect(clippy::cast_possible_truncation, reason = "it fits into 53 bits")]
                (rounded.fract() == 0.0).then_some(rounded as i64)
            });
            match whole {
                Some(whole) => Box::new(CelInt::from(whole)),
                None => float(),
            }
        }
        Value::Array(items) => {
            let item = node.and_then(Node::item);
            let items: Vec<Box<dyn Val + 'v>> = items.iter().map(|inner| convert(item, inner)).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(map) => {
            let is_map = node.is_none_or(Node::is_map);
            let mut entries: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = HashMap::with_capacity(map.len());
            for (name, inner) in map {
                let schema = node.and_then(|node| node.inner(name));
                if is_map {
                    entries.insert(CelMapKey::String(CelString::from(name.as_str())), convert(schema, inner));
                } else if schema.is_some() {
                    // fields that the schema does not know are pruned before
                    entries.insert(key(name), convert(schema, inner));
                }
            }
            Box::new(CelMap::from(entries))
        }
    }
}

fn key(name: &str) -> CelMapKey<'_> {
    match escaped(name) {
        Some(escaped) => CelMapKey::String(CelString::from(escaped)),
        None => CelMapKey::String(CelString::from(name)),
    }
}

/// Names that are words of the language, or hold what no identifier has.
const RESERVED: [&str; 20] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
];

/// A field's name as rules write it; `None` where that is the name itself.
fn escaped(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return None;
    }
    let name = name.replace("__", "\u{0}").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__");
    Some(name.replace('\u{0}', "__underscores__"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(rule: &str, schema: &Value, value: &Value) -> Option<Fault> {
        let rule =
            CelRule::compile(&json!({"rule": rule, "message": "no", "optionalOldSelf": rule.contains("oldSelf")}));
        let rule = rule.unwrap_or_else(|problem| panic!("{problem:?}"));
        let mut unsupported = Vec::new();
        let node = Node::compile(schema, &mut unsupported);
        rule.check(&super::value(&node, value))
    }

    /// Each true in Kubernetes.
    #[test]
    fn what_kubernetes_adds_is_there() {
        let schema = json!({"type": "object", "properties": {
            "text": {"type": "string"}, "whole": {"type": "integer"}, "share": {"type": "number"},
            "list": {"type": "array", "items": {"type": "integer"}}, "a-b": {"type": "string"},
            "in": {"type": "string"}, "one_two": {"type": "string"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }});
        let value = json!({
            "text": "Abc 12", "whole": 3.0, "share": 1, "list": [1, 2, 5], "a-b": "x", "in": "y", "one_two": "z",
            "map": {"a-b": "c"}, "unknown": 1,
        });
        for rule in [
            "self.text.matches('^[A-Z]')",
            "!'\u{a0}'.matches('^\\\\s$')",
            "self.text.find('[0-9]+') == '12'",
            "self.text.findAll('[a-z]') == ['b', 'c']",
            "self.text.findAll('[a-z]', 1) == ['b']",
            "type(self.whole) == int && self.whole == 3",
            "type(self.share) == double",
            "self.list.isSorted() && self.list.sum() == 8 && self.list.min() == 1 && self.list.max() == 5",
            "self.list.indexOf(5) == 2 && self.list.lastIndexOf(9) == -1",
            "sets.contains(self.list, [1, 2]) && !sets.equivalent(self.list, [1]) && sets.intersects([1], self.list)",
            "self.a__dash__b == 'x' && self.__in__ == 'y' && self.one_two == 'z'",
            "self.map['a-b'] == 'c' && 'a-b' in self.map",
            "!has(self.unknown)",
            "self.?text.orValue('') == 'Abc 12' && self.text.lowerAscii().trim().split(' ').size() == 2",
            "self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.map(x, x * 2) == [2, 4, 10]",
            "!oldSelf.hasValue()",
            "math.greatest(1, 2) == 2 && 'a-b'.replace('-', '+') == 'a+b' && ['a', 'b'].join(',') == 'a,b'",
        ] {
            assert_eq!(verdict(rule, &schema, &value), None, "{rule}");
        }
        assert!(matches!(verdict("self.whole > 3", &schema, &value), Some(Fault::Cel { .. })));
        assert!(matches!(verdict("self.missing == 1", &schema, &value), Some(Fault::CelError { .. })));
    }

    #[test]
    fn what_is_not_known_gives_no_verdict() {
        for rule in ["quantity(self) < 1", "self == duration('1m')", "cel.bind(x, 1, x == 1)", "ip(self).family() == 4"]
        {
            let problem = CelRule::compile(&json!({"rule": rule})).unwrap_err();
            assert!(matches!(problem, Some(Unsupported::Cel { .. })), "{rule}");
        }
    }

    #[test]
    fn transitions_say_nothing_on_a_creation() {
        let rule = CelRule::compile(&json!({"rule": "self == oldSelf"})).unwrap();
        let node = Node::compile(&json!({"type": "string"}), &mut Vec::new());
        assert_eq!(rule.check(&super::value(&node, &json!("x"))), None);
    }
}
