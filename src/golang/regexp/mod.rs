//! Whether Go's `regexp.Compile` takes a pattern (`reference/kinds.md` 3, check 2).
//!
//! Rust's `regex` crate accepts and refuses different patterns (`a**`, `(?x)`, `\Z`, `x{1001}`,
//! `[a-\d]` among others), so this is a parser of its own that only judges: it walks the pattern
//! once, keeps for each open group what the limits need to know, and builds no tree.
//!
//! Go also bounds the whole pattern: its tree's height, and the size of the program it would
//! compile to. Neither can be reached within the 512 bytes that orlojd allows a pattern; here both
//! are reckoned without Go's rewriting of alternations (common prefixes, single characters), so a
//! pattern of thousands of bytes may be judged differently right at a bound. A third bound, on the
//! memory of character classes (from some 26,000 uses of `\pL`), is not kept.

mod class;
mod limits;
mod names;
mod repeat;

use self::limits::{Node, Scope};

type Rest<'a> = Result<&'a str, String>;

/// The error says in a few words what is wrong; Go's own text differs.
pub fn check(pattern: &str) -> Result<(), String> {
    let mut judge = Judge { scope: Scope::new(false), outer: Vec::new() };
    let mut rest = pattern;
    // whether the step before was a repetition, which must not be repeated directly
    let mut repeated = false;
    while let Some(c) = rest.chars().next() {
        if let Some(operator) = repeat::operator(rest) {
            rest = judge.repeat(operator?, repeated)?;
            repeated = true;
        } else {
            rest = judge.step(c, rest)?;
            repeated = false;
        }
    }
    judge.finish()
}

struct Judge {
    scope: Scope,
    outer: Vec<Scope>,
}

impl Judge {
    /// Anything but a repetition: consumes one atom, group mark or flag setting.
    fn step<'a>(&mut self, c: char, rest: &'a str) -> Rest<'a> {
        let after = &rest[c.len_utf8()..];
        match c {
            '(' => self.open(after),
            ')' => self.close().map(|()| after),
            '|' => {
                self.scope.branch();
                Ok(after)
            }
            '[' => {
                self.scope.push(Node::leaf());
                class::bracket(after)
            }
            '\\' => self.escape(rest),
            '.' | '^' | '$' => {
                self.scope.push(Node::leaf());
                Ok(after)
            }
            _ => {
                self.scope.push(Node::literal());
                Ok(after)
            }
        }
    }

    fn escape<'a>(&mut self, rest: &'a str) -> Rest<'a> {
        let after = &rest[1..];
        if let Some(quoted) = after.strip_prefix('Q') {
            let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            for _ in literal.chars() {
                self.scope.push(Node::literal());
            }
            return Ok(after);
        }
        if let Some(after) = after.strip_prefix(['A', 'b', 'B', 'z']) {
            self.scope.push(Node::leaf());
            return Ok(after);
        }
        if let Some(after) = class::named(rest)? {
            self.scope.push(Node::leaf());
            return Ok(after);
        }
        let (_, after) = class::escape(rest)?;
        self.scope.push(Node::literal());
        Ok(after)
    }

    /// Behind an opening parenthesis: a plain group, a named one, or flags with or without a group.
    fn open<'a>(&mut self, after: &'a str) -> Rest<'a> {
        let Some(special) = after.strip_prefix('?') else {
            self.enter(true);
            return Ok(after);
        };
        if let Some(named) = special.strip_prefix("P<").or_else(|| special.strip_prefix('<')) {
            let (name, after) = named.split_once('>').ok_or("group name without a closing >")?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err("a group name consists of letters, digits and _".to_owned());
            }
            self.enter(true);
            return Ok(after);
        }
        let end = special.find([':', ')']).ok_or("flags without a closing )")?;
        let (flags, after) = special.split_at(end);
        let (on, off) = flags.split_once('-').map_or((flags, None), |(on, off)| (on, Some(off)));
        if off.is_some_and(str::is_empty) || !on.chars().chain(off.unwrap_or("").chars()).all(|c| "imsU".contains(c)) {
            return Err(format!("unsupported group syntax (?{flags}"));
        }
        if after.starts_with(':') {
            self.enter(false);
        }
        Ok(&after[1..])
    }

    fn enter(&mut self, capture: bool) {
        self.outer.push(std::mem::replace(&mut self.scope, Scope::new(capture)));
    }

    fn close(&mut self) -> Result<(), String> {
        let outer = self.outer.pop().ok_or("unexpected )")?;
        let group = std::mem::replace(&mut self.scope, outer).finish();
        group.check()?;
        self.scope.push(group);
        Ok(())
    }

    fn repeat<'a>(&mut self, (times, after): (repeat::Times, &'a str), repeated: bool) -> Rest<'a> {
        if repeated {
            return Err("a repetition directly behind a repetition".to_owned());
        }
        let node = self.scope.last.as_mut().ok_or("a repetition with nothing to repeat")?;
        *node = times.apply(*node)?;
        node.check().map(|()| after)
    }

    fn finish(self) -> Result<(), String> {
        if !self.outer.is_empty() {
            return Err("missing closing )".to_owned());
        }
        self.scope.finish().check()
    }
}
