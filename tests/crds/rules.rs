//! CEL rules made at random: what `kinds lint` says of them is what the API server says of the CRD. Its own packages
//! are asked about most of them (`tests/celjudge`), and a real server about a few.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use orloj_operator::cel::{CRD_LIMIT, RULE_LIMIT, RuleVerdict};
use orloj_operator::kube_schema::SchemaNode;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::judge::judge;
use crate::server::installed;

/// CRDs, and rules in each; `CRDS_COUNT` says another number of CRDs.
const DEFINITIONS: usize = 600;
const RULES: usize = 30;

/// CRDs that a real server is asked about.
const INSTALLED: usize = 6;

/// Rules of the libraries and macros that the generator does not put together by itself.
const LIBRARIES: [&str; 44] = [
    "self.tags.all(i, v, v != '' || i > 3)",
    "self.tags.exists(i, v, v == self.name && i < 9)",
    "self.tags.existsOne(i, v, v == '')",
    "self.labels.all(k, v, k != v)",
    "self.tags.transformList(i, v, v).size() > 0",
    "self.tags.transformList(i, v, i > 0, v + self.note).join(',') != ''",
    "self.labels.transformMap(k, v, v + k).size() > 2",
    "self.labels.transformMap(k, v, v != '', v)['a'] == 'b'",
    "self.labels.transformMapEntry(k, v, {v: k}).size() > 2",
    "self.?name.optMap(n, n == '').orValue(true)",
    "self.?name.optFlatMap(n, optional.of(n + 'a')).orValue('') == 'a'",
    "self.?deep.?name.hasValue()",
    "self.?labels[?'a'].orValue('') == ''",
    "self.?tags[0].orValue('x') == 'x'",
    "self.parts[?0].?name.or(self.?name).hasValue()",
    "optional.ofNonZeroValue(self.count).hasValue()",
    "[self.?name, self.?note].unwrapOpt().size() == 1",
    "self.parts.map(p, p.?name).unwrapOpt().isSorted()",
    "sets.contains(self.tags, ['a'])",
    "sets.equivalent(self.tags, self.tags) && sets.intersects(self.tags, [self.name])",
    "quantity('1').isInteger()",
    "quantity(self.name).add(quantity('1')).sub(3).compareTo(quantity(self.note)) < 0",
    "isQuantity(self.name) && quantity(self.name).isGreaterThan(quantity('1')) && sign(quantity(self.name)) > 0",
    "quantity(self.name) == quantity(self.note) && quantity(self.name).asInteger() > 3",
    "type(self.name) == string && type(self.count) != type(self.ratio)",
    "url(self.name).getHost() == 'a' && isURL(self.note) && url(self.name) == url(self.note)",
    "url(self.name).getQuery()['a'].exists(v, v == self.note)",
    "ip(self.name).family() == 4 && isIP(self.note) && ip.isCanonical(self.name)",
    "cidr(self.name).containsIP(self.note) && cidr(self.name).containsIP(ip(self.note))",
    "cidr(self.name).containsCIDR(self.note) && cidr(self.name).masked().prefixLength() > 3 && isCIDR(self.name)",
    "cidr(self.name).ip() == ip(self.note) && string(cidr(self.name)) == self.name",
    "semver(self.name).major() > 1 && isSemver(self.name, true) && semver(self.name, true).isLessThan(semver('1.0.0'))",
    "semver(self.name) == semver(self.note)",
    "format.dns1123Label().validate(self.name).hasValue()",
    "!format.named('uuid').value().validate(self.name).hasValue() && format.uri() == format.date()",
    "'%s is %d'.format([self.name, self.count]) == self.note",
    "strings.quote(self.name) == self.note",
    "self.tags.sortBy(t, t.size())[0] == ''",
    "self.parts.sortBy(p, p.size).map(p, p.name).slice(0, 2).reverse().distinct().sort().size() > 1",
    "[self.tags, [self.name]].flatten().first().orValue('') == self.tags.last().value()",
    "lists.range(3).map(i, self.tags[i]).all(t, t != '')",
    "dyn(self.name) == 1 || dyn(self.count) > 1.5 || self.either == 'a' || self.either > 3",
    "self.at - self.at < self.wait && self.at + self.wait > timestamp('2024-01-01T00:00:00Z')",
    "{'a': self.name, 'b': self.note}.exists(k, k == self.name) && bytes(self.name).size() > 2",
];

