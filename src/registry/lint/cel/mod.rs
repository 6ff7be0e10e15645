//! CEL rules of a schema, judged as the API server judges them when the CRD is installed: types against the schema,
//! and the cost that they may come to.
//!
//! The estimate is that of `k8s.io/apiserver/pkg/cel/library` and cel-go's `checker/cost.go`, of Kubernetes 1.36. Not
//! all of CEL is known here: of a rule that uses anything else, that is said, and no verdict is given. A test puts
//! generated rules before a real API server.

pub(crate) mod calls;
mod check;
mod cost;
pub(crate) mod decl;

use crate::registry::Schema;
use crate::registry::compile::cel::parse;
use check::Checker;
use decl::Decl;

/// Highest estimated cost of one rule, times how often its value may occur.
pub const RULE_LIMIT: u64 = 10_000_000;

/// Highest estimated cost of all rules of a CRD.
pub const CRD_LIMIT: u64 = 100_000_000;

/// What the API server makes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It compiles; `cost` is its estimate, times how often its value may occur.
    Cost { cost: u64 },
    /// It does not compile.
    Wrong { message: String, help: Option<String> },
    /// It uses something whose type or cost is not known here.
    Unknown { what: String },
}

/// A rule of a schema, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// JSON pointer of the rule's entry, from the schema.
    pub pointer: String,
    pub verdict: Verdict,
}

/// Where a node of the schema stands.
#[derive(Clone, Copy, Debug)]
struct At {
    /// How many such values there can be, by the bounds of lists and maps around it; `None` where one has none.
    times: Option<u64>,
    /// It is below a list, whose items no API server can match with those before a change.
    in_list: bool,
}

/// Judges all rules of a spec's schema.
#[must_use]
pub fn judge(schema: &Schema) -> Vec<Judged> {
    let mut judged = Vec::new();
    walk(schema, "", At { times: Some(1), in_list: false }, &mut judged);
    judged
}

fn walk(schema: &Schema, pointer: &str, at: At, judged: &mut Vec<Judged>) {
    let decl = if schema.validations.is_empty() { None } else { Decl::of(schema) };
    for (index, validation) in schema.validations.iter().enumerate() {
        let verdict = match &decl {
            Some(decl) => rule(&validation.rule, decl, at),
            None => Verdict::Wrong {
                message: "a CEL rule cannot see a value without a type, nor a list or a map of such".to_owned(),
                help: None,
            },
        };
        judged.push(Judged { pointer: format!("{pointer}/x-kubernetes-validations/{index}"), verdict });
    }
    for (name, child) in &schema.properties {
        walk(child, &format!("{pointer}/properties/{}", name.replace('~', "~0").replace('/', "~1")), at, judged);
    }
    if let Some(values) = &schema.additional_properties {
        let times = at.times.zip(schema.max_properties).map(|(times, most)| times.saturating_mul(u64::from(most)));
        walk(values, &format!("{pointer}/additionalProperties"), At { times, ..at }, judged);
    }
    if let Some(items) = &schema.items {
        let times = at.times.zip(schema.max_items).map(|(times, most)| times.saturating_mul(u64::from(most)));
        walk(items, &format!("{pointer}/items"), At { times, in_list: true }, judged);
    }
}

fn rule(text: &str, decl: &Decl, at: At) -> Verdict {
    let Ok(program) = parse(text) else {
        return Verdict::Unknown { what: "a syntax that is not known here".to_owned() };
    };
    match Checker::new(decl).rule(program.expression()) {
        Ok(found) if found.old_self && at.in_list => Verdict::Wrong {
            message: "`oldSelf` cannot be used below a list: its items have no identity over a change".to_owned(),
            help: None,
        },
        Ok(found) => Verdict::Cost { cost: found.cost.saturating_mul(at.times.unwrap_or_else(|| decl.most_often())) },
        Err(check::Fault::Wrong { message, help }) => Verdict::Wrong { message, help },
        Err(check::Fault::Unknown(what)) => Verdict::Unknown { what },
    }
}

/// The paths below `self` that a rule reads, as field names; empty where it cannot be parsed.
#[must_use]
pub fn paths(rule: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    if let Ok(program) = parse(rule) {
        check::paths(program.expression(), &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rule: &str) -> Verdict {
        let schema = serde_json::json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
            "x-kubernetes-validations": [{"rule": rule, "message": "no"}],
        });
        let schema: Schema = serde_json::from_value(schema).unwrap();
        judge(&schema).remove(0).verdict
    }

    #[test]
    fn what_is_not_known_gets_no_verdict() {
        for rule in [
            "self.tags.all(i, v, v != '')",
            "self.tags.transformList(i, v, v).size() > 0",
            "self.tags.sortBy(t, t)[0] == ''",
            "self.?name.optMap(n, n == '').orValue(true)",
            "cel.bind(n, self.name, n == '')",
            "sets.contains(self.tags, ['a'])",
            "quantity(self.name).isInteger()",
            "ip(self.name).family() == 4",
            "type(self.name) == string",
            "dyn(self.name) == 1",
            "self.name != null",
        ] {
            assert!(matches!(judged(rule), Verdict::Unknown { .. }), "{rule}: {:?}", judged(rule));
        }
    }

    #[test]
    fn what_is_known_is_judged() {
        assert_eq!(judged("has(self.name)"), Verdict::Cost { cost: 1 });
        for rule in
            ["self.name", "self.nmae == ''", "self.tags.all(t, t)", "self.name.lower() == ''", "slef.name == ''"]
        {
            assert!(matches!(judged(rule), Verdict::Wrong { .. }), "{rule}: {:?}", judged(rule));
        }
        // below a list nothing is the same as before a change
        let schema = serde_json::json!({
            "type": "array",
            "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "no"}]},
        });
        let schema: Schema = serde_json::from_value(schema).unwrap();
        assert!(matches!(judge(&schema)[0].verdict, Verdict::Wrong { .. }));
    }

    /// Of what stands in CRDs, all that `kinds lint` knows is evaluated, and compared with a real server by `tests/validate`.
    #[test]
    fn what_lint_knows_is_evaluated() {
        // of authorisers, which rules of CRDs do not have; macros; first parts of names
        let others = " check allowed reason error errored group resource subresource namespace name path serviceAccount \
            fieldSelector labelSelector escapeKey has all exists existsOne exists_one map filter transformList \
            transformMap transformMapEntry optMap optFlatMap sortBy @sortByAssociatedKeys or orValue _?._ _[?_] ";
        let known: Vec<&str> = crate::kube_schema::cel::function_names().collect();
        for name in super::calls::functions() {
            let last = |known: &&str| *known == name || known.rsplit_once('.').is_some_and(|(_, last)| last == name);
            assert!(others.contains(&format!(" {name} ")) || known.iter().any(last), "{name}");
        }
    }
}
