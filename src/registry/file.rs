//! The format of a kind's file.
//!
//! The doc comments here are the format's reference: they become the descriptions of `kinds/kind.schema.json`,
//! which editors show. Steps and rules are structs of optional keys and not tagged enums, so that a wrong key
//! is reported where it stands and not as "matches no variant".

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::table::ColumnType;
pub use crate::derive::schema::Schema;
pub use crate::normalize::{Replaced, Unique};
pub use crate::rules::Format;

/// A kind, whole: names, what `kubectl get` shows, where it lands in the store, what is done to a spec and what
/// is refused.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("if" = {"required": ["into"]}, "else" = {"required": ["store", "schema"]}))]
pub struct KindFile {
    /// Whose kind it is.
    #[serde(default)]
    pub definition: Definition,
    /// Of a foreign kind: what is written to its resources.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// Of a foreign kind: which of its resources have rows; all, where this is left out.
    #[serde(default)]
    pub select: Option<SelectSpec>,
    /// Of a foreign kind: where the spec comes from, by path into the spec; its field `spec`, where this is left out.
    #[serde(default)]
    pub fields: IndexMap<String, FieldSource>,
    /// Of a foreign kind, in place of `store`, `secret`, `runtime`, `normalize`, `rules` and `schema`: the kind whose rows
    /// its resources become, as if each were one of that kind.
    #[serde(default)]
    pub into: Option<IntoSpec>,
    /// API group, such as `orloj.dev`; of a foreign kind perhaps `''`, the group of Kubernetes' own Secrets.
    pub group: String,
    /// Approval of a CRD in a group below `k8s.io` or `kubernetes.io`, which the API server asks for: the address of
    /// the review, or a reason that begins with `unapproved`.
    #[serde(default)]
    pub approval: Option<String>,
    /// API version, such as `v1`: served and stored.
    pub version: String,
    /// Kind in `CamelCase`.
    pub kind: String,
    /// Plural resource name, lower case; the CRD is `<plural>.<group>`.
    pub plural: String,
    /// Singular resource name; the lower-cased kind where it is left out.
    #[serde(default)]
    pub singular: Option<String>,
    /// Short names for kubectl.
    #[serde(default)]
    pub short_names: Vec<String>,
    /// One or two sentences for `kubectl explain` and the console.
    pub description: String,
    /// Columns of `kubectl get`; Phase and Age follow by themselves.
    #[serde(default)]
    pub printer_columns: Vec<PrinterColumn>,
    /// Where the kind lands in the store.
    #[serde(default)]
    pub store: StoreSection,
    /// Whether orlojd reports on the kind's rows.
    #[serde(default)]
    pub runtime: Runtime,
    /// First orlojd that has the kind's table, such as `0.12`; left out where every one has it, or none.
    #[serde(default)]
    pub since: Option<String>,
    /// The kind holds secret material.
    #[serde(default)]
    pub secret: Option<SecretSection>,
    /// Labels that a resource of this kind must not carry.
    #[serde(default)]
    pub reserved_labels: Vec<ReservedLabel>,
    /// What is worth a warning, though it is accepted.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Fields that name other resources. `validate` says where one names what is not there.
    #[serde(default)]
    pub references: Vec<ReferenceSpec>,
    /// A graph that the spec describes. `validate` says where a way of it leads nowhere, or round for ever.
    #[serde(default)]
    pub graph: Option<GraphSpec>,
    /// Fields and values that orlojd takes no longer, or not for long. `validate` says so.
    #[serde(default)]
    pub outdated: Vec<OutdatedSpec>,
    /// The kind in the REST API.
    #[serde(default)]
    pub api: Option<ApiSection>,
    /// What is done to a spec, in order. A step whose path leads through something optional that is not there
    /// is skipped.
    #[serde(default)]
    pub normalize: Vec<StepSpec>,
    /// What is refused, in order, after all steps; the first rule that fails gives the error. What the API server can
    /// check of it becomes part of the CRD by itself.
    #[serde(default)]
    pub rules: Vec<RuleSpec>,
    /// OpenAPI v3 structural schema of `spec`: types, descriptions, and constraints that no rule says.
    #[serde(default)]
    pub schema: Schema,
    /// Text of the file of the kind that `into` names.
    #[serde(skip)]
    pub(crate) basis: String,
}

