//! What the bounds on a whole pattern need to know of its parts.

use super::fault::{self, fault};

/// The greatest height of a pattern's tree.
const MAX_HEIGHT: u32 = 1000;
/// The greatest size of a compiled pattern, in instructions: 128 MiB of 40 bytes each.
const MAX_SIZE: u64 = (128 << 20) / 40;

#[derive(Clone, Copy, PartialEq, Eq)]
enum PatternShape {
    Literal,
    Sequence,
    Choice,
    Other,
}

/// One part of a pattern, as far as the bounds look at it.
#[derive(Clone, Copy)]
pub(super) struct PatternNode {
    shape: PatternShape,
    height: u32,
    /// The instructions it compiles to.
    pub(super) size: u64,
    /// The most copies that nested counts make of anything inside.
    pub(super) copies: u32,
}

impl PatternNode {
    /// A character class, an assertion, or nothing at all.
    pub(super) fn leaf() -> Self {
        Self { shape: PatternShape::Other, height: 1, size: 1, copies: 1 }
    }

    /// One character standing for itself.
    pub(super) fn literal() -> Self {
        Self { shape: PatternShape::Literal, ..Self::leaf() }
    }

    /// The same, one level deeper.
    pub(super) fn wrapped(self, size: u64, copies: u32) -> Self {
        Self { shape: PatternShape::Other, height: self.height + 1, size, copies }
    }

    /// Whether the bounds allow it; the error names the whole pattern.
    pub(super) fn check(&self, pattern: &str) -> Result<(), String> {
        if self.size > MAX_SIZE {
            return Err(fault(fault::LARGE, pattern));
        }
        if self.height > MAX_HEIGHT {
            return Err(fault(fault::DEEP, pattern));
        }
        Ok(())
    }
}

/// Parts standing side by side, either in sequence or as alternatives.
struct RepeatTally {
    shape: PatternShape,
    only: Option<PatternNode>,
    count: u64,
    height: u32,
    size: u64,
    copies: u32,
    after_literal: bool,
}

impl RepeatTally {
    fn new(shape: PatternShape) -> Self {
        Self { shape, only: None, count: 0, height: 0, size: 0, copies: 1, after_literal: false }
    }

    /// Adds a part; neighbouring characters melt into one.
    fn add(&mut self, node: PatternNode) {
        self.size = self.size.saturating_add(node.size);
        self.copies = self.copies.max(node.copies);
        // a sequence directly within a sequence is one, and so are alternatives
        self.height = self.height.max(node.height - u32::from(node.shape == self.shape));
        let literal = node.shape == PatternShape::Literal;
        if !(literal && self.after_literal) {
            self.count += 1;
            self.only = Some(node);
        }
        self.after_literal = literal && self.shape == PatternShape::Sequence;
    }

    fn finish(self) -> PatternNode {
        match self.only {
            None => PatternNode::leaf(),
            Some(node) if self.count == 1 => PatternNode { size: self.size, ..node },
            Some(_) => {
                let joints = if self.shape == PatternShape::Choice { self.count - 1 } else { 0 };
                let size = self.size.saturating_add(joints);
                PatternNode { shape: self.shape, height: self.height + 1, size, copies: self.copies }
            }
        }
    }
}

/// A group that is still open, or the pattern itself.
pub(super) struct FlagScope {
    capture: bool,
    choices: RepeatTally,
    sequence: RepeatTally,
    /// The part that a repetition would take; not in `sequence` yet.
    pub(super) last: Option<PatternNode>,
}

impl FlagScope {
    pub(super) fn new(capture: bool) -> Self {
        Self {
            capture,
            choices: RepeatTally::new(PatternShape::Choice),
            sequence: RepeatTally::new(PatternShape::Sequence),
            last: None,
        }
    }

    pub(super) fn push(&mut self, node: PatternNode) {
        if let Some(last) = self.last.replace(node) {
            self.sequence.add(last);
        }
    }

    /// An alternative ends here.
    pub(super) fn branch(&mut self) {
        let mut sequence = std::mem::replace(&mut self.sequence, RepeatTally::new(PatternShape::Sequence));
        if let Some(last) = self.last.take() {
            sequence.add(last);
        }
        self.choices.add(sequence.finish());
    }

    pub(super) fn finish(mut self) -> PatternNode {
        self.branch();
        let node = self.choices.finish();
        if self.capture { node.wrapped(node.size.saturating_add(2), node.copies) } else { node }
    }
}
