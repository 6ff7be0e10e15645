//! Whether Go's `regexp.Compile` takes a pattern (`kinds/ORLOJD.md` 4.5).
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
mod fault;
mod limits;
pub mod matcher;
mod names;
mod repeat;

use self::fault::{fault, upto};
use self::limits::{FlagScope, PatternNode};

type Rest<'a> = Result<&'a str, String>;

/// The error is Go's text: what is wrong, and the part of the pattern that shows it.
pub fn check(pattern: &str) -> Result<(), String> {
    let mut judge = Judge { pattern, scope: FlagScope::new(false), outer: Vec::new() };
    let mut rest = pattern;
    // where the step before began, if it was a repetition, which must not be repeated directly
    let mut repetition = None;
    while let Some(c) = rest.chars().next() {
        let start = rest;
        if let Some(operator) = repeat::operator(rest) {
            rest = judge.repeat(operator?, start, repetition)?;
            repetition = Some(start);
        } else {
            rest = judge.step(c, rest)?;
            repetition = None;
        }
    }
    judge.finish()
}

struct Judge<'p> {
    pattern: &'p str,
    scope: FlagScope,
    outer: Vec<FlagScope>,
}

impl Judge<'_> {
    /// Anything but a repetition: consumes one atom, group mark or flag setting.
    fn step<'a>(&mut self, c: char, rest: &'a str) -> Rest<'a> {
        let after = &rest[c.len_utf8()..];
        match c {
            '(' => self.open(rest),
            ')' => self.close().map(|()| after),
            '|' => {
                self.scope.branch();
                Ok(after)
            }
            '[' => {
                self.scope.push(PatternNode::leaf());
                class::bracket(rest)
            }
            '\\' => self.escape(rest),
            '.' | '^' | '$' => {
                self.scope.push(PatternNode::leaf());
                Ok(after)
            }
            _ => {
                self.scope.push(PatternNode::literal());
                Ok(after)
            }
        }
    }

    fn escape<'a>(&mut self, rest: &'a str) -> Rest<'a> {
        let after = &rest[1..];
        if let Some(quoted) = after.strip_prefix('Q') {
            let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            for _ in literal.chars() {
                self.scope.push(PatternNode::literal());
            }
            return Ok(after);
        }
        if let Some(after) = after.strip_prefix(['A', 'b', 'B', 'z']) {
            self.scope.push(PatternNode::leaf());
            return Ok(after);
        }
        if let Some(after) = class::named(rest)? {
            self.scope.push(PatternNode::leaf());
            return Ok(after);
        }
        let (_, after) = class::escape(rest)?;
        self.scope.push(PatternNode::literal());
        Ok(after)
    }

    /// An opening parenthesis: a plain group, a named one, or flags with or without a group.
    fn open<'a>(&mut self, rest: &'a str) -> Rest<'a> {
        let Some(special) = rest.strip_prefix("(?") else {
            self.enter(true);
            return Ok(&rest[1..]);
        };
        // a name needs at least one character behind the mark to be looked for
        let mark = special.strip_prefix("P<").or_else(|| special.strip_prefix('<'));
        if let Some(named) = mark.filter(|named| !named.is_empty()) {
            let (name, after) = named.split_once('>').ok_or_else(|| fault(fault::NAME, rest))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(fault(fault::NAME, upto(rest, after)));
            }
            self.enter(true);
            return Ok(after);
        }
        self.flags(rest, special)
    }

    fn flags<'a>(&mut self, rest: &'a str, flags: &'a str) -> Rest<'a> {
        // whether a minus was seen, and a flag since then
        let (mut off, mut any) = (false, false);
        for (i, c) in flags.char_indices() {
            let after = &flags[i + c.len_utf8()..];
            match c {
                'i' | 'm' | 's' | 'U' => any = true,
                '-' if !off => (off, any) = (true, false),
                ':' | ')' if any || !off => {
                    if c == ':' {
                        self.enter(false);
                    }
                    return Ok(after);
                }
                _ => return Err(fault(fault::PERL, upto(rest, after))),
            }
        }
        Err(fault(fault::PERL, rest))
    }

    fn enter(&mut self, capture: bool) {
        self.outer.push(std::mem::replace(&mut self.scope, FlagScope::new(capture)));
    }

    fn close(&mut self) -> Result<(), String> {
        let outer = self.outer.pop().ok_or_else(|| fault(fault::UNEXPECTED_PAREN, self.pattern))?;
        let group = std::mem::replace(&mut self.scope, outer).finish();
        group.check(self.pattern)?;
        self.scope.push(group);
        Ok(())
    }

    fn repeat<'a>(
        &mut self,
        (times, after): (repeat::Times, &'a str),
        start: &'a str,
        repetition: Option<&'a str>,
    ) -> Rest<'a> {
        if let Some(before) = repetition {
            return Err(fault(fault::NESTED_REPEAT, upto(before, after)));
        }
        let operator = upto(start, after);
        let node = self.scope.last.as_mut().ok_or_else(|| fault(fault::NO_OPERAND, operator))?;
        let (repeated, allowed) = times.apply(*node);
        *node = repeated;
        node.check(self.pattern)?;
        if allowed { Ok(after) } else { Err(fault(fault::COUNT, operator)) }
    }

    fn finish(self) -> Result<(), String> {
        if !self.outer.is_empty() {
            return Err(fault(fault::PAREN, self.pattern));
        }
        self.scope.finish().check(self.pattern)
    }
}