impl KindFile {
    /// `<group>/<version>`, or `v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Whose kind it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Definition {
    /// The operator's: its definition is made from this file.
    #[default]
    Own,
    /// Another controller's, or Kubernetes' own: no definition is made, and neither finalizer nor status is written.
    Foreign,
}

/// What is written to the resources of a foreign kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledge {
    /// Nothing: Events tell what is wrong.
    #[default]
    None,
    /// The annotation `orloj.dev/sync-status`, with what the status of another kind would say, as JSON.
    Annotation,
}

/// Which resources of a foreign kind have rows. One that no longer matches counts as deleted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectSpec {
    /// Labels that a resource has, with their values. The API server sends no others.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// Namespaces; all that the operator watches, where none is given.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

/// Where a part of the spec comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldSource {
    /// Path into the object, such as `data`, `data['tls.crt']`, `spec.hosts[0]` or
    /// `status.conditions[?type=Ready].status`; what is not there is left out.
    pub from: String,
}

/// The kind whose rows a foreign one's resources become.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntoSpec {
    pub kind: String,
    pub group: String,
}

/// A column of `kubectl get`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrinterColumn {
    pub name: String,
    /// Simple JSON path, such as `.spec.type`.
    pub json_path: String,
    /// OpenAPI type, `string` where left out.
    #[serde(default, rename = "type")]
    pub column_type: Option<String>,
    /// 0 is shown always, more only with `-o wide`.
    #[serde(default)]
    pub priority: Option<i32>,
    #[serde(default)]
    pub description: Option<String>,
}

/// Where a kind lands in the store.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreSection {
    /// Kind in the payload; the kind's own name where left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// API version in the payload; the kind's own where left out.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Table name: `[a-z_][a-z0-9_]*`, at most 63 characters.
    pub table: String,
    /// Who creates and migrates the table.
    pub owner: Owner,
    /// Derived columns, in order, besides `name`, `namespace`, `status_phase` and `payload`.
    #[serde(default)]
    pub columns: IndexMap<String, ColumnSpec>,
    /// Columns that have an index, besides `name` and `namespace`, in a table that we create.
    #[serde(default)]
    pub indexes: Vec<String>,
    /// Phase of a new row, and of a stored status that has none.
    pub initial_phase: String,
    /// Stored phases (any case, padded or blank) that count as none; where empty, only `""` does.
    #[serde(default)]
    pub initial_phase_instead_of: Vec<String>,
    /// Fields of a row's status that follow from its key, besides the phase: `{namespace}`, `{name}` and `{key}` are
    /// the row's, `{keyHash:24}` the first 24 hex digits of the key's SHA-256.
    #[serde(default)]
    pub status: IndexMap<String, String>,
}

/// Who creates and migrates a table.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// orlojd does; it gets no column, trigger or constraint from us.
    #[default]
    Orlojd,
    /// The operator does.
    Operator,
}

/// A derived column: either `from` or `hash`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ColumnSpec {
    /// Payload path that is copied, after normalisation: `spec.a.b`, `metadata.name`, `status.phase`.
    #[serde(default)]
    pub from: Option<String>,
    /// Type of the column, and of the field that it copies; text takes any.
    #[serde(default, rename = "type")]
    pub column_type: ColumnType,
    /// Transforms of the text, in order.
    #[serde(default)]
    pub apply: Vec<Transform>,
    /// SHA-256 of this part of the payload, as Go prints it.
    #[serde(default)]
    pub hash: Option<HashOf>,
    /// Default of the column in a table that we create, of its type; `''`, false or 0 where left out.
    #[serde(default)]
    #[schemars(extend("type" = ["string", "boolean", "integer"]))]
    pub default: Option<Value>,
}

