//! Preconditions: a formula over the spec that the steps leave, as one over the spec as submitted.
//!
//! Steps are gone through from the last to the first. What a step does to a value is put in place of every test of that
//! value; a guard becomes part of the formula. What cannot be said becomes unknown.

use std::collections::BTreeMap;

use indexmap::IndexSet;

use super::formula::{Atom, AtomTest, Formula, Many, Part, Reading};
use super::refusal::absent;
use super::shape_at;
use crate::go_compat::text;
use crate::normalize::{CopySource, Guard, Operation, PathPattern, Replaced, Segment, Shape, Step, Tree, Unique};

/// The formula over the submitted spec.
pub(super) fn submitted(formula: Formula, steps: &[Step], shape: &Shape) -> Formula {
    let formula = steps.iter().rev().fold(formula, |formula, step| before(formula, step, shape));
    formula.rewrite(&mut |part| match part {
        Part::Atom(atom) => Formula::Atom(Atom { submitted: false, ..atom }),
        Part::Count(many) => Formula::many(&many.over, false, many.most, *many.body),
    })
}

fn before(formula: Formula, step: &Step, shape: &Shape) -> Formula {
    let change = StepChange { operation: &step.operation, shape };
    let mut touched = false;
    formula.visit(&mut |at| touched |= change.paths().iter().any(|path| at.starts_with(&path.segments)));
    if !touched {
        return formula;
    }
    let taken = formula.clone().rewrite(&mut |part| match part {
        Part::Atom(atom) if !atom.submitted => change.atom(atom.clone()).unwrap_or(Formula::Atom(atom)),
        Part::Count(many) if !many.submitted => {
            change.count(many.clone()).unwrap_or_else(|| Part::Count(many).formula())
        }
        part => part.formula(),
    });
    match &step.when {
        Some(when) if taken != formula => Formula::choice(&guard(when), taken, formula),
        _ => taken,
    }
}

/// A guard over the spec before its step.
fn guard(condition: &Guard) -> Formula {
    let atom = |path: &PathPattern, test: AtomTest| Formula::Atom(Atom::new(&path.segments, test));
    match condition {
        Guard::Absent(path) => atom(path, AtomTest::Absent),
        Guard::Blank(path) => atom(path, AtomTest::Blank),
        Guard::Empty(path) => atom(path, AtomTest::Empty),
        Guard::True(path) => atom(path, AtomTest::True),
        Guard::In(path, words) => atom(path, AtomTest::In(words.iter().cloned().collect())),
        Guard::InAnyCase(path, words) => {
            let atom = Atom::new(&path.segments, AtomTest::In(words.iter().cloned().collect()));
            Formula::read(atom, Reading::LOWER)
        }
        Guard::All(inner) => Formula::all(inner.iter().map(guard)),
        Guard::Any(inner) => Formula::any(inner.iter().map(guard)),
        Guard::Not(inner) => guard(inner).not(),
    }
}

/// A step, asked what it does to tests.
struct StepChange<'s> {
    operation: &'s Operation,
    shape: &'s Shape,
}

