//! Whether `net/mail` takes a text for one address of RFC 5322.

use super::{base64, netip};

/// Whether `mail.ParseAddress` takes a text: `a@b.c`, `Name <a@b.c>`, a group of one, each with comments.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let mut reader = MailReader { rest: text };
    reader.address(true) == Some(1) && reader.skip_comments() && reader.rest.is_empty()
}

#[derive(Clone, Copy)]
struct MailReader<'t> {
    rest: &'t str,
}

fn is_visible(c: char) -> bool {
    ('!'..='~').contains(&c) || !c.is_ascii()
}

fn is_atom(c: char) -> bool {
    is_visible(c) && !"()<>[]:;@\\,\"".contains(c)
}

impl<'t> MailReader<'t> {
    fn consume(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// How many addresses there are, at most one outside a group.
    fn address(&mut self, may_be_group: bool) -> Option<usize> {
        self.skip_space();
        if self.rest.is_empty() {
            return None;
        }
        if self.spec().is_some() {
            self.skip_space();
            if self.consume('(') {
                let comment = self.comment()?;
                if comment.split([' ', '\t']).any(has_strange_charset) {
                    return None;
                }
            }
            return Some(1);
        }
        if !self.rest.starts_with('<') {
            self.phrase()?;
        }
        self.skip_space();
        if may_be_group && self.consume(':') {
            return self.group();
        }
        (self.consume('<') && self.spec().is_some() && self.consume('>')).then_some(1)
    }

    fn group(&mut self) -> Option<usize> {
        self.skip_space();
        if self.consume(';') {
            return self.skip_comments().then_some(0);
        }
        let mut count = 0;
        loop {
            self.skip_space();
            count += self.address(false)?;
            if !self.skip_comments() {
                return None;
            }
            if self.consume(';') {
                return self.skip_comments().then_some(count);
            }
            if !self.consume(',') {
                return None;
            }
        }
    }

    /// `local@domain`; where it is none, nothing is consumed.
    fn spec(&mut self) -> Option<()> {
        let before = *self;
        let found = self.try_spec();
        if found.is_none() {
            *self = before;
        }
        found
    }

    fn try_spec(&mut self) -> Option<()> {
        self.skip_space();
        if self.rest.starts_with('"') {
            self.quoted().filter(|length| *length > 0)?;
        } else {
            self.atom(false)?;
        }
        if !self.consume('@') {
            return None;
        }
        self.skip_space();
        if !self.consume('[') {
            return self.atom(false).map(drop);
        }
        let (literal, rest) = self.rest.split_once(']')?;
        let fits = literal.chars().all(|c| is_visible(c) && !"[\\".contains(c)) && netip::parse_ip(literal).is_some();
        self.rest = rest;
        fits.then_some(())
    }

    fn atom(&mut self, permissive: bool) -> Option<&'t str> {
        let end = self.rest.find(|c| !is_atom(c)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        let dots = atom.starts_with('.') || atom.ends_with('.') || atom.contains("..");
        if atom.is_empty() || dots && !permissive {
            return None;
        }
        self.rest = rest;
        Some(atom)
    }

    /// The length of a quoted string, in characters.
    fn quoted(&mut self) -> Option<usize> {
        let mut escaped = false;
        let mut length = 0;
        for (at, c) in self.rest.char_indices().skip(1) {
            let blank = c == ' ' || c == '\t';
            match c {
                c if escaped && (is_visible(c) || blank) => escaped = false,
                _ if escaped => return None,
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(length);
                }
                '\\' => {
                    escaped = true;
                    continue;
                }
                c if is_visible(c) || blank => {}
                _ => return None,
            }
            length += 1;
        }
        None
    }

    /// Words before `<` or `:`. One word is enough, whatever comes after it.
    fn phrase(&mut self) -> Option<()> {
        let mut words = false;
        let mut encoded = false;
        loop {
            if words && !self.skip_comments() {
                return None;
            }
            self.skip_space();
            if self.rest.is_empty() {
                return Some(());
            }
            let word = if self.rest.starts_with('"') {
                self.quoted().map(|_| "")
            } else {
                self.atom(true).filter(|word| !has_strange_charset(word))
            };
            match word.map(decoded) {
                // what is encoded counts as a word only once another follows it, or the phrase ends
                Some(Some(text)) => encoded |= text,
                Some(None) => words = true,
                None => return (words || encoded).then_some(()),
            }
        }
    }

    fn skip_comments(&mut self) -> bool {
        self.skip_space();
        while self.consume('(') {
            if self.comment().is_none() {
                return false;
            }
            self.skip_space();
        }
        true
    }

    /// A comment behind its `(`, nested ones included.
    fn comment(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut depth = 1;
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            let c = match c {
                '\\' => match chars.next() {
                    Some((_, c)) => c,
                    None => c,
                },
                '(' => {
                    depth += 1;
                    c
                }
                ')' if depth == 1 => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                ')' => {
                    depth -= 1;
                    c
                }
                c => c,
            };
            text.push(c);
        }
        None
    }
}

/// The charset of an encoded word of RFC 2047 and whether it holds any text; `None` where it is no such word.
fn encoded_word(word: &str) -> Option<(&str, bool)> {
    if word.len() < 8 || word.matches('?').count() != 4 {
        return None;
    }
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    let decodes = match encoding {
        "b" | "B" => base64::decode(text).is_some(),
        "q" | "Q" => is_q(text),
        _ => false,
    };
    (decodes && !charset.is_empty()).then_some((charset, !text.is_empty()))
}

fn is_q(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'=' => {
                [bytes.next(), bytes.next()].iter().all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit()))
            }
            b' '..=b'~' | b'\n' | b'\r' | b'\t' => true,
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    true
}

fn has_strange_charset(word: &str) -> bool {
    let known = ["utf-8", "iso-8859-1", "us-ascii"];
    encoded_word(word).is_some_and(|(charset, _)| !known.iter().any(|name| charset.eq_ignore_ascii_case(name)))
}

/// Whether an encoded word holds any text; `None` where it is a plain word.
fn decoded(word: &str) -> Option<bool> {
    encoded_word(word).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_others() {
        for good in [
            "a@b",
            "a.b@c.d",
            "\"a b\"@c",
            "Name <a@b>",
            "Two Names <a@b>",
            "\"Q\" <a@b>",
            "<a@b>",
            "a@[1.2.3.4]",
            "a@b (comment (nested))",
            "  a@b  ",
            "group: a@b;",
            "J. R. <a@b>",
            "=?utf-8?q?=C3=A9?= <a@b>",
            "ä@ö.de",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a..b@c",
            ".a@b",
            "a.@b",
            "a b@c",
            "<a@b",
            "a@b>",
            "a@[x]",
            "a@b (",
            "\"\"@a",
            "group:;",
            "group: a@b, c@d;",
            "=?x?q?a?= <a@b>",
            "a@b,c@d",
            "a@b\n",
            "a@b. ",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