/// What a hash column hashes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HashOf {
    /// The spec, keys in the order of `schema`, lower-case hex.
    Spec,
}

/// Text transform of a derived column.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// Unicode white space off both ends.
    Trim,
    /// Lower case as Go maps it.
    Lower,
}

/// Whether orlojd reports on a kind's rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Runtime {
    /// It writes a phase: `Ready` waits for it.
    #[default]
    Reports,
    /// It never does: `Ready` follows `Synced`.
    Silent,
}

/// The kind holds secret material: values are encrypted at rest and never appear in a message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSection {
    /// String map whose values are encrypted, such as `spec.data`.
    pub data: String,
}

/// A label that a resource of this kind must not carry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReservedLabel {
    pub label: String,
    /// Why, as the end of the error's sentence.
    pub reason: String,
}

/// A warning that a resource's name earns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Warning {
    /// The name holds this text.
    pub name_contains: String,
    pub message: String,
}

/// Strings that name resources of one kind, as `name` or `namespace/name`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReferenceSpec {
    /// A string, strings (`spec.tools[]`), or with `keys` a map.
    pub path: String,
    /// Kind that is named.
    pub kind: String,
    /// Its group; this kind's own where left out.
    #[serde(default)]
    pub group: Option<String>,
    /// The keys of the map are the names.
    #[serde(default)]
    pub keys: bool,
    /// Names with this text between two others may be made by orlojd: `--` in `server--tool`.
    #[serde(default)]
    pub made_by: Option<MadeBySpec>,
}

/// Names that orlojd makes itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MadeBySpec {
    /// What stands in such a name.
    pub name_contains: String,
}

/// A graph: a map from the names of nodes to what leads away from them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphSpec {
    /// The map of nodes.
    pub nodes: String,
    /// Strings that name nodes as well, without saying more of them: `spec.agents[]`.
    #[serde(default)]
    pub members: Vec<String>,
    /// Ways that are taken from a node to the next.
    #[serde(default)]
    pub ways: Vec<WaySpec>,
    /// Strings that name nodes which come back to their caller, from the node: `.delegates[].to`.
    #[serde(default)]
    pub calls: Vec<String>,
    /// Fields of a node by which it may end the run, from the node.
    #[serde(default)]
    pub exits: Vec<String>,
}

/// A way from a node to another.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaySpec {
    /// The string that names the other node, from the node: `.next`, `.edges[].to`.
    pub to: String,
    /// Field beside it that makes the way a conditional one, where it is there and not empty.
    #[serde(default)]
    pub condition: Option<String>,
    /// Switch in the condition by which the way is taken where no other one is.
    #[serde(default)]
    pub otherwise: Option<String>,
}

/// A field, or one of its values, that is on its way out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutdatedSpec {
    pub path: String,
    /// The value, in any case; the field as such where it is left out.
    #[serde(default)]
    pub value: Option<String>,
    /// Version of orlojd that advises against it.
    #[serde(default)]
    pub deprecated: Option<String>,
    /// Version of orlojd that takes it no longer.
    #[serde(default)]
    pub removed: Option<String>,
    /// What to do in its place.
    pub instead: String,
}

