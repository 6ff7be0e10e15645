//! Constraints of a `CustomResourceDefinition`, derived from a kind's steps and rules: patterns, word lists, required
//! fields and CEL rules that refuse at `kubectl apply` what the operator would refuse.
//!
//! What a rule refuses is a formula over the normalised spec (`refusal`); by the steps it becomes one over the spec
//! as submitted (`precondition`), and that is placed at the innermost node of the schema that holds all it speaks of.
//! A derived constraint is never stricter than steps and rules: what cannot be said, or only at a cost that the API
//! server does not allow, is left to the operator.

mod cel_text;
mod formula;
mod message;
mod pattern;
mod precondition;
mod refusal;
pub mod schema;

use crate::cel::{CRD_LIMIT, RULE_LIMIT, RuleVerdict};
use crate::derive::schema::{Schema, SchemaType, Validation};
use crate::kube_schema::SchemaNode;
use crate::normalize::{Segment, Shape, Step};
use crate::rules::RuleEntry;
use cel_text::Effort;
use formula::{Atom, AtomTest, Formula, Part};
use pattern::StringConstraint;
use refusal::Refusal;

/// Who checks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedBy {
    /// The API server and the operator.
    Both,
    /// The operator, and the API server in part: it lets pass some of what the rule refuses.
    InPart,
    Operator,
}

impl CheckedBy {
    /// As people read it.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Both => "the API server and the operator",
            Self::InPart => "the operator, and in part the API server",
            Self::Operator => "the operator",
        }
    }
}

impl RuleCoverage {
    /// The rule's place among those of its file, from 1: `3.1` is the first rule of the third block.
    #[must_use]
    pub fn number(&self) -> String {
        let places = self.pointer.split('/').filter_map(|part| part.parse::<usize>().ok());
        places.map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(".")
    }
}

/// A rule, and who checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCoverage {
    /// JSON pointer of the rule in its file.
    pub pointer: String,
    pub checked_by: CheckedBy,
    /// Why the API server does not check all of it.
    pub why: Option<String>,
}

/// A schema with derived constraints.
#[derive(Debug)]
pub(crate) struct DerivedSchema {
    pub schema: Schema,
    pub coverage: Vec<RuleCoverage>,
}

/// Adds to a schema what follows from steps and rules. `sensitive`: no constraint is made whose text shows a value.
pub(crate) fn derive(
    schema: &Schema,
    shape: &Shape,
    steps: &[Step],
    rules: &[RuleEntry],
    sensitive: bool,
) -> DerivedSchema {
    let spent = rule_costs(schema).into_iter().flatten().fold(0, u64::saturating_add);
    let mut deriver = Deriver { schema: schema.clone(), spent, sensitive, nonblank: Vec::new(), costly: None };
    let mut coverage = Vec::new();
    for refusal in refusal::refusals(rules, shape) {
        let mut in_part = false;
        deriver.costly = None;
        let formula = precondition::submitted(refusal.formula.clone(), steps, shape).narrowed(&mut in_part);
        let formula = deriver.nonblank.iter().fold(formula, |formula, at| formula.never_blank(at));
        let said = deriver.refuse(&refusal, formula);
        let checked_by = match said {
            Said::Whole if in_part => CheckedBy::InPart,
            Said::Whole => CheckedBy::Both,
            Said::Part => CheckedBy::InPart,
            Said::Nothing => CheckedBy::Operator,
        };
        let why = (checked_by != CheckedBy::Both).then(|| deriver.why(&refusal, in_part));
        coverage.push(RuleCoverage { pointer: refusal.pointer, checked_by, why });
    }
    DerivedSchema { schema: deriver.schema, coverage }
}

/// The shape at the end of a path.
fn shape_at<'s>(shape: &'s Shape, path: &[Segment]) -> Option<&'s Shape> {
    path.iter().try_fold(shape, |shape, segment| match (shape, segment) {
        (Shape::Object(object), Segment::Field { position, .. }) => Some(&object.fields().get(*position)?.shape),
        (Shape::Map(inner), Segment::Values) | (Shape::List(inner), Segment::Items) => Some(&**inner),
        _ => None,
    })
}

