//! Files that the registry refuses, and where it points.

use orloj_operator::diagnostics::Diagnostic;
use orloj_operator::registry::Registry;

use super::WIDGET;

fn problems(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    match Registry::from_files(files) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems,
    }
}

/// A change to the widget's file: what is replaced, by what, where the fault is shown (the first time that this
/// text stands in the file, or the second, with `2:` before it), part of the message, part of the help.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // YAML
    ("plural: widgets", "plural: [widgets", ": [wd]", "", ""),
    ("plural: widgets", "plural: widgets\nplural: other", "2:plural:", "duplicate", ""),
    (
        "runtime: silent",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]",
        "*e,*e,*e,*e,*e,*e,*e]",
        "aliases that multiply",
        "",
    ),
    // the format
    ("default: medium}", "defualt: medium}", "defualt", "unknown key `defualt`", "did you mean `default`?"),
    ("owner: operator", "owner: operater", "operater", "expected one of orlojd, operator", "did you mean `operator`?"),
    ("  table: widgets\n", "", "store:", "key `table` is missing", ""),
    ("min: 1, max: 100", "min: one, max: 100", "one,", "wrong type", ""),
    ("refuse: blank", "refuse: blnak", "blnak", "expected one of", "did you mean `blank`?"),
    (
        "      description: In grams.",
        "      default: 1",
        "default: 1",
        "a `default` of `weight`, which no CEL rule reads",
        "a `set` step",
    ),
    // names
    ("table: widgets\n", "table: 'widgets\"; --'\n", "'widgets\"", "no safe SQL name", ""),
    ("table: widgets\n", "table: schema_migrations\n", "schema_migrations", "belongs to orlojd", ""),
    ("table: widgets\n", "table: orloj_operator_ledger\n", "orloj_operator_ledger", "belongs to orlojd", ""),
    ("    colour: {from", "    payload: {from", "payload:", "every table has a column `payload` already", ""),
    ("    colour: {from", "    Colour: {from", "Colour:", "no safe SQL name", ""),
    ("kind: Widget", "kind: Wid_get", "Wid_get\nplural", "no kind", ""),
    ("group: widgets.example.com", "group: Widgets", "Widgets\n", "no API group", ""),
    ("shortNames: [wd]", "shortNames: [w_d]", "w_d", "no Kubernetes name", ""),
    (
        "  initialPhase:",
        "  indexes: [sise]\n  initialPhase:",
        "sise]",
        "no column `sise` to index",
        "did you mean `size`?",
    ),
    // paths
    ("lower: [spec.size]", "lower: [spec.sise]", "spec.sise", "there is no field `sise`", "did you mean `size`?"),
    ("trim: [spec.paint.colour]", "trim: [spec.tags]", "spec.tags]", "`trim` needs a string", ""),
    ("trim: [spec.paint.colour]", "trim: ['spec.tags.*']", "'spec.tags.*'", "its items are `[]`", ""),
    ("trim: [spec.paint.colour]", "trim: ['spec.parts[]']", "'spec.parts[]'", "its values are `*`", ""),
    ("trim: [spec.paint.colour]", "trim: [metadata.name]", "metadata.name", "must start with `spec`", ""),
    ("trim: [spec.paint.colour]", "trim: [spec.extra.x]", "spec.extra.x", "free-form", ""),
    ("{from: spec.paint.colour}", "{from: spec.paint.color}", "spec.paint.color}", "no field `color`", "`colour`"),
    ("{from: spec.paint.colour}", "{apply: [trim]}", "colour: {apply", "either `from` or `hash`", ""),
    // columns
    (
        "{from: spec.paint.colour}",
        "{from: spec.size, type: boolean}",
        "spec.size, type",
        "type boolean does not take",
        "",
    ),
    ("{from: spec.paint.colour}", "{from: spec.size, type: integer}", "spec.size, type", "which is a string", ""),
    ("{from: spec.paint.colour}", "{from: spec.weight, type: timestamp}", "spec.weight", "which is an integer", ""),
    ("{from: spec.paint.colour}", "{from: spec.weight, type: int}", "int}", "expected one of text, boolean", ""),
    ("{from: spec.paint.colour}", "{hash: spec, type: integer}", "type: integer", "a hash is text", ""),
    (
        "{from: spec.paint.colour}",
        "{from: spec.weight, type: integer, apply: [trim]}",
        "apply: [trim]}",
        "of type text",
        "",
    ),
    (
        "{from: spec.paint.colour}",
        "{from: spec.weight, type: integer, default: a}",
        "a}\n",
        "no default of a column",
        "",
    ),
    ("{from: spec.paint.colour}", "{from: spec.weight, type: integer, default: 9e30}", "9e30", "must fit 64 bits", ""),
    ("{from: spec.paint.colour}", "{from: spec.size, default: 3}", "3}", "expected a string", "write '3'"),
    ("{from: spec.paint.colour}", "{from: spec.size, type: timestamp, default: x}", "default: x", "has no default", ""),
    // relations
    (
        "\nrules:\n",
        "\nreferences:\n  - {path: spec.sise, kind: Widget}\nrules:\n",
        "spec.sise",
        "there is no field `sise`",
        "did you mean `size`?",
    ),
    (
        "\nrules:\n",
        "\nreferences:\n  - {path: spec.tags, kind: Widget}\nrules:\n",
        "spec.tags, k",
        "`spec.tags` is no string",
        "",
    ),
    (
        "\nrules:\n",
        "\nreferences:\n  - {path: spec.tags, keys: true, kind: Widget}\nrules:\n",
        "spec.tags, keys",
        "is no map",
        "",
    ),
    ("\nrules:\n", "\ngraph: {nodes: spec.paint}\nrules:\n", "spec.paint}", "is no map of nodes", ""),
    (
        "\nrules:\n",
        "\ngraph: {nodes: spec.parts, ways: [{to: .scrws}]}\nrules:\n",
        ".scrws",
        "there is no field `scrws`",
        "`screws`",
    ),
    (
        "\nrules:\n",
        "\noutdated:\n  - {path: spec.size, instead: x}\nrules:\n",
        "{path: spec.size, instead",
        "since when",
        "",
    ),
    // steps
    (
        "{clamp: [spec.weight], min: 1",
        "{clamp: [spec.weight], trim: [spec.size], min: 1",
        "{clamp",
        "one operation",
        "",
    ),
    (
        "{clamp: [spec.weight], min: 1, max: 100}",
        "{when: {path: spec.size, is: blank}}",
        "{when: {path: spec.size, is",
        "needs an operation",
        "",
    ),
    ("to: medium, if: blank", "to: 5, if: blank", "5, if", "expected a string", ""),
    ("to: medium, if: blank", "to: no, if: blank", "no, if", "expected a string", "write 'no'"),
    ("kind: Widget", "kind: on", "on\nplural", "wrong type", "write 'on'"),
    ("self.size != 'huge'", "self.?size.orValue('') != 'huge' &&", "\"!has", "invalid CEL", ""),
    ("to: medium, if: blank", "to: medium, if: notPositive", "notPositive", "never said of a string", ""),
    ("to: medium, if: blank", "to: medium", "set:", "`set` needs `if`", ""),
    ("unique: ignoreCase", "with: {a: b}", "with:", "`with` goes with `replace`", ""),
    // rules
    ("oneOf: [small", "startsWith: x\n    oneOf: [small", "startsWith", "a rule has one test", ""),
    ("    refuse: blank\n", "    maxDepth: 1\n", "maxDepth", "needs a free-form object", ""),
    ("{raw|quote}", "{row|quote}", "'invalid", "unknown placeholder `{row}`", "did you mean `raw`?"),
    ("{raw|quote}", "{raw|qoute}", "'invalid", "unknown filter `qoute`", ""),
    ("{raw|quote}", "{detail}", "'invalid", "what the test `format` finds", ""),
    ("{at}.screws[{i}]", "{.sise}", "'{.sise}", "no field `sise`", ""),
    ("when: {path: spec.size, in: [large]}", "when: {path: spec.size}", "{path: spec.size}", "exactly one of", ""),
    ("as: part", "as: raw", "raw\n", "names no map key", ""),
    ("            refuse: absent\n", "", "path: .length", "a rule needs a test", ""),
    // the schema
    (
        "          description: The colour.",
        "          pattern: '(a'\n          description: The colour.",
        "'(a'",
        "invalid pattern",
        "",
    ),
    ("!= 'huge'\"", "!= 'huge\"", "\"!has", "invalid CEL", ""),
    (
        "    paint:\n      type: object\n      store: always",
        "    paint:\n      type: object",
        "paint:",
        "stored always",
        "",
    ),
    ("      type: integer\n      minimum", "      minimum", "weight:", "`type` is missing", ""),
    (
        "  type: object\n  description: What",
        "  required: [sise]\n  type: object\n  description: What",
        "[sise]",
        "no field `sise`",
        "`size`",
    ),
    // secrets
    ("runtime: silent", "secret: {data: spec.tags}", "spec.tags}", "must be one map of strings", ""),
];