/// Rules that no server takes.
const REFUSED: [&str; 22] = [
    "!has(self.unknown)",
    "1u == 1 && 2 in [1.0, 2.0]",
    "[1, 'a'].size() == 2",
    "{'a': 1, 'b': 'c'}.size() == 2",
    "int('x') == 1",
    "duration('1 day') > self.wait",
    "timestamp('yesterday') < self.at",
    "bool('maybe')",
    "self.name.matches('(')",
    "'%s %s'.format([self.name]) == ''",
    "'%d'.format([self.name]) == ''",
    "self.name != null",
    "self.?name",
    "self.?name.size() > 2",
    "quantity(self.count).isInteger()",
    "quantity(self.name) == self.name",
    "ip(self.name) == cidr(self.name)",
    "self.tags.sortBy(t, [t]).size() == 0",
    "self.parts.isSorted()",
    "self.either",
    "math.greatest(1, 2) == 2",
    "cel.bind(n, self.name, n == '')",
];

/// What a rule's part is of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Bool,
    Int,
    Double,
    Text,
    Texts,
}

/// A variable: its name, and the schema of what it holds.
type Variables = Vec<(String, Value)>;

fn bound(schema: &mut Value, key: &str, rng: &mut StdRng) {
    if rng.random_bool(0.7) {
        schema[key] = json!([1, 5, 20, 64, 253, 1024].choose(rng));
    }
}

/// A schema with something of everything, its bounds at random.
fn zoo(rng: &mut StdRng) -> Value {
    let text = |rng: &mut StdRng| {
        let mut schema = json!({"type": "string"});
        bound(&mut schema, "maxLength", rng);
        schema
    };
    let mut tags = json!({"type": "array", "items": text(rng)});
    bound(&mut tags, "maxItems", rng);
    let mut labels = json!({"type": "object", "additionalProperties": text(rng)});
    bound(&mut labels, "maxProperties", rng);
    let mut marks = json!({"type": "array", "items": text(rng)});
    bound(&mut marks, "maxItems", rng);
    let part = json!({
        "type": "object",
        "properties": {"name": text(rng), "size": {"type": "integer"}, "marks": marks},
    });
    let mut parts = json!({"type": "array", "items": part});
    if rng.random_bool(0.5) {
        parts["items"]["required"] = json!(["name"]);
    }
    bound(&mut parts, "maxItems", rng);
    let mut boxes = json!({
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {"open": {"type": "boolean"}, "deep": {"type": "object", "properties": {"note": text(rng)}}},
        },
    });
    bound(&mut boxes, "maxProperties", rng);
    json!({
        "type": "object",
        "properties": {
            "name": text(rng), "note": text(rng), "x-y": text(rng), "namespace": text(rng), "a__b": text(rng),
            "sort": {"type": "string", "enum": ["one", "another"]},
            "either": {"x-kubernetes-int-or-string": true},
            "count": {"type": "integer"}, "ratio": {"type": "number"}, "on": {"type": "boolean"},
            "at": {"type": "string", "format": "date-time"}, "wait": {"type": "string", "format": "duration"},
            "tags": tags, "labels": labels, "parts": parts, "boxes": boxes,
        },
    })
}

fn escaped(name: &str) -> &str {
    match name {
        "x-y" => "x__dash__y",
        "namespace" => "__namespace__",
        "a__b" => "a__underscores__b",
        other => other,
    }
}

/// Everything below a variable that has a name, by what it is.
fn below(text: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
    found.push((text.to_owned(), schema.clone()));
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        below(&format!("{text}.{}", escaped(name)), child, found);
    }
    if schema["items"].is_object() {
        found.push((format!("{text}[0]"), schema["items"].clone()));
    }
    if schema["additionalProperties"].is_object() {
        found.push((format!("{text}['k']"), schema["additionalProperties"].clone()));
    }
}

fn is(schema: &Value, kind: Kind) -> bool {
    let plain = schema["format"].is_null();
    match kind {
        Kind::Bool => schema["type"] == "boolean",
        Kind::Int => schema["type"] == "integer",
        Kind::Double => schema["type"] == "number",
        Kind::Text => schema["type"] == "string" && plain,
        Kind::Texts => schema["type"] == "array" && schema["items"]["type"] == "string",
    }
}

struct Author<'r> {
    rng: &'r mut StdRng,
    /// Chance that a part is not what is wanted there.
    faults: f64,
}