/// What the API server takes each CEL rule of a schema to cost; `None` for one that it refuses.
fn rule_costs(schema: &Schema) -> Vec<Option<u64>> {
    let mut costs = Vec::new();
    SchemaNode::compile(&schema.openapi(), &mut Vec::new()).check_rule_costs(&mut |_, verdict| {
        costs.push(match verdict {
            RuleVerdict::Cost { cost } => Some(cost),
            RuleVerdict::Refused { .. } | RuleVerdict::NotChecked { .. } => None,
        });
    });
    costs
}

/// How much of a refusal a constraint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Nothing,
    Part,
    Whole,
}

impl Said {
    /// Of two parts of a refusal.
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Part }
    }
}

/// A refusal at the node of the schema where it is checked.
struct Placed {
    at: Vec<Segment>,
    formula: Formula,
}

struct Deriver {
    schema: Schema,
    /// Estimated cost of the rules so far.
    spent: u64,
    sensitive: bool,
    /// Strings of which a pattern refuses blank ones, so that no rule sees any.
    nonblank: Vec<Vec<Segment>>,
    /// Where a rule would have cost more than the API server allows.
    costly: Option<Vec<Segment>>,
}

impl Deriver {
    /// Why not all of a refusal is said. `unknown`: a part of its formula was.
    fn why(&self, refusal: &Refusal<'_>, unknown: bool) -> String {
        let mut before = false;
        refusal.formula.clone().narrowed(&mut before);
        if let Some(unsaid) = refusal.unsaid.filter(|_| before) {
            return unsaid.to_owned();
        }
        if let Some(at) = &self.costly {
            let subject = refusal.subject.as_deref().filter(|subject| subject.starts_with(at)).unwrap_or(at);
            let lacking = unbounded(&self.schema, subject);
            return match lacking.as_slice() {
                [] => "a rule would cost more than the API server allows".to_owned(),
                lacking => {
                    format!("a rule would cost more than the API server allows: {}", lacking.join(", "))
                }
            };
        }
        if self.sensitive {
            return "the API server's texts would show a secret value".to_owned();
        }
        if unknown && !before {
            return "a step changes the value before, in a way that CEL cannot say".to_owned();
        }
        "neither a pattern nor CEL can say it".to_owned()
    }

    fn refuse(&mut self, refusal: &Refusal<'_>, formula: Formula) -> Said {
        if formula == Formula::False {
            return Said::Nothing;
        }
        let parts = expanded(formula.clone());
        let plain = parts.iter().any(|part| required(&placed(part.clone())).is_some());
        if !plain {
            let whole = self.place(refusal, &placed(formula));
            if whole != Said::Nothing || parts.len() < 2 {
                return whole;
            }
        }
        let said = parts.into_iter().map(|part| self.place(refusal, &placed(part)));
        said.reduce(Said::and).unwrap_or(Said::Nothing)
    }

    fn place(&mut self, refusal: &Refusal<'_>, placed: &Placed) -> Said {
        if let Some(name) = required(placed) {
            let Some(node) = node_mut(&mut self.schema, &placed.at) else { return Said::Nothing };
            if !node.required.iter().any(|known| *known == *name) {
                node.required.push(name.into());
            }
            return Said::Whole;
        }
        let accepts = placed.formula.clone().merged().not();
        let Some(node) = node_mut(&mut self.schema, &placed.at) else { return Said::Nothing };
        let of_itself = node.schema_type == Some(SchemaType::String) && !self.sensitive;
        let constraint = pattern::of(&accepts).filter(|_| of_itself);
        let free = node.pattern.is_none() && node.values.is_empty();
        let accepted = |word: &String| accepts.clone().of_text(word) == Formula::True;
        if of_itself && !node.values.is_empty() && node.values.iter().all(accepted) {
            return Said::Whole;
        }
        match constraint {
            Some(StringConstraint::Pattern(pattern)) if free => {
                if ["", " "].iter().all(|text| accepts.clone().of_text(text) == Formula::False) {
                    self.nonblank.push(placed.at.clone());
                }
                node.pattern = Some(pattern);
                Said::Whole
            }
            Some(StringConstraint::Words(words)) if free => {
                node.values = words;
                Said::Whole
            }
            Some(StringConstraint::Nonblank(pattern)) => match self.rule(refusal, placed, &accepts, &[Effort::Exact]) {
                Said::Nothing if free => {
                    if let Some(node) = node_mut(&mut self.schema, &placed.at) {
                        node.pattern = Some(pattern);
                    }
                    Said::Whole
                }
                said => said,
            },
            Some(StringConstraint::Bytes(most)) => {
                // no text has more characters than bytes
                let most = u32::try_from(most).unwrap_or(u32::MAX);
                node.max_length = Some(node.max_length.map_or(most, |known| known.min(most)));
                self.rule(refusal, placed, &accepts, &[Effort::Exact]).max(Said::Part)
            }
            _ => self.rule(refusal, placed, &accepts, &[Effort::Exact, Effort::PlainItems, Effort::Plain]),
        }
    }

