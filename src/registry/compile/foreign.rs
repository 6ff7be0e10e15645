//! What a file says of a kind that is not ours.

use super::Faults;
use crate::apimachinery::metadata::names::{label_value, qualified};
use crate::normalize::{PathPattern, Shape};
use crate::registry::file::{Acknowledge, Definition, KindFile};
use crate::registry::foreign::{Foreign, MappedField, ObjectPath};

pub(super) fn compile(file: &KindFile, shape: &Shape, faults: &mut Faults<'_>) -> Option<Foreign> {
    let foreign = file.definition == Definition::Foreign;
    // for another owner's definition, and for rows that are nobody's but the operator's
    let misplaced = [
        ("acknowledge", file.acknowledge != Acknowledge::None, true),
        ("select", file.select.is_some(), true),
        ("fields", !file.fields.is_empty(), true),
        ("into", file.into.is_some(), true),
        ("printerColumns", !file.printer_columns.is_empty(), false),
        ("approval", file.approval.is_some(), false),
    ];
    for (name, given, of_foreign) in misplaced {
        if given && of_foreign != foreign {
            let whose =
                if foreign { "the kind's definition is another's" } else { "it goes with `definition: foreign`" };
            faults.key(&format!("/{name}"), format!("`{name}` has no use here: {whose}"));
        }
    }
    if !foreign {
        return None;
    }
    let select = file.select.clone().unwrap_or_default();
    for (key, value) in &select.labels {
        if let Some(why) = qualified(key).or_else(|| label_value(value)) {
            faults.value(&format!("/select/labels/{}", key.replace('/', "~1")), format!("`{key}: {value}`: {why}"));
        }
    }
    let mut fields = Vec::new();
    for (to, source) in &file.fields {
        let pointer = format!("/fields/{to}");
        match PathPattern::compile(to, shape, None) {
            Ok(target) if target.path.is_many() || !to.starts_with("spec") => {
                faults.key(&pointer, format!("`{to}` must lead to one field of `spec`"));
            }
            Ok(_) => {}
            Err(error) => faults.path(&pointer, &error),
        }
        match ObjectPath::parse(&source.from) {
            Ok(from) => fields.push(MappedField { to: to.split('.').skip(1).map(Into::into).collect(), from }),
            Err(why) => faults.value(&format!("{pointer}/from"), why),
        }
    }
    Some(Foreign {
        annotates: file.acknowledge == Acknowledge::Annotation,
        labels: select.labels.into_iter().collect(),
        namespaces: select.namespaces,
        fields,
    })
}