impl Author<'_> {
    fn known(&mut self, variables: &Variables, fits: impl Fn(&Value) -> bool) -> Option<(String, Value)> {
        let mut all = Vec::new();
        for (name, schema) in variables {
            below(name, schema, &mut all);
        }
        let fitting: Vec<_> = all.into_iter().filter(|(_, schema)| fits(schema)).collect();
        fitting.choose(self.rng).cloned()
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts.choose(self.rng).copied().unwrap_or_default()
    }

    fn of(&mut self, kind: Kind, variables: &Variables, depth: usize) -> String {
        let kinds = [Kind::Bool, Kind::Int, Kind::Double, Kind::Text, Kind::Texts];
        if self.rng.random_bool(self.faults) {
            if self.rng.random_bool(0.3) {
                return self
                    .pick(&["self.nmae", "slef.name", "self.name.lowerAsci()", "self.name.x", "oldSelf"])
                    .to_owned();
            }
            let other = kinds.choose(self.rng).copied().unwrap_or(kind);
            return self.of(other, variables, depth.min(1));
        }
        if depth == 0 || self.rng.random_bool(0.25) {
            if let Some((text, _)) =
                self.known(variables, |schema| is(schema, kind)).filter(|_| self.rng.random_bool(0.8))
            {
                return text;
            }
            return match kind {
                Kind::Bool => self.pick(&["true", "false"]),
                Kind::Int => self.pick(&["0", "7", "-3", "size('abc')"]),
                Kind::Double => self.pick(&["0.5", "2.0"]),
                Kind::Text => self.pick(&["''", "'a'", "'long enough'", "'日本'"]),
                Kind::Texts => self.pick(&["[]", "['a']", "['one', 'two', 'three']"]),
            }
            .to_owned();
        }
        let depth = depth - 1;
        match kind {
            Kind::Bool => self.bool(variables, depth),
            Kind::Int => self.int(variables, depth),
            Kind::Double => {
                let (one, other) = (self.of(kind, variables, depth), self.of(kind, variables, depth));
                match self.rng.random_range(0..2) {
                    0 => format!("({one} {} {other})", self.pick(&["+", "-", "*", "/"])),
                    _ => format!("double({})", self.of(Kind::Int, variables, depth)),
                }
            }
            Kind::Text => self.text(variables, depth),
            Kind::Texts => self.texts(variables, depth),
        }
    }

    fn bool(&mut self, variables: &Variables, depth: usize) -> String {
        let mut of = |kind| self.of(kind, variables, depth);
        let (yes, no) = (of(Kind::Bool), of(Kind::Bool));
        let (text, other) = (of(Kind::Text), of(Kind::Text));
        let (one, two) = (of(Kind::Int), of(Kind::Int));
        let texts = of(Kind::Texts);
        match self.rng.random_range(0..16) {
            _ if self.rng.random_bool(self.faults / 4.0) => self.pick(&REFUSED).to_owned(),
            _ if self.rng.random_bool(0.06) => format!("({})", self.pick(&LIBRARIES)),
            0 | 1 => format!("({yes} {} {no})", self.pick(&["&&", "||", "==", "!="])),
            2 => format!("!({yes})"),
            3 => format!("({} ? {yes} : {no})", self.of(Kind::Bool, variables, depth)),
            4 => format!("({text} {} {other})", self.pick(&["==", "!=", "<", ">="])),
            5 => format!("({one} {} {two})", self.pick(&["==", "!=", "<", ">="])),
            6 => format!("{text}.{}({other})", self.pick(&["startsWith", "endsWith", "contains"])),
            7 => format!("{text}.matches({})", self.pick(&["'^[a-z]+$'", "'x|y'", "self.name", "'(?i:abc)'"])),
            8 => format!("({text} in {texts})"),
            9 => format!(
                "{texts}.{}(t, {})",
                self.pick(&["all", "exists", "exists_one"]),
                self.about("t", variables, depth)
            ),
            10 => match self.known(variables, |schema| schema["additionalProperties"].is_object()) {
                Some((map, _)) => {
                    let about = self.about("k", variables, depth);
                    format!("{map}.{}(k, {about} || '' in {map})", self.pick(&["all", "exists"]))
                }
                None => yes,
            },
            11 => match self.known(variables, |schema| schema["items"]["type"] == "object") {
                Some((list, schema)) => {
                    let mut inner = variables.clone();
                    inner.push(("p".to_owned(), schema["items"].clone()));
                    format!("{list}.{}(p, {})", self.pick(&["all", "exists"]), self.of(Kind::Bool, &inner, depth))
                }
                None => no,
            },
            12 => match self.known(variables, |_| true) {
                Some((path, _)) if path.contains('.') && !path.ends_with(']') => format!("has({path})"),
                _ => yes,
            },
            13 => format!("{texts}.isSorted()"),
            14 => self
                .pick(&["self.at < timestamp(0)", "self.wait > duration('1h')", "self.at.getHours() == 3"])
                .to_owned(),
            _ => format!("({} <= {one})", self.of(Kind::Double, variables, depth)),
        }
    }

    /// Something about a string that is a macro's variable.
    fn about(&mut self, name: &str, variables: &Variables, depth: usize) -> String {
        let mut inner = variables.clone();
        inner.push((name.to_owned(), json!({"type": "string"})));
        match self.rng.random_range(0..3) {
            0 => format!("{name}.size() > 3"),
            1 => format!("{name} == {}", self.of(Kind::Text, &inner, depth)),
            _ => self.of(Kind::Bool, &inner, depth),
        }
    }

    fn int(&mut self, variables: &Variables, depth: usize) -> String {
        let (one, two) = (self.of(Kind::Int, variables, depth), self.of(Kind::Int, variables, depth));
        let text = self.of(Kind::Text, variables, depth);
        match self.rng.random_range(0..7) {
            0 => format!("({one} {} {two})", self.pick(&["+", "-", "*", "/", "%"])),
            1 => format!("size({text})"),
            2 => format!("{}.size()", self.of(Kind::Texts, variables, depth)),
            3 => format!("{text}.{}('a')", self.pick(&["indexOf", "lastIndexOf"])),
            4 => format!("{}.indexOf({text})", self.of(Kind::Texts, variables, depth)),
            5 => format!("{}.map(t, t.size()).sum()", self.of(Kind::Texts, variables, depth)),
            _ => format!("int({text})"),
        }
    }

    fn text(&mut self, variables: &Variables, depth: usize) -> String {
        let (text, other) = (self.of(Kind::Text, variables, depth), self.of(Kind::Text, variables, depth));
        let texts = self.of(Kind::Texts, variables, depth);
        match self.rng.random_range(0..10) {
            0 | 1 => format!("{text}.{}()", self.pick(&["trim", "lowerAscii", "upperAscii"])),
            2 => format!("({text} + {other})"),
            3 => format!("{text}.replace('a', {other})"),
            4 => format!("{text}.substring(1)"),
            5 => format!("string({})", self.of(Kind::Int, variables, depth)),
            6 => format!("{texts}.join({})", self.pick(&["", "', '"])),
            7 => format!("({} ? {text} : {other})", self.of(Kind::Bool, variables, depth)),
            8 => format!("{text}.find('[0-9]+')"),
            _ => format!("{texts}.{}()", self.pick(&["min", "max"])),
        }
    }

    fn texts(&mut self, variables: &Variables, depth: usize) -> String {
        let text = self.of(Kind::Text, variables, depth);
        let texts = self.of(Kind::Texts, variables, depth);
        match self.rng.random_range(0..6) {
            0 => format!("[{text}, 'b']"),
            1 => format!("{text}.split(',')"),
            2 => format!("{texts}.map(t, t + {text})"),
            3 => format!("{texts}.filter(t, {})", self.about("t", variables, depth)),
            4 => format!("({texts} + [{text}])"),
            _ => format!("{text}.findAll('[a-z]', 3)"),
        }
    }
}

