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

/// The one object of a text, YAML or JSON; `Null` where it holds none. Of a key that is given twice the last value counts.
pub fn value(text: &[u8]) -> Result<Value, String> {
    let mut found = Value::Null;
    for document in Documents::new(text) {
        let document = document.map_err(|error| error.to_string())?;
        if let Some((_, why)) = document.unusable {
            return Err(why.to_owned());
        }
        let decoded = decode::decode_last(&document.text)
            .map_err(|fault| format!("line {}: {}", document.line + fault.line - 1, fault.text))?;
        for decoded in decoded.into_iter().filter(|decoded| !decoded.value.is_null()) {
            if !found.is_null() {
                return Err("it holds more than one document; send one at a time".to_owned());
            }
            found = decoded.value;
        }
    }
    Ok(found)
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
