//! Names and descriptions.

use super::Desk;
use crate::derive::schema::Schema;
use crate::diagnostics::SourceText;
use crate::registry::crd::{is_approval, needs_approval};
use crate::registry::file::{Definition, KindFile, RuleSpec};

/// Names that kubectl takes for Kubernetes' own, whatever else there is: they are in groups that come first.
const KUBERNETES: &str = " bindings componentstatuses cs configmaps cm configmap endpoints ep events ev event \
    limitranges limits limitrange namespaces ns namespace nodes no node persistentvolumeclaims pvc persistentvolumes \
    pv pods po pod podtemplates replicationcontrollers rc resourcequotas quota secrets secret serviceaccounts sa \
    serviceaccount services svc service mutatingwebhookconfigurations validatingadmissionpolicies \
    validatingwebhookconfigurations customresourcedefinitions crd crds apiservices controllerrevisions daemonsets ds \
    daemonset deployments deploy deployment replicasets rs replicaset statefulsets sts statefulset \
    horizontalpodautoscalers hpa cronjobs cj cronjob jobs job certificatesigningrequests csr leases lease \
    endpointslices flowschemas ingressclasses ingresses ing ingress networkpolicies netpol runtimeclasses \
    poddisruptionbudgets pdb clusterrolebindings clusterroles rolebindings roles role priorityclasses pc csidrivers \
    csinodes storageclasses sc volumeattachments ";

/// Words that YAML 1.1, which kubectl reads, takes for something else than text.
const WORDS: &str = " y n yes no on off true false null ~ ";

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, all: &[(SourceText, KindFile)]) {
    if file.description.trim().is_empty() {
        desk.key("no-description", "/description", "the kind's description is empty", None);
    }
    describe(desk, &file.schema, "/schema", "spec");
    words(desk, &file.rules, "/rules");
    enums(desk, &file.schema, "/schema");
    // names, columns and approval of another's kind are another's
    if file.definition == Definition::Foreign {
        return;
    }
    let approved = file.approval.as_deref().is_some_and(is_approval);
    if needs_approval(&file.group) && !approved {
        let message = format!("the API server takes no CRD of `{}` without an approval", file.group);
        let help = "choose a group of your own, or say in `approval` where it was reviewed, or `unapproved, ` and why";
        desk.value("protected-group", "/group", message, Some(help.to_owned()));
    }
    if file.printer_columns.is_empty() {
        let help = "say in `printerColumns` what tells one resource from another at a glance".to_owned();
        desk.key("no-printer-column", "/kind", "`kubectl get` shows no column of this kind's own", Some(help));
    }
    for (name, pointer) in names(file) {
        let other = all
            .iter()
            .find(|(_, other)| other.group != file.group && names(other).iter().any(|(taken, _)| *taken == name));
        let owner = match other {
            Some((_, other)) => format!("{} of {}", other.kind, other.group),
            None if KUBERNETES.contains(&format!(" {name} ")) => "a kind of Kubernetes' own".to_owned(),
            None => continue,
        };
        let help = format!("choose another, or say `{}.{}` wherever kubectl is used", file.plural, file.group);
        desk.value("ambiguous-name", &pointer, format!("`{name}` also means {owner}"), Some(help));
    }
}

/// Every name that kubectl takes for the kind, with its place.
fn names(file: &KindFile) -> Vec<(String, String)> {
    let singular = match &file.singular {
        Some(singular) => (singular.clone(), "/singular".to_owned()),
        None => (file.kind.to_lowercase(), "/kind".to_owned()),
    };
    let short = file.short_names.iter().enumerate();
    let short = short.map(|(index, name)| (name.clone(), format!("/shortNames/{index}")));
    [(file.plural.clone(), "/plural".to_owned()), singular].into_iter().chain(short).collect()
}

fn describe(desk: &mut Desk<'_>, schema: &Schema, pointer: &str, path: &str) {
    let described = schema.description.as_deref().is_some_and(|text| !text.trim().is_empty());
    if !described && !pointer.ends_with("/items") && !pointer.ends_with("/additionalProperties") {
        let help =
            "`kubectl explain` and editors show it: say what the field is for and what its default is".to_owned();
        desk.key("no-description", pointer, format!("`{path}` has no description"), Some(help));
    }
    for (name, child) in &schema.properties {
        describe(desk, child, &format!("{pointer}/properties/{name}"), &format!("{path}.{name}"));
    }
    if let Some(items) = &schema.items {
        describe(desk, items, &format!("{pointer}/items"), &format!("{path}[]"));
    }
    if let Some(values) = &schema.additional_properties {
        describe(desk, values, &format!("{pointer}/additionalProperties"), &format!("{path}.*"));
    }
}

/// Norway: a word that whoever writes a manifest has to quote.
fn words(desk: &mut Desk<'_>, rules: &[RuleSpec], pointer: &str) {
    for (index, rule) in rules.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        for (at, word) in rule.one_of.iter().flatten().enumerate() {
            word_of_yaml(desk, word, &format!("{pointer}/oneOf/{at}"));
        }
        words(desk, rule.rules.as_deref().unwrap_or_default(), &format!("{pointer}/rules"));
    }
}

fn enums(desk: &mut Desk<'_>, schema: &Schema, pointer: &str) {
    for (at, word) in schema.values.iter().enumerate() {
        word_of_yaml(desk, word, &format!("{pointer}/enum/{at}"));
    }
    for (name, child) in &schema.properties {
        enums(desk, child, &format!("{pointer}/properties/{name}"));
    }
    for (key, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        if let Some(child) = child {
            enums(desk, child, &format!("{pointer}/{key}"));
        }
    }
}

fn word_of_yaml(desk: &mut Desk<'_>, word: &str, pointer: &str) {
    let number = word.parse::<f64>().is_ok() && word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if number || WORDS.contains(&format!(" {} ", word.to_lowercase())) {
        let message = format!("`{word}` without quotes in a manifest is no text: kubectl and YAML read something else");
        let help = "choose a word that needs no quotes, or make the field a boolean or a number".to_owned();
        desk.value("quoted-choice", pointer, message, Some(help));
    }
}