/// Puts rules onto some nodes of a schema.
fn govern(schema: &mut Value, rng: &mut StdRng) {
    let places = [
        "",
        "",
        "",
        "/properties/name",
        "/properties/count",
        "/properties/tags",
        "/properties/tags/items",
        "/properties/parts",
        "/properties/parts/items",
        "/properties/labels",
        "/properties/boxes",
        "/properties/boxes/additionalProperties",
        "/properties/labels/additionalProperties",
    ];
    for _ in 0..RULES {
        let place = places.choose(rng).copied().unwrap_or_default();
        let mut node = schema.pointer(place).expect("a node").clone();
        node.as_object_mut().expect("a schema").remove("x-kubernetes-validations");
        let name = if rng.random_bool(0.9) { "self" } else { "oldSelf" };
        let faults = [0.0, 0.0, 0.05].choose(rng).copied().unwrap_or_default();
        let depth = rng.random_range(1..4);
        let rule = Author { rng, faults }.of(Kind::Bool, &vec![(name.to_owned(), node)], depth);
        let rules = &mut schema.pointer_mut(place).expect("a node")["x-kubernetes-validations"];
        if rules.is_null() {
            *rules = json!([]);
        }
        rules.as_array_mut().expect("a list").push(json!({"rule": rule, "message": "no"}));
    }
}

