//! A stream of YAML or JSON, cut into documents before anything is parsed: a broken document takes none of its
//! neighbours with it.

use std::io::{self, BufRead};

/// Most bytes of one document. A list of 100,000 objects stays below it; what exceeds it is no manifest.
const MAX_BYTES: usize = 512 << 20;

/// One document, unparsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Line of the input on which `text` begins, from 1: the first that is neither blank nor a comment.
    pub line: usize,
    pub text: String,
    /// Why the text cannot be taken as it is, and on which line.
    pub unusable: Option<(usize, &'static str)>,
}

/// Cuts an input at the lines that begin with `---` and stand alone, as YAML and kubectl do. Documents without
/// content (blank lines, comments, directives) are left out.
#[derive(Debug)]
pub struct Documents<R> {
    input: R,
    /// The line that was read last.
    line: usize,
    /// What stands behind `---` on its line, which belongs to the next document.
    carried: Option<String>,
    done: bool,
}

impl<R: BufRead> Documents<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: 0, carried: None, done: false }
    }

    fn read(&mut self) -> io::Result<Option<Document>> {
        while !self.done {
            let document = self.next_part()?;
            if !document.text.is_empty() || document.unusable.is_some() {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }

    /// Reads up to the next separator. The text is empty where there was no content.
    fn next_part(&mut self) -> io::Result<Document> {
        let mut document = Document { line: self.line.max(1), text: String::new(), unusable: None };
        if let Some(carried) = self.carried.take() {
            document.text.push_str(&carried);
        }
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if self.input.read_until(b'\n', &mut bytes)? == 0 {
                self.done = true;
                return Ok(document);
            }
            self.line += 1;
            if self.line == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
            let Ok(line) = std::str::from_utf8(&bytes) else {
                let why = if self.line == 1 && (bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF")) {
                    "it is UTF-16; save it as UTF-8"
                } else {
                    "it is not valid UTF-8"
                };
                document.unusable.get_or_insert((self.line, why));
                continue;
            };
            if let Some(rest) = separator(line) {
                if has_content(rest) {
                    self.carried = Some(rest.trim_start().to_owned());
                }
                return Ok(document);
            }
            if document.text.is_empty() {
                if !has_content(line) {
                    continue;
                }
                document.line = self.line;
            }
            if document.text.len() + line.len() > MAX_BYTES {
                document.unusable.get_or_insert((self.line, "it is larger than 512 MiB"));
            } else {
                document.text.push_str(line);
            }
        }
    }
}

impl<R: BufRead> Iterator for Documents<R> {
    type Item = io::Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        self.done |= read.is_err();
        read.transpose()
    }
}

/// What follows the `---` or `...` of a line that parts two documents.
fn separator(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."))?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])).then_some(rest)
}

/// Whether a line before the first content is content: no blank, comment or directive.
fn has_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: impl AsRef<[u8]>) -> Vec<(usize, String)> {
        Documents::new(text.as_ref()).map(|document| document.unwrap()).map(|d| (d.line, d.text)).collect()
    }

    fn expected(documents: &[(usize, &str)]) -> Vec<(usize, String)> {
        documents.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
    }

    #[test]
    fn documents_are_cut_at_separators_and_know_their_line() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), expected(&[(1, "a: 1\n"), (3, "b: 2\n")]));
        assert_eq!(cut("---\n# why\n\na: 1\n--- # next\nb: 2"), expected(&[(4, "a: 1\n"), (6, "b: 2")]));
        assert_eq!(cut("a: 1\n...\n%YAML 1.2\n---\nb: 2\n"), expected(&[(1, "a: 1\n"), (5, "b: 2\n")]));
        assert_eq!(cut("--- {a: 1}\n"), expected(&[(1, "{a: 1}\n")]));
        assert_eq!(cut("a: 1\r\n---\r\nb: 2\r\n"), expected(&[(1, "a: 1\r\n"), (3, "b: 2\r\n")]));
        assert_eq!(cut("\u{feff}a: 1\n"), expected(&[(1, "a: 1\n")]));
    }

    #[test]
    fn what_only_looks_like_a_separator_stays() {
        let text = "a: |\n  ---\n  x\n----: 1\n---x: 2\n";
        assert_eq!(cut(text), expected(&[(1, text)]));
    }

    #[test]
    fn empty_documents_are_none() {
        for text in ["", "\n\n", "---\n---\n", "# only a comment\n", "---\n# a\n---\n\n...\n", "\u{feff}"] {
            assert_eq!(cut(text), expected(&[]), "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_spoil_their_own_document_only() {
        let documents: Vec<_> =
            Documents::new(&b"a: 1\nb: \xff\n---\nc: 3\n"[..]).map(|document| document.unwrap()).collect();
        assert_eq!(documents[0].unusable, Some((2, "it is not valid UTF-8")));
        assert_eq!((documents[1].line, documents[1].text.as_str()), (4, "c: 3\n"));
        let utf16: Vec<_> = Documents::new(&b"\xff\xfea\0"[..]).map(|document| document.unwrap()).collect();
        assert_eq!(utf16[0].unusable, Some((1, "it is UTF-16; save it as UTF-8")));
    }
}
