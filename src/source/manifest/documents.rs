//! A stream of YAML or JSON, cut into documents before anything is parsed: a broken document takes none of its
//! neighbours with it.

use std::io::{self, BufRead};

/// Most bytes of one document. The API server takes no more than 3 MiB in a request; a list of 10,000 objects stays
/// below it.
const MAX_BYTES: usize = 32 << 20;

/// What is beyond that.
pub const TOO_LARGE: &str = "it has more than 32 MiB; part it into several documents";

/// kubectl reads a separator alone on its line, or with a comment.
const TEXT_BEHIND: &str = "`---` has text behind it, which kubectl refuses; begin a new line";

const UTF_16: &str = "it is UTF-16; save it as UTF-8";
const UTF_32: &str = "it is UTF-32; save it as UTF-8";
const BINARY: &str = "it is binary, or no UTF-8: it holds U+0000";
const NOT_UTF_8: &str = "it is not valid UTF-8";

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
    /// The separator before the next document has text behind it.
    text_behind: bool,
    done: bool,
}

impl<R: BufRead> Documents<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: 0, text_behind: false, done: false }
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
        if std::mem::take(&mut self.text_behind) {
            document.unusable = Some((self.line, TEXT_BEHIND));
        }
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let whole = self.read_line(&mut bytes, MAX_BYTES - document.text.len())?;
            if whole && bytes.is_empty() {
                self.done = true;
                return Ok(document);
            }
            self.line += 1;
            if self.line == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
            if !whole {
                document.unusable.get_or_insert((self.line, TOO_LARGE));
                continue;
            }
            let line = match std::str::from_utf8(&bytes) {
                Ok(line) if !line.contains('\0') => line,
                text => {
                    document.unusable.get_or_insert((self.line, self.encoding(&bytes, text.is_ok())));
                    continue;
                }
            };
            if let Some(rest) = separator(line) {
                self.text_behind = line.starts_with('-') && has_content(rest);
                return Ok(document);
            }
            if document.text.is_empty() {
                if !has_content(line) {
                    continue;
                }
                document.line = self.line;
            }
            document.text.push_str(line);
        }
    }

    /// Reads a line with its end; no more than `most` bytes of it are kept, and whether these are all.
    fn read_line(&mut self, bytes: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        let mut whole = true;
        loop {
            let part = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                part => part?,
            };
            let end = part.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(part.len(), |at| at + 1);
            if bytes.len() + length <= most {
                bytes.extend_from_slice(&part[..length]);
            } else {
                whole = false;
            }
            self.input.consume(length);
            if length == 0 || end.is_some() {
                return Ok(whole);
            }
        }
    }

    /// What a line is that is no text.
    fn encoding(&self, bytes: &[u8], is_utf_8: bool) -> &'static str {
        match bytes {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] if self.line == 1 => {
                UTF_32
            }
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..] if self.line == 1 => UTF_16,
            _ if is_utf_8 => BINARY,
            _ => NOT_UTF_8,
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
        for (bytes, why) in [
            (&b"\xff\xfea\0"[..], UTF_16),
            (b"a\0:\0 \0x\0\n\0", UTF_16),
            (b"\0a\0:\0 \0x\0\n", UTF_16),
            (b"\xff\xfe\0\0a\0\0\0", UTF_32),
            (b"a\0\0\0:\0\0\0", UTF_32),
            (b"a: 1\0\n", BINARY),
            (b"a: \xff\n", NOT_UTF_8),
        ] {
            assert_eq!(Documents::new(bytes).next().unwrap().unwrap().unusable, Some((1, why)), "{bytes:?}");
        }
    }

    #[test]
    fn text_behind_a_separator_is_refused() {
        let documents: Vec<_> =
            Documents::new(&b"a: 1\n--- {b: 2}\nc: 3\n--- # d\ne: 4\n"[..]).map(|document| document.unwrap()).collect();
        let unusable: Vec<_> = documents.iter().map(|document| document.unusable).collect();
        assert_eq!(unusable, [None, Some((2, TEXT_BEHIND)), None]);
    }

    #[test]
    fn what_is_too_large_spoils_its_own_document_only() {
        let line = format!("a: {}\n", "x".repeat(1 << 20));
        for large in [line.repeat(33), "y".repeat(33 << 20)] {
            let text = format!("{large}\n---\nb: 1\n");
            let documents: Vec<_> = Documents::new(text.as_bytes()).map(|document| document.unwrap()).collect();
            assert_eq!(documents[0].unusable.map(|(_, why)| why), Some(TOO_LARGE));
            assert!(documents[0].text.len() <= MAX_BYTES && documents.len() == 2, "{}", documents.len());
            assert_eq!(documents[1].text, "b: 1\n");
        }
    }
}