    /// Adds a CEL rule, as exact as its cost allows.
    fn rule(&mut self, refusal: &Refusal<'_>, placed: &Placed, accepts: &Formula, efforts: &[Effort]) -> Said {
        for effort in efforts {
            let Some(node) = node_mut(&mut self.schema, &placed.at) else { return Said::Nothing };
            let Some(rule) = cel_text::rule(accepts, node, &placed.at, *effort) else { continue };
            let exact = *effort == Effort::Exact;
            let validation = Validation {
                rule,
                message: message::fixed(refusal.message, refusal.located),
                field_path: refusal.subject.as_ref().and_then(|subject| message::field_path(subject, &placed.at)),
            };
            let Some(cost) = self.affordable(&placed.at, &validation) else { continue };
            self.spent += cost;
            if let Some(node) = node_mut(&mut self.schema, &placed.at) {
                node.validations.push(validation);
            }
            return if exact { Said::Whole } else { Said::Part };
        }
        Said::Nothing
    }

    /// The cost of a rule that the API server would take.
    fn affordable(&mut self, at: &[Segment], validation: &Validation) -> Option<u64> {
        let mut alone = narrowed(&self.schema, at)?;
        node_mut(&mut alone, at)?.validations.push(validation.clone());
        let cost = rule_costs(&alone).into_iter().next()??;
        let fits = cost <= RULE_LIMIT && self.spent.saturating_add(cost) <= CRD_LIMIT;
        if !fits {
            self.costly = Some(at.to_vec());
        }
        fits.then_some(cost)
    }
}

/// A schema with what leads to a node alone, and without any rule: all that the cost of a rule there depends on.
fn narrowed(schema: &Schema, path: &[Segment]) -> Option<Schema> {
    let Some((first, rest)) = path.split_first() else {
        let mut node = schema.clone();
        bare(&mut node);
        return Some(node);
    };
    let mut node = Schema {
        schema_type: schema.schema_type,
        max_items: schema.max_items,
        max_properties: schema.max_properties,
        ..Schema::default()
    };
    match first {
        Segment::Field { name, .. } => {
            node.properties.insert(name.to_string(), narrowed(schema.properties.get(&**name)?, rest)?);
        }
        Segment::Values => {
            node.additional_properties = Some(Box::new(narrowed(schema.additional_properties.as_deref()?, rest)?));
        }
        Segment::Items => node.items = Some(Box::new(narrowed(schema.items.as_deref()?, rest)?)),
    }
    Some(node)
}

/// What has no bound on the way to a field, and how it would get one: `spec.parts needs maxProperties`.
fn unbounded(schema: &Schema, subject: &[Segment]) -> Vec<String> {
    let (mut node, mut path, mut found) = (schema, "spec".to_owned(), Vec::new());
    for segment in subject {
        let next = match segment {
            Segment::Field { name, .. } => {
                path = format!("{path}.{name}");
                node.properties.get(&**name)
            }
            Segment::Values => {
                found.extend(node.max_properties.is_none().then(|| format!("{path} needs maxProperties")));
                path.push_str(".*");
                node.additional_properties.as_deref()
            }
            Segment::Items => {
                found.extend(node.max_items.is_none().then(|| format!("{path} needs maxItems")));
                path.push_str("[]");
                node.items.as_deref()
            }
        };
        let Some(next) = next else { return found };
        node = next;
    }
    let endless = node.schema_type == Some(SchemaType::String) && node.max_length.is_none() && node.values.is_empty();
    found.extend(endless.then(|| format!("{path} needs maxLength")));
    found.extend((node.items.is_some() && node.max_items.is_none()).then(|| format!("{path} needs maxItems")));
    found
}

/// Takes all rules out.
fn bare(schema: &mut Schema) {
    schema.validations.clear();
    schema.properties.values_mut().for_each(bare);
    schema.items.iter_mut().chain(&mut schema.additional_properties).for_each(|inner| bare(inner));
}

