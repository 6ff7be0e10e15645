//! Formulas over the fields of a spec: the conditions under which a rule refuses it.
//!
//! A formula is kept in negation normal form, so that what is not known can be settled to either side: a part that is
//! settled to false makes a refusal narrower and never wider.

use indexmap::IndexSet;

use crate::go_compat::text;
use crate::normalize::Segment;
use crate::rules::Format;

/// A condition over a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    True,
    False,
    /// Nothing can be said here.
    Unknown,
    Atom(Atom),
    Not(Atom),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    /// More than `most` items of a list, or entries of a map, fulfil the body.
    Many(Many),
    /// At most that many do.
    Few(Many),
}

/// A count of items or entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Many {
    /// From the spec to the items: it ends in `*` or `[]`.
    pub over: Vec<Segment>,
    pub submitted: bool,
    pub most: usize,
    pub body: Box<Formula>,
}

/// A test of one value. A missing value is absent, blank and empty, and reads as the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    /// From the spec; `*` and `[]` are the entry or item of the count around.
    pub at: Vec<Segment>,
    /// The entry's key, and not its value.
    pub key: bool,
    /// The value as submitted, whatever the steps do.
    pub submitted: bool,
    pub reading: Reading,
    pub test: AtomTest,
}

/// What is done to a text before it is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub trim: bool,
    /// Goes with `trim`.
    pub lower: bool,
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtomTest {
    Absent,
    Blank,
    Empty,
    /// A boolean that is true.
    True,
    In(IndexSet<Box<str>>),
    StartsWith(Box<str>),
    /// In bytes.
    LongerThan(usize),
    /// It does not have the form.
    Misformed(Format),
    /// It is the key of the map's entry that the value is in; the path leads to the entry.
    IsKey(Vec<Segment>),
    /// Another item of the list, or entry of the map, has the same at its place; the path leads to the item.
    Repeated {
        over: Vec<Segment>,
        ignore_case: bool,
    },
}

impl AtomTest {
    /// The item or entry that a value is compared with, or with whose like.
    pub fn compared(&self) -> Option<&[Segment]> {
        match self {
            Self::IsKey(over) | Self::Repeated { over, .. } => Some(over),
            _ => None,
        }
    }
}

impl Reading {
    pub const LOWER: Self = Self { trim: true, lower: true };

    pub fn read(self, value: &str) -> String {
        match self {
            Self { lower: true, .. } => text::lower(text::trim(value)),
            Self { trim: true, .. } => text::trim(value).to_owned(),
            _ => value.to_owned(),
        }
    }
}

impl Atom {
    pub fn new(at: &[Segment], test: AtomTest) -> Self {
        Self { at: at.to_vec(), key: false, submitted: false, reading: Reading::default(), test }
    }

    /// The same of a text that is read in another way first; some tests come to another one then.
    pub fn read(mut self, reading: Reading) -> Self {
        self.reading.trim |= reading.trim;
        self.reading.lower |= reading.lower;
        match &mut self.test {
            AtomTest::Empty if self.reading.trim => self.test = AtomTest::Blank,
            AtomTest::In(words) => words.retain(|word| self.reading.read(word) == **word),
            _ => {}
        }
        if matches!(self.test, AtomTest::Absent | AtomTest::Blank | AtomTest::True) {
            self.reading = Reading::default();
        }
        self
    }

    /// What it comes to for a text, or for nothing.
    pub fn of(&self, value: Option<&str>) -> Formula {
        let Some(given) = value else {
            return Formula::known(match &self.test {
                AtomTest::Absent | AtomTest::Blank | AtomTest::Empty => true,
                AtomTest::In(words) => words.contains(""),
                _ => false,
            });
        };
        if self.test.compared().is_some() {
            return Formula::Unknown;
        }
        let read = self.reading.read(given);
        Formula::known(match &self.test {
            AtomTest::IsKey(_) | AtomTest::Repeated { .. } | AtomTest::Absent | AtomTest::True => false,
            AtomTest::Blank => text::is_blank(&read),
            AtomTest::Empty => read.is_empty(),
            AtomTest::In(words) => words.contains(read.as_str()),
            AtomTest::StartsWith(prefix) => read.starts_with(&**prefix),
            AtomTest::LongerThan(most) => read.len() > *most,
            AtomTest::Misformed(format) => format.fault(&read).is_some(),
        })
    }

    fn same_value(&self, other: &Self) -> bool {
        self.at == other.at && self.key == other.key && self.submitted == other.submitted
    }

