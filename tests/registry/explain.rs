//! `kinds explain`: what a file says of a field.

use orloj_operator::authoring::explain::{Explanation, explain};
use orloj_operator::registry::Registry;

use super::WIDGET;

fn of(what: &str) -> Result<Explanation, String> {
    let mut files = Registry::embedded_files();
    files.push(("widget.yaml".to_owned(), WIDGET.to_owned()));
    explain(files, what, false).map_err(|error| error.to_string())
}

fn explained(what: &str) -> Explanation {
    of(what).unwrap_or_else(|error| panic!("{error}"))
}

fn numbers(entries: &[orloj_operator::authoring::explain::ExplainedEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.number.as_str()).collect()
}

#[test]
fn a_field_is_told_in_the_order_in_which_things_apply() {
    let size = explained("widget.size");
    assert_eq!((size.path.as_str(), size.field_type.as_str(), size.required), ("spec.size", "string", false));
    assert_eq!(size.description, "small, medium (default) or large.");
    assert_eq!(numbers(&size.steps), ["1", "2"]);
    assert_eq!(size.steps[1].text, "spec.size: set to medium where it is blank");
    // the second rule is about the colour, and asks for the size
    assert_eq!(numbers(&size.rules), ["1", "2"]);
    assert_eq!(size.rules[0].text, "spec.size must be one of small, medium, large");
    assert_eq!(size.rules[1].text, "spec.paint.colour must not be blank, when spec.size is large");
    assert_eq!(size.rules[1].message.as_deref(), Some("spec.paint.colour is required for a large widget"));
    let checked: Vec<_> = size.rules.iter().map(|rule| rule.checked_by).collect();
    assert_eq!(checked, [Some("the API server and the operator"); 2]);
    assert_eq!(size.columns, ["widgets.size: spec.size, trim and lower", "kubectl get: Size"]);
    assert_eq!(size.constraints.len(), 3, "a pattern, and CEL by hand and by rule 2: {:?}", size.constraints);
    assert!(size.constraints[1].starts_with("CEL: !has(self.size)"), "{:?}", size.constraints);

    let tags = explained("widgets.widgets.example.com.spec.tags");
    assert_eq!((tags.field_type.as_str(), numbers(&tags.steps)), ("list of string", vec!["4"]));
    assert!(tags.rules.is_empty() && tags.constraints.is_empty() && tags.columns.is_empty());
    assert_eq!(explained("wd.weight").steps[0].text, "spec.weight: bounded to 1 to 100");
}

#[test]
fn lists_and_maps_need_not_be_written() {
    for what in ["widget.parts.screws.length", "widget.spec.parts.*.screws[].length", "WIDGETS.parts.screws[].length"] {
        let length = explained(what);
        assert_eq!(length.path, "spec.parts.*.screws[].length", "{what}");
        assert_eq!(numbers(&length.rules), ["3.1.1"]);
    }
    let parts = explained("widget.parts");
    assert_eq!((parts.field_type.as_str(), parts.fields[0].name.as_str()), ("map of object", "screws"));
    assert_eq!(numbers(&parts.rules), ["3.1.1"]);
}

#[test]
fn a_kind_as_a_whole_has_all_steps_and_rules() {
    let files = vec![("widget.yaml".to_owned(), WIDGET.to_owned())];
    let widget = explain(files, "widget", true).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((widget.steps.len(), widget.rules.len(), widget.columns.len()), (5, 3, 3));
    let parts = widget.fields.iter().find(|field| field.name == "parts").unwrap_or_else(|| panic!("parts"));
    assert_eq!(parts.fields[0].fields[0].name, "length", "recursive");
    assert!(widget.constraints[0].starts_with("CEL: "), "{:?}", widget.constraints);
    let data = explained("secret.data");
    assert!(data.constraints.iter().any(|text| text.starts_with("secret: ")), "{:?}", data.constraints);
}

#[test]
fn a_slip_gets_the_name_that_was_meant() {
    for (what, want) in [
        ("widget.sise", "did you mean `size`?"),
        ("widget.parts.screw", "did you mean `screws`?"),
        ("wigdet", "did you mean `widget`?"),
        ("xyzzy.a", "there is no kind `xyzzy`"),
        ("widget.size.more", "has no field `more` in spec.size: it has no fields"),
        ("widget.xyzzy", "it has size, "),
        ("widget.status", "has no field `status`"),
    ] {
        let error = of(what).map(|found| panic!("{found:?}")).unwrap_err();
        assert!(error.contains(want), "{what}: {error}");
    }
}