fn node_mut<'s>(schema: &'s mut Schema, path: &[Segment]) -> Option<&'s mut Schema> {
    path.iter().try_fold(schema, |node, segment| match segment {
        Segment::Field { name, .. } => node.properties.get_mut(&**name),
        Segment::Values => node.additional_properties.as_deref_mut(),
        Segment::Items => node.items.as_deref_mut(),
    })
}

/// A refusal in parts that can be told by themselves: a choice, and a missing value besides a blank one.
fn expanded(formula: Formula) -> Vec<Formula> {
    match formula {
        Formula::Any(parts) => parts.into_iter().flat_map(expanded).collect(),
        Formula::Many(many) if many.most == 0 => {
            let parts = expanded(*many.body).into_iter();
            parts.map(|part| Formula::many(&many.over, many.submitted, 0, part)).collect()
        }
        Formula::Atom(atom) if !atom.key && matches!(atom.test, AtomTest::Blank | AtomTest::Empty) => {
            let absent = Atom::new(&atom.at, AtomTest::Absent);
            vec![Formula::Atom(absent.clone()), Formula::all([Formula::Not(absent), Formula::Atom(atom)])]
        }
        Formula::All(parts) => {
            // beside the presence of what holds the value
            let holders = |part: &Formula| matches!(part, Formula::Not(Atom { test: AtomTest::Absent, .. }));
            let (holders, mut rest): (Vec<Formula>, Vec<Formula>) = parts.into_iter().partition(holders);
            match (rest.len(), rest.pop()) {
                (1, Some(one)) => {
                    let with = |part: Formula| Formula::all(holders.iter().cloned().chain([part]));
                    expanded_once(one).into_iter().map(with).collect()
                }
                (_, last) => vec![Formula::all(holders.into_iter().chain(rest).chain(last))],
            }
        }
        other => vec![other],
    }
}

fn expanded_once(formula: Formula) -> Vec<Formula> {
    match formula {
        Formula::All(_) => vec![formula],
        other => expanded(other),
    }
}

/// The innermost node that holds all that a refusal speaks of, and without which nothing is refused.
fn placed(formula: Formula) -> Placed {
    let mut found = Placed { at: Vec::new(), formula };
    loop {
        if let Formula::Many(many) = &found.formula
            && many.most == 0
            && many.over.len() == found.at.len() + 1
            && !mentions_key(&many.body, &many.over)
        {
            found = Placed { at: many.over.clone(), formula: (*many.body).clone() };
            continue;
        }
        let Some(next) = common_step(&found) else { return found };
        let deeper = [found.at.as_slice(), &[next]].concat();
        if found.formula.clone().without(&deeper) != Formula::False {
            return found;
        }
        let formula = found.formula.rewrite(&mut |part| match part {
            Part::Atom(Atom { test: AtomTest::Absent, at, .. }) if at == deeper => Formula::False,
            other => other.formula(),
        });
        found = Placed { at: deeper, formula };
    }
}

/// The field that leads to all that is looked at.
fn common_step(placed: &Placed) -> Option<Segment> {
    let mut next: Option<Option<Segment>> = None;
    placed.formula.visit(&mut |at| {
        let step = at.get(placed.at.len()).filter(|segment| matches!(segment, Segment::Field { .. })).cloned();
        next = Some(match next.take() {
            None => step,
            Some(known) => known.filter(|known| Some(known) == step.as_ref()),
        });
    });
    next.flatten()
}

fn mentions_key(formula: &Formula, over: &[Segment]) -> bool {
    match formula {
        Formula::Atom(atom) | Formula::Not(atom) => {
            atom.key && atom.at == over || atom.test.compared().is_some_and(|compared| compared == over)
        }
        Formula::All(parts) | Formula::Any(parts) => parts.iter().any(|part| mentions_key(part, over)),
        Formula::Many(many) | Formula::Few(many) => mentions_key(&many.body, over),
        Formula::True | Formula::False | Formula::Unknown => false,
    }
}

/// The field that a refusal of its absence is about, where that is all.
fn required(placed: &Placed) -> Option<&str> {
    let Formula::Atom(Atom { at, test: AtomTest::Absent, .. }) = &placed.formula else { return None };
    match at.strip_prefix(placed.at.as_slice()) {
        Some([Segment::Field { name, .. }]) => Some(name),
        _ => None,
    }
}
