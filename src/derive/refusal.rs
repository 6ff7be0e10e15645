//! Refusals: what a kind's rules refuse, as formulas over the spec that the steps leave.

use super::formula::{Atom, AtomTest, Formula, Reading};
use super::shape_at;
use crate::normalize::{PathPattern, Presence, Root, Segment, Shape};
use crate::rules::{Block, Format, Message, Rule, RuleEntry, Subject, Test, When};

/// A rule of a kind, and when it refuses a spec.
#[derive(Debug)]
pub(super) struct Refusal<'r> {
    /// JSON pointer of the rule in its file.
    pub pointer: String,
    pub formula: Formula,
    /// The subject, where there is one: from the spec.
    pub subject: Option<Vec<Segment>>,
    pub message: &'r Message,
    /// How the blocks around name their items, the innermost first.
    pub located: Option<&'r Message>,
    /// What of the rule's test no constraint can say.
    pub unsaid: Option<&'static str>,
}

/// The refusals of all rules, in order.
pub(super) fn refusals<'r>(entries: &'r [RuleEntry], shape: &'r Shape) -> Vec<Refusal<'r>> {
    let mut found = Vec::new();
    let root = BlockScope {
        shape,
        item: Vec::new(),
        submitted: false,
        names: Vec::new(),
        located: None,
        conditioned: false,
        words: &unique_words(entries),
        around: &|body| body,
    };
    root.walk(entries, "/rules", &mut found);
    found
}

/// The words of all `unique` rules, as often as they are used.
fn unique_words(entries: &[RuleEntry]) -> Vec<&str> {
    let mut words = Vec::new();
    for entry in entries {
        match entry {
            RuleEntry::Block(block) => words.extend(unique_words(&block.entries)),
            RuleEntry::Rule(Rule { test: Test::Unique { among, .. }, .. }) => words.push(&**among),
            RuleEntry::Rule(_) => {}
        }
    }
    words
}

/// What of a test the API server has no means to say, for those who ask why.
fn unsaid(test: &Test) -> Option<&'static str> {
    match test {
        Test::Format(Format::Regex) => Some("CEL has nothing that judges a regular expression"),
        Test::HasKey(_) | Test::MaxJsonBytes(_) | Test::MaxDepth(_) => {
            Some("the API server does not look into a free-form object")
        }
        Test::Unique { .. } => {
            Some("of items under a condition, or in more lists than one, CEL cannot tell which are the same")
        }
        Test::DiffersFrom(_) => Some("CEL has no name for a list's index"),
        _ => None,
    }
}

/// A block of rules, while its rules are turned into formulas.
struct BlockScope<'b, 'r> {
    shape: &'r Shape,
    /// From the spec to the item.
    item: Vec<Segment>,
    submitted: bool,
    /// Names given by `as`, with what they are the key of.
    names: Vec<(&'r str, Vec<Segment>)>,
    located: Option<&'r Message>,
    /// Below the innermost list or map, not all items get here.
    conditioned: bool,
    /// Of all `unique` rules.
    words: &'b [&'r str],
    /// What the blocks around make of a rule's formula.
    around: &'b dyn Fn(Formula) -> Formula,
}