impl<'s> StepChange<'s> {
    /// What the step changes.
    fn paths(&self) -> &'s [PathPattern] {
        match self.operation {
            Operation::Trim(paths)
            | Operation::Lower(paths)
            | Operation::Set { paths, .. }
            | Operation::Copy { paths, .. }
            | Operation::Clean { paths, .. }
            | Operation::Replace { paths, .. }
            | Operation::CleanKeys(paths)
            | Operation::TrimKeys(paths)
            | Operation::Clamp { paths, .. }
            | Operation::DropItems { paths, .. }
            | Operation::Drop(paths) => paths,
            Operation::Encode { into, .. } => std::slice::from_ref(into),
        }
    }

    /// The test before the step, where the step is taken; `None` where it does not touch the value.
    fn atom(&self, atom: Atom) -> Option<Formula> {
        if atom.key {
            let renamed = matches!(
                self.operation,
                Operation::CleanKeys(paths) | Operation::TrimKeys(paths) if is_map_of(paths, &atom.at)
            );
            return (renamed || self.encodes_into(&atom.at)).then_some(Formula::Unknown);
        }
        if let Some(over) = atom.test.compared().map(<[Segment]>::to_vec) {
            return self.compared(atom, &over);
        }
        match self.operation {
            Operation::Trim(paths) if named(paths, &atom.at) => {
                Some(Formula::read(atom, Reading { trim: true, lower: false }))
            }
            Operation::Lower(paths) if named(paths, &atom.at) => Some(Formula::read(atom, Reading::LOWER)),
            Operation::Set { paths, to, replaces } => self.set(paths, to, *replaces, atom),
            Operation::Clean { paths, .. } => self.cleaned(paths, atom, |item| Atom::new(item, AtomTest::Blank)),
            Operation::Replace { paths, with } if named(paths, &atom.at) => Some(replaced(atom, with)),
            Operation::Copy { paths, from, replaces } => self.copied(paths, from, *replaces, &atom),
            Operation::CleanKeys(paths) | Operation::TrimKeys(paths) => {
                self.cleaned(paths, atom, |entry| Atom { key: true, ..Atom::new(entry, AtomTest::Blank) })
            }
            Operation::Clamp { paths, .. } => {
                (named(paths, &atom.at) && atom.test != AtomTest::Absent).then_some(Formula::Unknown)
            }
            Operation::DropItems { paths, field } => {
                let name = paths.iter().find(|path| path.segments == atom.at)?;
                let field = self.field_of_items(&name.segments, *field)?;
                self.cleaned(paths, atom, |item| {
                    Atom::new(&[item, std::slice::from_ref(&field)].concat(), AtomTest::Blank)
                })
            }
            Operation::Encode { .. } => self.encodes_into(&atom.at).then_some(Formula::Unknown),
            Operation::Drop(paths) => {
                paths.iter().any(|path| atom.at.starts_with(&path.segments)).then(|| atom.of(None))
            }
            // a step that changes the value in a way that is not told above leaves nothing known of it
            _ => named(self.paths(), &atom.at).then_some(Formula::Unknown),
        }
    }

    /// A value that is compared with its entry's key, or with other items: their texts may be mended, and nothing else.
    fn compared(&self, atom: Atom, over: &[Segment]) -> Option<Formula> {
        let touched = |path: &PathPattern| over.starts_with(&path.segments) || atom.at.starts_with(&path.segments);
        if !self.paths().iter().any(touched) {
            return None;
        }
        let reading = match self.operation {
            Operation::Trim(paths) if named(paths, &atom.at) => Reading { trim: true, lower: false },
            Operation::Lower(paths) if named(paths, &atom.at) => Reading::LOWER,
            // of the items that are left, the count around says which these are; a key stays what it is
            Operation::DropItems { paths, .. }
                if matches!(atom.test, AtomTest::IsKey(_)) && !paths.iter().any(|path| over == path.segments) =>
            {
                return None;
            }
            _ => return Some(Formula::Unknown),
        };
        Some(Formula::read(atom, reading))
    }

    fn encodes_into(&self, at: &[Segment]) -> bool {
        matches!(self.operation, Operation::Encode { into, .. } if at.starts_with(&into.segments))
    }

    fn set(&self, paths: &[PathPattern], to: &Tree, replaces: Replaced, atom: Atom) -> Option<Formula> {
        let path = paths.iter().find(|path| atom.at.starts_with(&path.segments))?;
        if path.segments.len() < atom.at.len() {
            // of what is in a list or a map, the count around says what becomes of it
            let counted = matches!(shape_at(self.shape, &path.segments), Some(Shape::List(_) | Shape::Map(_)));
            return (!counted).then_some(Formula::Unknown);
        }
        let parent = self.parent_present(&atom.at);
        if atom.test == AtomTest::Absent {
            return Some(Formula::all([Formula::Atom(atom), parent.not()]));
        }
        let new = match to {
            Tree::String(text) => atom.of(Some(text)),
            Tree::Boolean(flag) => Formula::known(atom.test == AtomTest::True && *flag),
            Tree::List(items) => Formula::known(atom.test == AtomTest::Empty && items.is_empty()),
            _ => Formula::Unknown,
        };
        Some(self.replaced_by(&atom.at, replaces, new, Formula::Atom(atom.clone())))
    }

    /// A value that is taken from another field: the same test is asked of that one.
    fn copied(&self, paths: &[PathPattern], from: &CopySource, replaces: Replaced, atom: &Atom) -> Option<Formula> {
        if !named(paths, &atom.at) {
            return None;
        }
        let CopySource::Field(source) = from else {
            // no resource's name is blank
            let new = match atom.test {
                AtomTest::Absent | AtomTest::Blank | AtomTest::Empty => Formula::False,
                _ => Formula::Unknown,
            };
            return Some(self.replaced_by(&atom.at, replaces, new, Formula::Atom(atom.clone())));
        };
        let there = absent(&source.segments, false, self.shape).not();
        let new = Formula::Atom(Atom { at: source.segments.clone(), ..atom.clone() });
        let taken = self.replaced_by(&atom.at, replaces, new, Formula::Atom(atom.clone()));
        Some(Formula::choice(&there, taken, Formula::Atom(atom.clone())))
    }

    fn replaced_by(&self, at: &[Segment], replaces: Replaced, new: Formula, old: Formula) -> Formula {
        let test = match replaces {
            Replaced::Absent => AtomTest::Absent,
            Replaced::Empty => AtomTest::Empty,
            Replaced::Blank => AtomTest::Blank,
            Replaced::NotPositive => return Formula::Unknown,
        };
        let applies = Formula::all([self.parent_present(at), Formula::Atom(Atom::new(at, test))]);
        Formula::choice(&applies, new, old)
    }

    fn parent_present(&self, at: &[Segment]) -> Formula {
        let parent = at.split_last().map_or(at, |(_, parent)| parent);
        absent(parent, false, self.shape).not()
    }

    /// A list is empty where all of its items are dropped.
    fn cleaned(&self, paths: &[PathPattern], atom: Atom, dropped: impl Fn(&[Segment]) -> Atom) -> Option<Formula> {
        if named(paths, &atom.at) {
            if atom.test != AtomTest::Empty {
                return None;
            }
            let end = match shape_at(self.shape, &atom.at) {
                Some(Shape::List(_)) => Segment::Items,
                _ => Segment::Values,
            };
            let over = [atom.at.as_slice(), &[end]].concat();
            let kept = Formula::Not(dropped(&over));
            return Some(Formula::many(&over, false, 0, kept).not());
        }
        let cleaned_item = matches!(self.operation, Operation::Clean { .. })
            && atom.at.last() == Some(&Segment::Items)
            && named(paths, &atom.at[..atom.at.len() - 1]);
        // the count around says which items are left
        cleaned_item.then(|| Formula::read(atom, Reading { trim: true, lower: false }))
    }

    /// The count before the step; tests of its items have been seen to.
    fn count(&self, many: Many) -> Option<Formula> {
        let list = &many.over[..many.over.len() - 1];
        match self.operation {
            Operation::Clean { paths, unique } if named(paths, list) => {
                let exact = many.most == 0
                    && match unique {
                        Some(Unique::IgnoreCase) => ignores_case(&many.body, &many.over),
                        _ => true,
                    };
                if unique.is_some() && !exact {
                    return Some(Formula::Unknown);
                }
                let kept = Formula::Not(Atom::new(&many.over, AtomTest::Blank));
                Some(Formula::many(&many.over, false, many.most, Formula::all([kept, *many.body])))
            }
            Operation::DropItems { paths, field } if named(paths, list) => {
                let field = self.field_of_items(list, *field)?;
                let kept = Formula::Not(Atom::new(&[many.over.as_slice(), &[field]].concat(), AtomTest::Blank));
                Some(Formula::many(&many.over, false, many.most, Formula::all([kept, *many.body])))
            }
            Operation::Set { paths, to, replaces } if named(paths, list) => {
                let new = literal_count(to, &many);
                let list = list.to_vec();
                Some(self.replaced_by(&list, *replaces, new, Part::Count(many).formula()))
            }
            Operation::CleanKeys(paths) | Operation::TrimKeys(paths) if named(paths, list) => Some(Formula::Unknown),
            Operation::Encode { .. } if self.encodes_into(list) => Some(Formula::Unknown),
            Operation::Drop(paths) if paths.iter().any(|path| list.starts_with(&path.segments)) => Some(Formula::False),
            _ => None,
        }
    }

    fn field_of_items(&self, list: &[Segment], position: usize) -> Option<Segment> {
        let items = [list, &[Segment::Items]].concat();
        let Some(Shape::Object(object)) = shape_at(self.shape, &items) else { return None };
        Some(Segment::Field { position, name: object.fields().get(position)?.name.clone() })
    }
}