    /// What it comes to where another atom is known to be true or false; `None` where that says nothing of it.
    fn given(&self, known: &Self, holds: bool) -> Option<bool> {
        if !self.same_value(known) {
            return None;
        }
        if self == known {
            return Some(holds);
        }
        let blank_words = |words: &IndexSet<Box<str>>| words.iter().filter(|word| text::is_blank(word)).count();
        match (&known.test, holds, &self.test) {
            (AtomTest::Absent, true, _) => match self.of(None) {
                Formula::True => Some(true),
                _ => Some(false),
            },
            (AtomTest::Blank, false, AtomTest::Absent | AtomTest::Empty)
            | (AtomTest::Empty, false, AtomTest::Absent)
            | (AtomTest::True, true, AtomTest::Absent) => Some(false),
            (AtomTest::Blank, true, AtomTest::In(words)) if self.reading.trim => Some(words.contains("")),
            (AtomTest::Blank, true, AtomTest::In(words)) if blank_words(words) == 0 => Some(false),
            (AtomTest::Blank, true, AtomTest::StartsWith(prefix)) => {
                (!prefix.starts_with(char::is_whitespace) && !prefix.is_empty()).then_some(false)
            }
            (AtomTest::Empty, true, AtomTest::Blank) => Some(true),
            (AtomTest::In(words), true, AtomTest::Blank | AtomTest::Empty | AtomTest::Absent)
                if blank_words(words) == 0 =>
            {
                Some(false)
            }
            (AtomTest::In(words), false, AtomTest::Blank) if known.reading.trim && words.contains("") => Some(false),
            (AtomTest::In(few), true, AtomTest::In(many)) if self.reading == known.reading => {
                if few.is_subset(many) {
                    Some(true)
                } else {
                    few.is_disjoint(many).then_some(false)
                }
            }
            _ => None,
        }
    }
}

impl Formula {
    /// A test of a text that is read in another way first; one for words that no reading comes to never holds.
    pub fn read(atom: Atom, reading: Reading) -> Self {
        let atom = atom.read(reading);
        if matches!(&atom.test, AtomTest::In(words) if words.is_empty()) { Self::False } else { Self::Atom(atom) }
    }