fn definition(schema: &Value) -> CustomResourceDefinition {
    let text = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.rules.example.com"},
        "spec": {
            "group": "rules.example.com", "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}},
            }],
        },
    });
    serde_json::from_value(text).expect("a definition")
}

/// The server's words on each rule, by our pointer; those on the whole under `total`.
async fn refusals(client: &kube::Client, schema: &Value) -> BTreeMap<String, String> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let status = match api.create(&dry, &definition(schema)).await {
        Ok(_) => return BTreeMap::new(),
        Err(kube::Error::Api(status)) => status,
        Err(error) => panic!("{error}"),
    };
    let mut refusals = BTreeMap::new();
    for cause in status.details.into_iter().flat_map(|details| details.causes) {
        if cause.message.contains("contributed to estimated rule cost") {
            continue;
        }
        let total = cause.message.contains("cost total for entire");
        let path = cause.field.split("openAPIV3Schema.properties[spec]").nth(1).map(str::to_owned);
        let pointer = match path.filter(|_| !total) {
            Some(path) => path.replace(".rule", "").replace(['.', '['], "/").replace(']', ""),
            None if total => "total".to_owned(),
            None => panic!("{}: {}", cause.field, cause.message),
        };
        refusals.insert(pointer, cause.message);
    }
    refusals
}

/// The server's word for a cost.
#[allow(clippy::cast_precision_loss)]
fn factor(cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    match factor {
        factor if factor > 100.0 => "more than 100x".to_owned(),
        factor if factor < 1.5 => format!("{factor:.6}x"),
        factor => format!("{factor:.1}x"),
    }
}

/// What is wrong with our verdict, given the server's.
fn disagreement(verdict: &RuleVerdict, said: Option<&String>) -> Option<String> {
    let says = |part: &str| said.is_some_and(|said| said.contains(part));
    let agree = match verdict {
        RuleVerdict::NotChecked { .. } => false,
        RuleVerdict::Refused { .. } => said.is_some() && !says("exceeds budget"),
        RuleVerdict::Cost { cost } if *cost > RULE_LIMIT => {
            says(&format!("estimated rule cost exceeds budget by factor of {} ", factor(*cost, RULE_LIMIT)))
        }
        RuleVerdict::Cost { .. } => said.is_none(),
    };
    (!agree).then(|| format!("{verdict:?}, the server: {}", said.map_or("accepted", |said| said)))
}

/// Our verdict on each rule, by its pointer.
fn ours(schema: &Value) -> BTreeMap<String, RuleVerdict> {
    let mut ours = BTreeMap::new();
    SchemaNode::compile(schema, &mut Vec::new()).check_rule_costs(&mut |pointer, verdict| {
        ours.insert(pointer, verdict);
    });
    ours
}

fn seeded(count: usize) -> (u64, usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("CRDS_SEED").unwrap_or_else(rand::random::<u64>);
    println!("CRDS_SEED={seed} repeats this run");
    (seed, number("CRDS_COUNT").map_or(count, |count| usize::try_from(count).unwrap_or(1)))
}

/// How many rules there were of each kind.
#[derive(Debug, Default)]
struct Verdicts {
    sound: usize,
    refused: usize,
    dear: usize,
    not_checked: usize,
    /// The server's estimate, see [`shares_a_path`].
    mistaken: usize,
}

impl Verdicts {
    fn count(&mut self, verdict: &RuleVerdict) {
        *match verdict {
            RuleVerdict::Cost { cost } if *cost > RULE_LIMIT => &mut self.dear,
            RuleVerdict::Cost { .. } => &mut self.sound,
            RuleVerdict::Refused { .. } => &mut self.refused,
            RuleVerdict::NotChecked { .. } => &mut self.not_checked,
        } += 1;
    }
}

/// Whether a rule goes over one field of a loop's variable and asks for another field within. cel-go's estimator (0.26)
/// appends both names to one slice of Go, so that the second takes the place of the first where the slice has room: the
/// size of `p.name` is then taken for that of `p.marks` in `self.parts.all(p, p.marks.all(t, t == p.name))`.
fn shares_a_path(rule: &str) -> bool {
    let range = regex::Regex::new(r"\b(\w+)\.(\w+)\.\w+\(").expect("a pattern");
    range.captures_iter(rule).any(|found| {
        let (variable, field) = (&found[1], &found[2]);
        let rest = &rule[found.get(0).expect("a match").end()..];
        let others = regex::Regex::new(&format!(r"\b{variable}\.(\w+)")).expect("a pattern");
        variable != "self" && others.captures_iter(rest).any(|other| &other[1] != field)
    })
}