fn named(paths: &[PathPattern], at: &[Segment]) -> bool {
    paths.iter().any(|path| path.segments == at)
}

fn is_map_of(paths: &[PathPattern], entry: &[Segment]) -> bool {
    entry.split_last().is_some_and(|(_, map)| named(paths, map))
}

/// A test of a text that a table may replace.
fn replaced(atom: Atom, with: &BTreeMap<Box<str>, Box<str>>) -> Formula {
    let blank = with.iter().any(|(old, new)| text::is_blank(old) || text::is_blank(new));
    match &atom.test {
        AtomTest::Absent => Formula::Atom(atom),
        AtomTest::Blank | AtomTest::Empty if !blank => Formula::Atom(atom),
        AtomTest::In(words) if atom.reading == Reading::default() => {
            let mut before: IndexSet<Box<str>> =
                words.iter().filter(|word| !with.contains_key(*word)).cloned().collect();
            before.extend(with.iter().filter(|(_, new)| words.contains(*new)).map(|(old, _)| old.clone()));
            // a missing value is not replaced
            if words.contains("") && !before.contains("") {
                return Formula::Unknown;
            }
            Formula::Atom(Atom { test: AtomTest::In(before), ..atom })
        }
        _ => Formula::Unknown,
    }
}

/// Whether items that are equal but for case are all one to a formula.
fn ignores_case(body: &Formula, item: &[Segment]) -> bool {
    let plain = |atom: &Atom| {
        atom.at != item
            || atom.reading.lower
            || matches!(atom.test, AtomTest::Absent | AtomTest::Blank | AtomTest::Empty)
    };
    match body {
        Formula::Atom(atom) | Formula::Not(atom) => plain(atom),
        Formula::All(parts) | Formula::Any(parts) => parts.iter().all(|part| ignores_case(part, item)),
        Formula::Many(many) | Formula::Few(many) => ignores_case(&many.body, item),
        Formula::True | Formula::False | Formula::Unknown => true,
    }
}

/// What a count comes to over a list that a step fills in.
fn literal_count(to: &Tree, many: &Many) -> Formula {
    let Tree::List(items) = to else { return Formula::Unknown };
    let mut count = 0;
    for item in items {
        let Some(text) = item.as_str() else { return Formula::Unknown };
        let body = many.body.clone().rewrite(&mut |part| match part {
            Part::Atom(atom) if atom.at == many.over && !atom.key => atom.of(Some(text)),
            other => other.formula(),
        });
        match body {
            Formula::True => count += 1,
            Formula::False => {}
            _ => return Formula::Unknown,
        }
    }
    Formula::known(count > many.most)
}