/// Every field of every kind can be explained, and every step and rule is told somewhere.
#[test]
fn nothing_is_left_out() {
    fn walk(kind: &str, path: &str, fields: &[orloj_operator::authoring::explain::Field], seen: &mut Vec<Explanation>) {
        for field in fields {
            let path = format!("{path}.{}", field.name);
            seen.push(explained(&format!("{kind}{path}")));
            walk(kind, &path, &field.fields, seen);
        }
    }
    for kind in super::embedded().kinds() {
        let name = &kind.names.plural;
        let files = Registry::embedded_files();
        let whole = explain(files, name, true).unwrap_or_else(|error| panic!("{error}"));
        let mut all = Vec::new();
        walk(name, "", &whole.fields, &mut all);
        for (what, entries) in [("steps", &whole.steps), ("rules", &whole.rules)] {
            for entry in entries {
                let told = all.iter().any(|field| {
                    let entries = if what == "steps" { &field.steps } else { &field.rules };
                    entries.iter().any(|other| other.number == entry.number)
                });
                assert!(told, "{name}: {what} {}: {} is told of no field", entry.number, entry.text);
            }
        }
    }
}

/// What `validate` checks over all manifests is told of the fields that it is about.
#[test]
fn what_is_named_and_what_is_outdated_is_told() {
    let server = explained("tool.mcp_server_ref").relations;
    let told = "spec.mcp_server_ref names a McpServer in the same namespace, or in another one as `namespace/name`";
    assert!(server.len() == 1 && server[0].starts_with(told) && server[0].contains("missing-reference"), "{server:?}");
    let outdated = explained("tool.type").relations;
    let told = "spec.type: `queue` was removed in orlojd 0.6\nremoved-value: use webhook-callback or external";
    assert_eq!(outdated, [told]);
    assert!(explained("tool.endpoint").relations.is_empty());
    let blocked = explained("agentpolicy.blocked_tools").relations;
    assert!(
        blocked[0].contains("names a Tool ") && blocked[0].contains("one with `--` may be made by orlojd"),
        "{blocked:?}"
    );
    let named_by = explained("tool").named_by;
    assert!(named_by.contains(&"AgentPolicy: spec.blocked_tools[]".to_owned()), "{named_by:?}");
    assert!(explained("tool.type").named_by.is_empty());
}

#[test]
fn a_graph_is_told_with_its_ways() {
    let whole = explained("agentsystem.graph").relations.join("\n");
    for part in [
        "the keys of spec.graph name an Agent",
        "spec.graph is a graph: its keys are the nodes, spec.agents[] name nodes too",
        "graph-dead-end",
        "graph-endless",
        "spec.graph.*.next names the node that a way leads to; it is always open",
        "spec.graph.*.delegates[].to names a node that comes back to its caller",
        "spec.graph.*.review: a node with it may end the run",
    ] {
        assert!(whole.contains(part), "{part}:\n{whole}");
    }
    let switch = explained("agentsystem.graph.edges.condition.default").relations.join("\n");
    assert!(switch.contains("spec.graph.*.edges[].condition.default is true"), "{switch}");
    assert!(!switch.contains("review") && !switch.contains("the keys of"), "{switch}");
    let members = explained("agentsystem.agents").relations.join("\n");
    assert!(members.contains("spec.agents[] names nodes of the graph spec.graph"), "{members}");
}

/// Who checks a rule depends on what the API server can say, and at what cost.
#[test]
fn of_each_rule_it_is_told_who_checks_it() {
    let who = |what: &str, number: &str| {
        let found = explained(what).rules.into_iter().find(|rule| rule.number == number);
        found.unwrap_or_else(|| panic!("{what}: no rule {number}")).checked_by
    };
    assert_eq!(who("tool.type", "1"), Some("the API server and the operator"));
    assert_eq!(who("tool.cli.env_from.name", "6.1"), Some("the operator, and in part the API server"));
    assert_eq!(who("agentsystem.graph.edges.condition.output_matches", "1.1.2"), Some("the operator"));
}