fn line_column(text: &str, needle: &str) -> (usize, usize) {
    let (nth, needle) = needle.strip_prefix("2:").map_or((0, needle), |needle| (1, needle));
    let at = text.match_indices(needle).nth(nth).unwrap_or_else(|| panic!("{needle:?} is in the file")).0;
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, text[line_start..at].chars().count() + 1)
}

#[test]
fn every_fault_is_shown_where_it_stands() {
    let mut wrong = Vec::new();
    for (old, new, needle, message, help) in CASES {
        assert!(WIDGET.contains(old), "{old:?} is in the file");
        let text = WIDGET.replacen(old, new, 1);
        let found = problems(&[("widget.yaml", &text)]);
        let (line, column) = line_column(&text, needle);
        let hit = found.iter().any(|problem| {
            (problem.line, problem.column) == (line, column)
                && problem.message.contains(message)
                && problem.help.clone().unwrap_or_default().contains(help)
                && problem.to_string().contains(&format!("widget.yaml:{line}:{column}"))
        });
        if !hit {
            let found: Vec<String> = found
                .iter()
                .map(|p| format!("{}:{}: {} ({})", p.line, p.column, p.message, p.help.clone().unwrap_or_default()))
                .collect();
            wrong.push(format!("{new:?}: want {line}:{column} {message:?} {help:?}, got {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_take_no_values_in_messages_and_no_constraints() {
    let secret = include_str!("../../kinds/secret.yaml");
    let name = "secret.yaml";
    let shown = secret.replace("{key|trim} is empty", "{value} is empty");
    let found = problems(&[(name, &shown)]);
    assert!(found.iter().any(|problem| problem.message.contains("must not print values")), "{found:?}");
    let patterned = secret.replacen(
        "additionalProperties: {type: string}",
        "additionalProperties: {type: string, pattern: '^x$'}",
        1,
    );
    let found = problems(&[(name, &patterned)]);
    assert!(found.iter().any(|problem| problem.message.contains("the API server would print")), "{found:?}");
}

#[test]
fn clashes_between_files_are_refused() {
    let other = WIDGET.replace("kind: Widget", "kind: Gadget");
    let found = problems(&[("a.yaml", WIDGET), ("b.yaml", &other)]);
    let messages: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
    for want in [
        "the name `widgets` is taken by a.yaml",
        "the name `wd` is taken by a.yaml",
        "the table `widgets` is taken by a.yaml",
        "the collection `widgets` is taken by a.yaml",
    ] {
        assert!(messages.contains(&want), "{want}: {messages:?}");
    }
    assert!(found.iter().all(|problem| problem.file == "b.yaml" && problem.line > 0));
    let found = problems(&[("a.yaml", WIDGET), ("b.yaml", WIDGET)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "the kind `Widget` is taken by a.yaml");
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let one = WIDGET.replace("lower: [spec.size]", "lower: [spec.sise]").replace("table: widgets", "table: Widgets");
    let two = WIDGET.replace("kind: Widget", "kind: Gadget").replace("version: v1alpha1", "versoin: v1alpha1");
    let error = Registry::from_files([("a.yaml".to_owned(), one), ("b.yaml".to_owned(), two)]).map(|_| ()).unwrap_err();
    let files: Vec<&str> = error.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert!(files.iter().filter(|file| **file == "a.yaml").count() >= 2, "{error}");
    assert!(files.iter().filter(|file| **file == "b.yaml").count() >= 2, "{error}");
}

#[test]
fn a_fault_is_shown_with_its_line_a_caret_and_a_way_out() {
    let text = WIDGET.replace("lower: [spec.size]", "lower: [spec.sise]");
    let found = problems(&[("widget.yaml", &text)]);
    let want = "\
error: path `spec.sise`: there is no field `sise`
  --> widget.yaml:26:13
   |
26 |   - lower: [spec.sise]
   |             ^^^^^^^^^
   |
   = help: did you mean `size`?";
    assert_eq!(found[0].to_string(), want);
}