    pub fn known(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    pub fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::Atom(atom) => Self::Not(atom),
            Self::Not(atom) => Self::Atom(atom),
            Self::All(parts) => Self::any(parts.into_iter().map(Self::not)),
            Self::Any(parts) => Self::all(parts.into_iter().map(Self::not)),
            Self::Many(many) => Self::Few(many),
            Self::Few(many) => Self::Many(many),
        }
    }

    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut found: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::True => {}
                Self::False => return Self::False,
                Self::All(inner) => found.extend(inner),
                other => found.push(other),
            }
        }
        join(found, true)
    }

    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut found: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::False => {}
                Self::True => return Self::True,
                Self::Any(inner) => found.extend(inner),
                other => found.push(other),
            }
        }
        join(found, false)
    }

    /// One of two formulas.
    pub fn choice(condition: &Self, then: Self, otherwise: Self) -> Self {
        if then == otherwise {
            return then;
        }
        Self::any([Self::all([condition.clone(), then]), Self::all([condition.clone().not(), otherwise])])
    }

    /// Blank values among the words where a choice takes both: shorter to say.
    pub fn merged(self) -> Self {
        match self {
            Self::All(parts) => Self::all(merged_parts(parts, true)),
            Self::Any(parts) => Self::any(merged_parts(parts, false)),
            Self::Many(many) => Self::Many(Many { body: Box::new(many.body.merged()), ..many }),
            Self::Few(many) => Self::Few(Many { body: Box::new(many.body.merged()), ..many }),
            other => other,
        }
    }

    /// A count; conditions that do not speak of the item stand before it, and a choice of one is a choice of counts.
    pub fn many(over: &[Segment], submitted: bool, most: usize, body: Self) -> Self {
        let count = |body: Self| Self::Many(Many { over: over.to_vec(), submitted, most, body: Box::new(body) });
        match body {
            Self::False => Self::False,
            Self::All(parts) => {
                let (inner, outer): (Vec<Self>, Vec<Self>) = parts.into_iter().partition(|part| part.speaks_of(over));
                let inner = Self::all(inner);
                Self::all(outer.into_iter().chain([count(inner)]))
            }
            Self::Any(parts) if most == 0 => {
                Self::any(parts.into_iter().map(|part| Self::many(over, submitted, most, part)))
            }
            Self::Unknown => Self::Unknown,
            body if body != Self::True && !body.speaks_of(over) => Self::all([body, count(Self::True)]),
            body => count(body),
        }
    }

    /// Whether it speaks of a value below a path.
    pub fn speaks_of(&self, prefix: &[Segment]) -> bool {
        let mut found = false;
        self.visit(&mut |at| found |= at.starts_with(prefix));
        found
    }

    /// Visits the path of every value that is looked at.
    pub fn visit(&self, see: &mut dyn FnMut(&[Segment])) {
        match self {
            Self::True | Self::False | Self::Unknown => {}
            Self::Atom(atom) | Self::Not(atom) => {
                see(&atom.at);
                if let Some(over) = atom.test.compared() {
                    see(over);
                }
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Many(many) | Self::Few(many) => {
                see(&many.over);
                many.body.visit(see);
            }
        }
    }

    /// Puts something in place of every atom and count. The body of a count has been rewritten when it is asked for.
    pub fn rewrite(self, change: &mut dyn FnMut(Part) -> Self) -> Self {
        match self {
            Self::True | Self::False | Self::Unknown => self,
            Self::Atom(atom) => change(Part::Atom(atom)),
            Self::Not(atom) => change(Part::Atom(atom)).not(),
            Self::All(parts) => Self::all(parts.into_iter().map(|part| part.rewrite(change)).collect::<Vec<_>>()),
            Self::Any(parts) => Self::any(parts.into_iter().map(|part| part.rewrite(change)).collect::<Vec<_>>()),
            Self::Many(many) => rewrite_count(many, change),
            Self::Few(many) => rewrite_count(many, change).not(),
        }
    }

    /// What it comes to where there is nothing at a path.
    pub fn without(self, path: &[Segment]) -> Self {
        self.rewrite(&mut |part| match part {
            Part::Atom(atom) if atom.at.starts_with(path) => atom.of(None),
            Part::Count(many) if many.over.starts_with(path) => Self::False,
            other => other.formula(),
        })
    }

    /// What it comes to where the texts at a path are never blank.
    pub fn never_blank(self, path: &[Segment]) -> Self {
        self.rewrite(&mut |part| match part {
            Part::Atom(atom) if atom.at == path && !atom.key && atom.test == AtomTest::Blank => Self::False,
            other => other.formula(),
        })
    }

    /// What a formula over one text comes to.
    pub fn of_text(self, text: &str) -> Self {
        self.rewrite(&mut |part| match part {
            Part::Atom(atom) => atom.of(Some(text)),
            Part::Count(many) => Part::Count(many).formula(),
        })
    }

    /// Nothing unknown is left, and it is no wider than it was; tells whether something was unknown.
    pub fn narrowed(self, in_part: &mut bool) -> Self {
        settle(self, false, in_part)
    }

    fn assume(self, known: &Self) -> Self {
        let (atom, holds) = match known {
            Self::Atom(atom) => (atom, true),
            Self::Not(atom) => (atom, false),
            Self::Many(many) => return self.assume_items(many),
            _ => return self,
        };
        let mut change = |part: Part| match part {
            Part::Atom(other) => match other.given(atom, holds) {
                Some(holds) => Self::known(holds),
                None => Self::Atom(other),
            },
            Part::Count(many) => Self::many(&many.over, many.submitted, many.most, *many.body),
        };
        self.rewrite(&mut change)
    }

    /// A list with items is neither absent nor empty.
    fn assume_items(self, many: &Many) -> Self {
        let list = &many.over[..many.over.len() - 1];
        self.rewrite(&mut |part| match part {
            Part::Atom(atom)
                if atom.at == list
                    && atom.submitted == many.submitted
                    && matches!(atom.test, AtomTest::Absent | AtomTest::Empty) =>
            {
                Self::False
            }
            other => other.formula(),
        })
    }
}

/// What [`Formula::rewrite`] asks about.
pub(super) enum Part {
    Atom(Atom),
    Count(Many),
}

impl Part {
    pub fn formula(self) -> Formula {
        match self {
            Self::Atom(atom) => Formula::Atom(atom),
            Self::Count(many) => Formula::many(&many.over, many.submitted, many.most, *many.body),
        }
    }
}

fn rewrite_count(many: Many, change: &mut dyn FnMut(Part) -> Formula) -> Formula {
    let body = many.body.rewrite(change);
    if body == Formula::False {
        return Formula::False;
    }
    change(Part::Count(Many { body: Box::new(body), ..many }))
}

