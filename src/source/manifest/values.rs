//! Documents as they are, whatever they hold: for commands that are not about resources of known kinds.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::documents::Documents;
use super::{ManifestError, STDIN, decode};

/// Every object of a file, or of standard input for `-`; those of lists one by one.
pub fn values(file: &Arc<Path>) -> Result<Vec<Value>, ManifestError> {
    if **file == *Path::new(STDIN) {
        return read(file, std::io::stdin().lock());
    }
    match std::fs::File::open(file) {
        Ok(open) => read(file, std::io::BufReader::new(open)),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn read(file: &Arc<Path>, input: impl BufRead) -> Result<Vec<Value>, ManifestError> {
    let broken = |line: usize, column: usize, why: &str| {
        let text = format!("unable to read the document: {why}");
        ManifestError { line, column, ..ManifestError::of_file(file, text) }
    };
    let mut all = Vec::new();
    for document in Documents::new(input) {
        let document = document.map_err(|error| unreadable(file, &error))?;
        if let Some((line, why)) = document.unusable {
            return Err(broken(line, 0, why));
        }
        let decoded = decode::decode(&document.text)
            .map_err(|fault| broken(document.line + fault.line - 1, fault.column, &fault.text))?;
        for mut found in decoded {
            let is_list = found.value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
            if is_list && let Some(items) = found.value.get_mut("items").and_then(Value::as_array_mut) {
                all.append(items);
            } else if !found.value.is_null() {
                all.push(found.value);
            }
        }
    }
    Ok(all)
}

fn unreadable(file: &Path, error: &std::io::Error) -> ManifestError {
    ManifestError::of_file(file, format!("unable to read: {error}"))
}