fn complain(complaints: &[String], seed: u64) {
    let shown = complaints.len().min(12);
    assert!(complaints.is_empty(), "{} (CRDS_SEED={seed}):\n{}", complaints.len(), complaints[..shown].join("\n"));
}

#[test]
fn rules_cost_what_they_cost_in_the_server() {
    let (seed, count) = seeded(DEFINITIONS);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut schemas = Vec::new();
    let mut plain = zoo(&mut rng);
    let all = LIBRARIES.iter().chain(&REFUSED).map(|rule| json!({"rule": rule, "message": "no"}));
    plain["x-kubernetes-validations"] = all.collect();
    schemas.push(plain);
    for _ in 0..count {
        let mut schema = zoo(&mut rng);
        govern(&mut schema, &mut rng);
        schemas.push(schema);
    }
    let mut verdicts = Verdicts::default();
    let mut complaints = Vec::new();
    for (schema, answer) in schemas.iter().zip(judge(schemas.iter().map(|schema| json!({"schema": schema})))) {
        assert_eq!(answer["error"], Value::Null, "{schema}");
        let ours = ours(schema);
        let theirs = answer["rules"].as_array().expect("rules");
        assert_eq!(ours.len(), theirs.len());
        for said in theirs {
            let pointer = said["pointer"].as_str().expect("a pointer");
            let verdict = &ours[pointer];
            verdicts.count(verdict);
            let agree = match verdict {
                RuleVerdict::NotChecked { .. } => false,
                RuleVerdict::Refused { .. } => said["error"].is_string(),
                RuleVerdict::Cost { cost } => said["error"].is_null() && said["cost"].as_u64() == Some(*cost),
            };
            let rule = schema.pointer(pointer).expect("a rule")["rule"].as_str().expect("a text");
            if !agree && shares_a_path(rule) {
                verdicts.mistaken += 1;
            } else if !agree {
                complaints.push(format!("{pointer}: {rule}\n  {verdict:?}, the server: {said}\n  {schema}"));
            }
        }
    }
    println!("{verdicts:?}");
    complain(&complaints, seed);
    let Verdicts { sound, refused, dear, mistaken, .. } = verdicts;
    assert!(mistaken * 1_000 <= sound, "{mistaken} of {sound} estimates of the server are mistaken");
    assert!(sound > 100 && refused > 50 && dear > 50, "the rules are too much alike");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_checked_as_a_real_server_checks_them() {
    let client = installed().admin_client().await;
    let (seed, count) = seeded(INSTALLED);
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut verdicts, mut totals) = (Verdicts::default(), 0);
    let mut complaints = Vec::new();
    for _ in 0..count.min(INSTALLED * 10) {
        let mut schema = zoo(&mut rng);
        govern(&mut schema, &mut rng);
        let refusals = refusals(&client, &schema).await;
        let mut total = Some(0_u64);
        for (pointer, verdict) in ours(&schema) {
            verdicts.count(&verdict);
            total = match &verdict {
                RuleVerdict::Cost { cost } => total.map(|total| total.saturating_add(*cost)),
                // the server's estimate of a rule that does not compile is 0, but for that of `oldSelf` in a list
                RuleVerdict::Refused { message, .. } if !message.contains("`oldSelf`") => total,
                _ => None,
            };
            if let Some(what) = disagreement(&verdict, refusals.get(&pointer)) {
                let rule = schema.pointer(&pointer).expect("a rule")["rule"].clone();
                complaints.push(format!("{pointer}: {rule}\n  {what}"));
            }
        }
        if let Some(total) = total {
            totals += 1;
            let said = refusals.get("total");
            let expected = (total > CRD_LIMIT).then(|| format!("by factor of {} ", factor(total, CRD_LIMIT)));
            let agree = match (&expected, said) {
                (None, None) => true,
                (Some(expected), Some(said)) => said.contains(expected),
                _ => false,
            };
            if !agree {
                complaints.push(format!("in all {total}, the server: {said:?}"));
            }
        }
    }
    println!("{verdicts:?}; {totals} totals");
    complain(&complaints, seed);
}