/// Joins parts; what one of them says is taken as given in the others.
fn join(mut parts: Vec<Formula>, all: bool) -> Formula {
    let zero = Formula::known(!all);
    let mut at = 0;
    while at < parts.len() {
        let known = parts[at].clone();
        // in a choice, the others only matter where this part is false
        let fact = if all { known.clone() } else { known.clone().not() };
        let mut next = Vec::new();
        let mut here = 0;
        for (index, part) in parts.drain(..).enumerate() {
            if index == at {
                here = next.len();
                next.push(part);
                continue;
            }
            match if part == known { Formula::known(all) } else { part.assume(&fact) } {
                found if found == zero => return zero,
                Formula::True | Formula::False => {}
                Formula::All(inner) if all => next.extend(inner),
                Formula::Any(inner) if !all => next.extend(inner),
                other => next.push(other),
            }
        }
        parts = next;
        at = here + 1;
    }
    if let Some((one, other, common)) = shared(&parts, all) {
        let rest = [other, one].map(|at| without_parts(&parts.remove(at), &common, all));
        let inner = if all { Formula::all(rest) } else { Formula::any(rest) };
        let whole = common.into_iter().chain([inner]);
        parts.insert(one, if all { Formula::any(whole) } else { Formula::all(whole) });
        return if all { Formula::all(parts) } else { Formula::any(parts) };
    }
    match parts.len() {
        0 => Formula::known(all),
        1 => parts.remove(0),
        _ if all => Formula::All(parts),
        _ => Formula::Any(parts),
    }
}

/// What two parts have in common, which can stand before them; the first place is the smaller one.
fn shared(parts: &[Formula], all: bool) -> Option<(usize, usize, Vec<Formula>)> {
    (0..parts.len()).find_map(|one| {
        (one + 1..parts.len()).find_map(|other| {
            let (first, second) = (inner(&parts[one], all), inner(&parts[other], all));
            let common: Vec<Formula> = first.iter().filter(|part| second.contains(part)).cloned().collect();
            (!common.is_empty()).then_some((one, other, common))
        })
    })
}

/// The parts of a choice within a conjunction, or of a conjunction within a choice.
fn inner(part: &Formula, all: bool) -> &[Formula] {
    match part {
        Formula::Any(inner) if all => inner,
        Formula::All(inner) if !all => inner,
        other => std::slice::from_ref(other),
    }
}

fn without_parts(part: &Formula, taken: &[Formula], all: bool) -> Formula {
    let rest: Vec<Formula> = inner(part, all).iter().filter(|part| !taken.contains(part)).cloned().collect();
    if all { Formula::any(rest) } else { Formula::all(rest) }
}

fn merged_parts(parts: Vec<Formula>, all: bool) -> Vec<Formula> {
    let mut parts: Vec<Formula> = parts.into_iter().map(Formula::merged).collect();
    let atom = |part: &Formula| match part {
        Formula::Not(atom) if all => Some(atom.clone()),
        Formula::Atom(atom) if !all => Some(atom.clone()),
        _ => None,
    };
    let mut at = 0;
    while at < parts.len() {
        let blank = atom(&parts[at]).filter(|atom| atom.test == AtomTest::Blank);
        let choice = blank.and_then(|blank| {
            parts.iter().position(|part| {
                atom(part).is_some_and(|atom| {
                    atom.same_value(&blank) && atom.reading.trim && matches!(atom.test, AtomTest::In(_))
                })
            })
        });
        match choice {
            Some(choice) => {
                if let Formula::Not(Atom { test: AtomTest::In(words), .. })
                | Formula::Atom(Atom { test: AtomTest::In(words), .. }) = &mut parts[choice]
                {
                    words.shift_insert(0, "".into());
                }
                parts.remove(at);
            }
            None => at += 1,
        }
    }
    parts
}

fn settle(formula: Formula, wide: bool, in_part: &mut bool) -> Formula {
    match formula {
        Formula::Unknown => {
            *in_part = true;
            Formula::known(wide)
        }
        Formula::All(parts) => {
            Formula::all(parts.into_iter().map(|part| settle(part, wide, in_part)).collect::<Vec<_>>())
        }
        Formula::Any(parts) => {
            Formula::any(parts.into_iter().map(|part| settle(part, wide, in_part)).collect::<Vec<_>>())
        }
        Formula::Many(many) => {
            let body = settle(*many.body, wide, in_part);
            Formula::many(&many.over, many.submitted, many.most, body)
        }
        Formula::Few(many) => {
            let body = settle(*many.body, !wide, in_part);
            Formula::many(&many.over, many.submitted, many.most, body).not()
        }
        other => other,
    }
}