/// The kind in the REST API.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiSection {
    /// Last segment of the collection's route.
    pub collection: String,
    /// What an object is called where it is not found; the kind's singular name where this is left out.
    #[serde(default)]
    pub word: Option<String>,
    /// Whether the objects' status has a route of its own, `<collection>/<name>/status`.
    #[serde(default = "yes")]
    pub status: bool,
    /// Whether changes can be followed at `<collection>/watch`; an object of that name cannot be asked for then.
    #[serde(default)]
    pub watch: bool,
    /// Role that it takes to write an object.
    #[serde(default)]
    pub writers: ApiWriters,
    /// Fields and their values: an object that has all of them takes the role `admin` to write.
    #[serde(default)]
    pub admin_where: IndexMap<String, String>,
    /// Phase that is shown in place of the stored one, for kinds whose runtime stores none.
    #[serde(default)]
    pub shown_phase: Option<String>,
    /// Whether a deletion is answered with the name of what was deleted, and not with nothing.
    #[serde(default)]
    pub tells_deletion: bool,
}

/// Role that it takes to write an object of a kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ApiWriters {
    #[default]
    Writer,
    Admin,
}

fn yes() -> bool {
    true
}

/// One normalise step: exactly one operation, and an optional guard.
///
/// Paths start with `spec.`; `*` stands for a map's values and `[]` for a list's items.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepSpec {
    /// Takes white space off both ends of these strings.
    #[serde(default)]
    pub trim: Option<Vec<String>>,
    /// Trims and lower-cases these strings.
    #[serde(default)]
    pub lower: Option<Vec<String>>,
    /// Sets these fields to `to`, or to what is in `from`, where `if` holds of them.
    #[serde(default)]
    pub set: Option<Vec<String>>,
    /// With `set`: the value.
    #[serde(default)]
    pub to: Option<Value>,
    /// With `set`, in place of `to`: the field whose value is taken, where it has one; `metadata.name` is the
    /// resource's name.
    #[serde(default)]
    pub from: Option<String>,
    /// With `set`: which values are replaced.
    #[serde(default, rename = "if")]
    pub replaces: Option<Replaced>,
    /// Trims the items of these lists and drops blank ones; `unique` drops repeated ones too.
    #[serde(default)]
    pub clean: Option<Vec<String>>,
    /// With `clean`: which items count as repeated; the first stays.
    #[serde(default)]
    pub unique: Option<Unique>,
    /// Replaces values of these strings by the table `with`.
    #[serde(default)]
    pub replace: Option<Vec<String>>,
    /// With `replace`: old value to new.
    #[serde(default)]
    pub with: Option<IndexMap<String, String>>,
    /// Trims and lower-cases the keys of these string maps, trims their values and drops blank keys. Of keys
    /// that become equal the last in byte order wins.
    #[serde(default)]
    pub clean_keys: Option<Vec<String>>,
    /// Trims the keys of these maps and drops blank ones. Of keys that become equal the last in byte order wins.
    #[serde(default)]
    pub trim_keys: Option<Vec<String>>,
    /// Bounds these integers by `min` and `max`.
    #[serde(default)]
    pub clamp: Option<Vec<String>>,
    /// With `clamp`: the lower bound.
    #[serde(default)]
    pub min: Option<i64>,
    /// With `clamp`: the upper bound.
    #[serde(default)]
    pub max: Option<i64>,
    /// Drops items of these lists of objects whose field `whereBlank` is blank.
    #[serde(default)]
    pub drop_items: Option<Vec<String>>,
    /// With `dropItems`: the field.
    #[serde(default)]
    pub where_blank: Option<String>,
    /// Encodes each value of this string map as base64 and puts it into the map `into` under its trimmed key,
    /// replacing what stands there; blank keys are left out. Of keys that become equal the last wins.
    #[serde(default)]
    pub encode: Option<String>,
    /// With `encode`: the other map.
    #[serde(default)]
    pub into: Option<String>,
    /// Removes these fields.
    #[serde(default)]
    pub drop: Option<Vec<String>>,
    /// Guard: the step is taken only where this holds, after the steps before it.
    #[serde(default)]
    pub when: Option<ConditionSpec>,
}

