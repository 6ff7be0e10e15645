//! What two kind files must not share.

use std::collections::HashMap;

use super::file::KindFile;
use crate::diagnostics::{Diagnostic, SourceText};

/// Names that two files claim; shown in the later one.
pub(crate) fn find(files: &[(SourceText, KindFile)]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut claims: HashMap<(&str, String), &str> = HashMap::new();
    for (source, file) in files {
        for (what, name, pointer) in claimed(file) {
            if let Some(first) = claims.get(&(what, name.clone())) {
                let name = name.rsplit('|').next().unwrap_or_default();
                let message = format!("the {what} `{name}` is taken by {first}");
                problems.push(Diagnostic::at(source, source.value(&pointer), message, None).known_as("clash"));
                if what == "kind" {
                    // everything else would clash as well
                    break;
                }
            } else {
                claims.insert((what, name), &source.name);
            }
        }
    }
    problems
}

/// Everything that a file claims for itself, with its place.
fn claimed(file: &KindFile) -> Vec<(&'static str, String, String)> {
    let singular = file.singular.clone().unwrap_or_else(|| file.kind.to_lowercase());
    let mut claims = vec![
        ("kind", format!("{}|{}", file.group, file.kind), "/kind".to_owned()),
        ("name", format!("{}|{}", file.group, file.plural), "/plural".to_owned()),
    ];
    if file.into.is_none() {
        claims.push(("table", file.store.table.clone(), "/store/table".to_owned()));
    }
    if singular != file.plural {
        let pointer = if file.singular.is_some() { "/singular" } else { "/kind" };
        claims.push(("name", format!("{}|{singular}", file.group), pointer.to_owned()));
    }
    for (index, short) in file.short_names.iter().enumerate() {
        claims.push(("name", format!("{}|{short}", file.group), format!("/shortNames/{index}")));
    }
    if let Some(api) = &file.api {
        claims.push(("collection", api.collection.clone(), "/api/collection".to_owned()));
    }
    claims
}