impl<'r> BlockScope<'_, 'r> {
    fn walk(&self, entries: &'r [RuleEntry], pointer: &str, found: &mut Vec<Refusal<'r>>) {
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            match entry {
                RuleEntry::Rule(rule) => found.push(Refusal {
                    pointer,
                    formula: (self.around)(self.rule(rule)),
                    subject: rule.path.as_ref().map(|path| self.absolute(path).0).or_else(|| self.own_item()),
                    message: &rule.message,
                    located: self.located,
                    unsaid: unsaid(&rule.test),
                }),
                RuleEntry::Block(block) => self.block(block, &pointer, found),
            }
        }
    }

    fn own_item(&self) -> Option<Vec<Segment>> {
        (!self.item.is_empty()).then(|| self.item.clone())
    }

    fn block(&self, block: &'r Block, pointer: &str, found: &mut Vec<Refusal<'r>>) {
        let (path, submitted) = self.absolute(&block.path);
        let base = if block.path.root == Root::Item { self.item.len() } else { 0 };
        let when = block.when.as_ref().map_or(Formula::True, |when| self.when(when));
        // of two counts over one list, nobody could tell whose item a path means
        let twice = (base..path.len())
            .any(|end| !matches!(path[end], Segment::Field { .. }) && self.item.starts_with(&path[..=end]));
        let around = |body: Formula| {
            if twice {
                return Formula::Unknown;
            }
            let mut formula = Formula::all([self.present(&path, submitted), body]);
            for end in (base..path.len()).rev().filter(|at| !matches!(path[*at], Segment::Field { .. })) {
                formula = Formula::many(&path[..=end], submitted, 0, formula);
            }
            (self.around)(Formula::all([when.clone(), formula]))
        };
        let mut names = self.names.clone();
        if let Some(name) = &block.binding
            && let Some(end) = path.iter().rposition(|segment| !matches!(segment, Segment::Field { .. }))
        {
            names.push((name, path[..=end].to_vec()));
        }
        let inner = BlockScope {
            shape: self.shape,
            item: path.clone(),
            submitted,
            names,
            located: block.at.as_ref().or(self.located),
            conditioned: !block.path.is_many() && (self.conditioned || block.when.is_some()),
            words: self.words,
            around: &around,
        };
        inner.walk(&block.entries, &format!("{pointer}/rules"), found);
    }

    /// From the spec, and whether it is looked at as submitted.
    fn absolute(&self, path: &PathPattern) -> (Vec<Segment>, bool) {
        match path.root {
            Root::Spec => (path.segments.clone(), false),
            Root::Raw => (path.segments.clone(), true),
            Root::Item => ([self.item.as_slice(), &path.segments].concat(), self.submitted),
        }
    }

    /// Whether there is a value: objects that are always made are.
    fn present(&self, path: &[Segment], submitted: bool) -> Formula {
        absent(path, submitted, self.shape).not()
    }

    fn rule(&self, rule: &Rule) -> Formula {
        let when = rule.when.as_ref().map_or(Formula::True, |when| self.when(when));
        let subject =
            rule.path.as_ref().map_or_else(|| (self.item.clone(), self.submitted), |path| self.absolute(path));
        if let Test::Unique { among, ignore_case } = &rule.test {
            let conditioned = self.conditioned || rule.when.is_some();
            return if conditioned { Formula::Unknown } else { self.repeated(among, *ignore_case, &subject) };
        }
        Formula::all([when, self.test(&rule.test, &subject)])
    }

    /// A text that occurs twice in the innermost list or map around.
    fn repeated(&self, among: &str, ignore_case: bool, (path, submitted): &(Vec<Segment>, bool)) -> Formula {
        let field = |segment: &Segment| matches!(segment, Segment::Field { .. });
        let Some(end) = path.iter().rposition(|segment| !field(segment)) else { return Formula::Unknown };
        let over = path[..=end].to_vec();
        let twice = Atom { submitted: *submitted, ..Atom::new(path, AtomTest::Repeated { over, ignore_case }) };
        // elsewhere it may occur once more
        let elsewhere = !path[..end].iter().all(field) || self.words.iter().filter(|word| **word == among).count() > 1;
        let rest = if elsewhere { Formula::Unknown } else { Formula::False };
        Formula::all([self.present(path, *submitted), Formula::any([Formula::Atom(twice), rest])])
    }

    fn test(&self, test: &Test, (path, submitted): &(Vec<Segment>, bool)) -> Formula {
        let atom = |test: AtomTest| Atom { submitted: *submitted, ..Atom::new(path, test) };
        let blank = |path: &PathPattern| {
            let (path, submitted) = self.absolute(path);
            Formula::Atom(Atom { submitted, ..Atom::new(&path, AtomTest::Blank) })
        };
        let fails = match test {
            Test::Never => return Formula::True,
            Test::Refuse(when) => return self.when(when),
            Test::AnyNonblank(paths) => return Formula::all(paths.iter().map(blank)),
            Test::NoneNonblank(paths) => return Formula::any(paths.iter().map(|path| blank(path).not())),
            Test::AtMost { most, counted } => {
                let over = [path.as_slice(), &[Segment::Items]].concat();
                let inner = BlockScope {
                    shape: self.shape,
                    item: over.clone(),
                    submitted: *submitted,
                    names: self.names.clone(),
                    located: None,
                    conditioned: false,
                    words: self.words,
                    around: &|body| body,
                };
                let body = counted.as_ref().map_or(Formula::True, |when| inner.when(when));
                return Formula::many(&over, *submitted, *most, body);
            }
            Test::OneOf { words, ignore_case } => {
                let one = atom(AtomTest::In(words.iter().cloned().collect()));
                let one = if *ignore_case { one.read(Reading::LOWER) } else { one };
                Formula::Not(one)
            }
            Test::Format(format) if *format != Format::Regex => Formula::Atom(atom(AtomTest::Misformed(*format))),
            Test::StartsWith(prefix) => Formula::Not(atom(AtomTest::StartsWith(prefix.clone()))),
            Test::MaxBytes(most) => Formula::Atom(atom(AtomTest::LongerThan(*most))),
            Test::DiffersFrom(name) => match self.names.iter().rev().find(|(known, _)| **known == **name) {
                Some((_, over)) if over.last() == Some(&Segment::Values) => {
                    Formula::Atom(atom(AtomTest::IsKey(over.clone())))
                }
                _ => Formula::Unknown,
            },
            Test::Format(_) | Test::Unique { .. } | Test::HasKey(_) | Test::MaxJsonBytes(_) | Test::MaxDepth(_) => {
                Formula::Unknown
            }
        };
        Formula::all([self.present(path, *submitted), fails])
    }

    fn when(&self, when: &When) -> Formula {
        match when {
            When::Absent(subject) => self.subject(subject, AtomTest::Absent),
            When::Blank(subject) => self.subject(subject, AtomTest::Blank),
            When::Empty(subject) => self.subject(subject, AtomTest::Empty),
            When::True(subject) => self.subject(subject, AtomTest::True),
            When::In(subject, words) => self.subject(subject, AtomTest::In(words.iter().cloned().collect())),
            When::InAnyCase(subject, words) => {
                let one = self.subject(subject, AtomTest::In(words.iter().cloned().collect()));
                match one {
                    Formula::Atom(atom) => Formula::read(atom, Reading::LOWER),
                    other => other,
                }
            }
            When::All(inner) => Formula::all(inner.iter().map(|when| self.when(when))),
            When::Any(inner) => Formula::any(inner.iter().map(|when| self.when(when))),
            When::Not(inner) => self.when(inner).not(),
        }
    }

    fn subject(&self, subject: &Subject, test: AtomTest) -> Formula {
        let (path, submitted) = match subject {
            Subject::Name(name) => return self.key(name, test),
            Subject::Path(path) | Subject::Own(Some(path)) => self.absolute(path),
            Subject::Own(None) => (self.item.clone(), self.submitted),
        };
        match test {
            AtomTest::Absent => absent(&path, submitted, self.shape),
            test => Formula::Atom(Atom { submitted, ..Atom::new(&path, test) }),
        }
    }

    fn key(&self, name: &str, test: AtomTest) -> Formula {
        match self.names.iter().rev().find(|(known, _)| *known == name) {
            Some((_, over)) if over.last() == Some(&Segment::Values) => {
                Formula::Atom(Atom { key: true, ..Atom::new(over, test) })
            }
            _ => Formula::Unknown,
        }
    }
}

/// Whether there is no value at a path: an object that is always made is there where what holds it is.
pub(super) fn absent(path: &[Segment], submitted: bool, shape: &Shape) -> Formula {
    let Some((last, above)) = path.split_last() else { return Formula::False };
    let Segment::Field { position, .. } = last else { return Formula::False };
    let made = !submitted
        && matches!(shape_at(shape, path), Some(Shape::Object(_)))
        && match shape_at(shape, above) {
            Some(Shape::Object(object)) => object.fields()[*position].presence == Presence::Always,
            _ => false,
        };
    if made {
        return absent(above, submitted, shape);
    }
    Formula::Atom(Atom { submitted, ..Atom::new(path, AtomTest::Absent) })
}