/// A condition: exactly one of `is`, `in`, `all`, `any`, `not`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionSpec {
    /// What `is` and `in` look at; the rule's own subject where both `path` and `name` are left out.
    #[serde(default)]
    pub path: Option<String>,
    /// In place of `path`: a name given by an `as`.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub is: Option<State>,
    /// The string is one of these.
    #[serde(default, rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// With `in`: case does not count, nor does white space around the string.
    #[serde(default)]
    pub ignore_case: Option<bool>,
    #[serde(default)]
    pub all: Option<Vec<ConditionSpec>>,
    #[serde(default)]
    pub any: Option<Vec<ConditionSpec>>,
    #[serde(default)]
    pub not: Option<Box<ConditionSpec>>,
}

/// What a value can be. A missing one is absent, blank and empty.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Present,
    Absent,
    Blank,
    Nonblank,
    Empty,
    Nonempty,
    /// A boolean that is true.
    Set,
}

/// One rule, or a `for` block of rules.
///
/// Paths: `spec.a.b` from the root, `.b` from the item of the enclosing `for`, `.` the item itself,
/// `raw.spec.a` as submitted. A rule without a test refuses whenever its `when` holds. But for `refuse`, a test
/// passes where its subject is missing.
///
/// Messages take `{value}` (the subject), `{raw}` (the same as submitted), `{at}` (where the enclosing block
/// says it is), `{.field}`, a name given by `as`, and what a test offers: `{detail}`, `{count}`, `{first}`,
/// `{size}`, `{depth}`. Filters: `|trim`, `|quote` (as Go's `%q`).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleSpec {
    /// Runs `rules` for each value this path leads to: map values (`*`, in key order), list items (`[]`), or one
    /// optional object.
    #[serde(default, rename = "for")]
    pub each: Option<String>,
    /// With `for`: name for the map key or the list index.
    #[serde(default, rename = "as")]
    pub binding: Option<String>,
    /// With `for`: how messages name the item; a template, `{at}` in messages.
    #[serde(default)]
    pub at: Option<String>,
    /// With `for`: the rules.
    #[serde(default)]
    pub rules: Option<Vec<RuleSpec>>,

    /// The subject.
    #[serde(default)]
    pub path: Option<String>,
    /// The rule (or block) applies only where this holds.
    #[serde(default)]
    pub when: Option<ConditionSpec>,
    /// Refuses the subject in this state.
    #[serde(default)]
    pub refuse: Option<State>,
    /// The string must be one of these.
    #[serde(default)]
    pub one_of: Option<Vec<String>>,
    /// With `oneOf` (also trims) and `unique`: case does not count.
    #[serde(default)]
    pub ignore_case: Option<bool>,
    /// The string must have this form; gives `{detail}`.
    #[serde(default)]
    pub format: Option<Format>,
    #[serde(default)]
    pub starts_with: Option<String>,
    /// Most bytes of the string.
    #[serde(default)]
    pub max_bytes: Option<usize>,
    /// At least one of these must be non-blank.
    #[serde(default)]
    pub any_nonblank: Option<Vec<String>>,
    /// None of these may be non-blank.
    #[serde(default)]
    pub none_nonblank: Option<Vec<String>>,
    /// Most items of the list for which `where` holds; gives `{count}`.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// With `atMost`: which items count.
    #[serde(default, rename = "where")]
    pub counted: Option<ConditionSpec>,
    /// The string must occur once among all rules with this word; gives `{first}`, the `at` that had it first.
    #[serde(default)]
    pub unique: Option<String>,
    /// The string must differ from this name, given by an `as`.
    #[serde(default)]
    pub differs_from: Option<String>,
    /// The free-form object must have this key.
    #[serde(default)]
    pub has_key: Option<String>,
    /// Most bytes of the free-form object as Go prints it; gives `{size}`.
    #[serde(default)]
    pub max_json_bytes: Option<usize>,
    /// Most objects within each other, the outermost included; lists are not looked into. Gives `{depth}`.
    #[serde(default)]
    pub max_depth: Option<usize>,
    /// The error.
    #[serde(default)]
    pub message: Option<String>,
}
