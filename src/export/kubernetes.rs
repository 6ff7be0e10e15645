//! What Kubernetes takes for names, labels and annotations. orlojd takes more.

use std::collections::BTreeMap;

use crate::apimachinery::metadata::MAX_ANNOTATIONS;
use crate::apimachinery::metadata::names::{self, MAX_LABEL, MAX_SUBDOMAIN};
use crate::go_compat::quote::quote;
use crate::resource::ObjectName;

/// Why a cluster cannot hold an object of this name and these labels and annotations, and what to do.
pub fn problems(
    object: &ObjectName,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if names::subdomain(&object.name).is_some() {
        problems.push(format!(
            "the name {} is none for Kubernetes, which takes at most {MAX_SUBDOMAIN} lower-case letters, digits, '-' and '.', \
             with a letter or digit at both ends; create it anew under such a name, change what refers to it and delete \
             this row",
            quote(&object.name)
        ));
    }
    if names::label(&object.namespace).is_some() {
        problems.push(format!(
            "the namespace {} is none for Kubernetes, which takes at most {MAX_LABEL} lower-case letters, digits and '-', \
             with a letter or digit at both ends; write the resource by hand, in a namespace of your choice and with the \
             annotation orloj.dev/target-namespace",
            quote(&object.namespace)
        ));
    }
    let advice = "change it in orlojd, and what selects by it";
    for (key, value) in labels {
        if names::qualified(key).is_some() {
            problems.push(format!("the label {} has a key that Kubernetes does not take; {advice}", quote(key)));
        }
        if names::label_value(value).is_some() {
            problems.push(format!(
                "the label {} has a value that Kubernetes does not take: at most {MAX_LABEL} letters, digits, '-', '_' \
                 and '.', with a letter or digit at both ends; {advice}",
                quote(key)
            ));
        }
    }
    for key in annotations.keys().filter(|key| names::qualified(&key.to_lowercase()).is_some()) {
        problems.push(format!("the annotation {} has a key that Kubernetes does not take; {advice}", quote(key)));
    }
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MAX_ANNOTATIONS {
        problems.push(format!(
            "its annotations have {size} bytes together, and Kubernetes takes {MAX_ANNOTATIONS}; shorten them in orlojd"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(namespace: &str, name: &str, label: (&str, &str), annotation: &str) -> Vec<String> {
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        problems(&ObjectName::new(namespace, name), &one(label.0, label.1), &one(annotation, "any\u{85} text"))
    }

    #[test]
    fn what_kubernetes_takes_passes() {
        for (namespace, name, label, annotation) in [
            ("team-a", "a", ("tier", "web"), "note"),
            ("a", "a.b-c.1", ("app.kubernetes.io/Name_x", ""), "Example.COM/Note"),
            (&"n".repeat(63), &"x".repeat(253), (&"k".repeat(63), &"v".repeat(63)), "a/b"),
        ] {
            assert_eq!(told(namespace, name, label, annotation), [""; 0]);
        }
    }

    #[test]
    fn what_it_does_not_take_is_named_with_what_to_do() {
        let good = ("tier", "web");
        for (namespace, name, label, annotation, part) in [
            ("a", "My-tool", good, "x", "the name \"My-tool\""),
            ("a", "my_tool", good, "x", "create it anew under such a name"),
            ("a", "a..b", good, "x", "the name"),
            ("a", "-a", good, "x", "the name"),
            ("a", &"x".repeat(254), good, "x", "the name"),
            ("a.b", "a", good, "x", "orloj.dev/target-namespace"),
            (&"n".repeat(64), "a", good, "x", "the namespace"),
            ("Team", "a", good, "x", "the namespace"),
            ("a", "a", ("a b", "x"), "x", "the label \"a b\" has a key"),
            ("a", "a", ("A.b/c", "x"), "x", "has a key"),
            ("a", "a", ("a/b/c", "x"), "x", "has a key"),
            ("a", "a", ("a", "two words"), "x", "has a value"),
            ("a", "a", ("a", "x-"), "x", "has a value"),
            ("a", "a", good, "a b", "the annotation \"a b\""),
            ("a", "a", good, "/b", "the annotation"),
        ] {
            let told = told(namespace, name, label, annotation);
            assert!(told.len() == 1 && told[0].contains(part), "{part}: {told:?}");
        }
        let large = BTreeMap::from([("a".to_owned(), "x".repeat(MAX_ANNOTATIONS))]);
        assert!(problems(&ObjectName::new("a", "a"), &BTreeMap::new(), &large)[0].contains("262145 bytes"));
    }
}
