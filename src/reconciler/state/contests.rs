//! Writers that undo each other (`NoWriteWar`): what comes back undone is repaired ever more slowly.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::{ContestedPart, Moment};
use crate::backoff::Policy;
use crate::plan::Drift;
use crate::resource::ResourceId;

/// The first repair is made at once; these are the delays of those that follow, less up to a half by jitter.
const REPAIRS: Policy = Policy { first: Duration::from_secs(10), longest: REMEMBERED };

/// What comes back undone so long after a repair is the work of the same writer.
const REMEMBERED: Duration = Duration::from_hours(1);

/// What has stood for so long after a repair is no longer contested.
const STANDS: Duration = Duration::from_mins(1);

/// A contest from before a restart waits no longer than this for its next repair: the restart may be part of an upgrade
/// that ended it.
const RESUMED: Duration = Duration::from_mins(5);

/// What to do about something that was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UndoneAnswer {
    /// Put it right now.
    Repair,
    /// A repair came back undone: leave it so for now. `first` where nobody has been told of this contest yet.
    Undone { first: bool },
    /// Leave it for now, as before.
    Wait,
}

/// What has become due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DueContest {
    /// The next repair may be made.
    Repair(ResourceId, ContestedPart),
    /// The last repair has stood: see whether it still does.
    Confirm(ResourceId, ContestedPart),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// A repair is on its way.
    #[default]
    Repairing,
    /// Repaired at this time, and not seen undone since.
    Repaired(Instant),
    /// Seen undone; the next repair is due at this time.
    Waiting(Instant),
}

#[derive(Debug, Default)]
struct Contest {
    phase: Phase,
    /// Where it stands in the order of what is due.
    due: Option<Instant>,
    /// How many repairs came back undone.
    undone: u32,
    /// What the last repairs put right, where that is known.
    drift: Option<Box<Drift>>,
    /// What was said of it before a restart, until more is known.
    resumed: Option<String>,
    /// It came back undone, and has not stood for [`STANDS`] since.
    open: bool,
    told: bool,
}

impl Contest {
    /// Returns whether nobody has been told of the contest yet.
    fn count_undone(&mut self) -> bool {
        self.undone = self.undone.saturating_add(1);
        self.open = true;
        !std::mem::replace(&mut self.told, true)
    }

    /// When it is looked at by itself.
    fn next_look(&self) -> Option<Instant> {
        match self.phase {
            Phase::Repairing => None,
            // a row that is undone where nobody sees it is looked at ever more rarely, too
            Phase::Repaired(at) => Some(at + STANDS.max(REPAIRS.delay(self.undone.saturating_sub(1), 0.0))),
            Phase::Waiting(due) => Some(due),
        }
    }

    fn explanation(&self, part: ContestedPart) -> String {
        self.resumed.clone().unwrap_or_else(|| part.explanation(self.drift.as_deref()))
    }
}

type ContestKey = (ResourceId, ContestedPart);

/// Repairs of the last hour. Invariant: a contest stands in `due` exactly where its own `due` is set, and at that time.
#[derive(Debug)]
pub(super) struct Contests {
    /// Contests from before the start are taken up; a run that ends by itself decides for itself.
    pub resumes: bool,
    all: HashMap<ContestKey, Contest>,
    due: BTreeSet<(Instant, ContestKey)>,
}

impl Default for Contests {
    fn default() -> Self {
        Self { resumes: true, all: HashMap::new(), due: BTreeSet::new() }
    }
}

impl Contests {
    /// Something that had been made right is not right any more.
    pub fn undone(&mut self, id: &ResourceId, part: ContestedPart, now: Moment) -> UndoneAnswer {
        let key = (id.clone(), part);
        let forgotten = |contest: &Contest| match contest.phase {
            Phase::Repaired(at) => now.at.duration_since(at) > REMEMBERED,
            Phase::Repairing | Phase::Waiting(_) => false,
        };
        if self.all.get(&key).is_none_or(forgotten) {
            self.remove(&key);
            self.all.insert(key, Contest::default());
            return UndoneAnswer::Repair;
        }
        let Some(contest) = self.all.get_mut(&key) else { return UndoneAnswer::Repair };
        match contest.phase {
            Phase::Repairing => return UndoneAnswer::Repair,
            Phase::Waiting(_) => return UndoneAnswer::Wait,
            Phase::Repaired(_) => {}
        }
        let due = now.at + REPAIRS.delay(contest.undone, now.jitter);
        let first = contest.count_undone();
        self.enter(&key, Phase::Waiting(due));
        UndoneAnswer::Undone { first }
    }

    /// The row was written again; `drift` is what that put right, where it is known. Returns whether that showed that
    /// an earlier repair had been undone unseen, and then whether it is the first sign of the contest.
    pub fn row_repaired(&mut self, id: &ResourceId, drift: Option<Drift>, now: Moment) -> Option<bool> {
        let key = (id.clone(), ContestedPart::Row);
        let contest = self.all.entry(key.clone()).or_default();
        let unseen = matches!(contest.phase, Phase::Repaired(at) if now.at.duration_since(at) <= REMEMBERED);
        let first = unseen.then(|| contest.count_undone());
        if let Some(drift) = drift {
            contest.resumed = None;
            match &mut contest.drift {
                Some(known) => known.join(drift),
                None => contest.drift = Some(Box::new(drift)),
            }
        }
        self.enter(&key, Phase::Repaired(now.at));
        first
    }

    /// Finalizer or status was written; remembered only where it had been undone before.
    pub fn acknowledged(&mut self, id: &ResourceId, part: ContestedPart, now: Moment) {
        if !self.all.is_empty() {
            self.enter(&(id.clone(), part), Phase::Repaired(now.at));
        }
    }

    /// A repair turned out not to be needed: somebody else has put it right.
    pub fn found_right(&mut self, id: &ResourceId, part: ContestedPart, now: Moment) {
        let repairing = |contest: &Contest| contest.phase == Phase::Repairing;
        if !self.all.is_empty() && self.all.get(&(id.clone(), part)).is_some_and(repairing) {
            self.enter(&(id.clone(), part), Phase::Repaired(now.at));
        }
    }

    /// It is right though no repair was needed: somebody else has put it right, or the last repair stands.
    pub fn is_right(&mut self, id: &ResourceId, part: ContestedPart, now: Moment) {
        if self.all.is_empty() {
            return;
        }
        let key = (id.clone(), part);
        let Some(contest) = self.all.get_mut(&key) else { return };
        match contest.phase {
            Phase::Repaired(at) if now.at.duration_since(at) >= STANDS => {
                contest.open = false;
                self.enter(&key, Phase::Repaired(at));
            }
            Phase::Repaired(_) => {}
            Phase::Repairing | Phase::Waiting(_) => self.enter(&key, Phase::Repaired(now.at)),
        }
    }

    /// Whether anything is contested of a resource, and what is to be said of it.
    pub fn explanation(&self, id: &ResourceId) -> Option<String> {
        if self.all.is_empty() {
            return None;
        }
        let open = ContestedPart::ALL.into_iter().filter_map(|part| {
            let contest = self.all.get(&(id.clone(), part)).filter(|contest| contest.open)?;
            Some(contest.explanation(part))
        });
        let texts: Vec<_> = open.collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// What is to be said of one contested part.
    pub fn explanation_of(&self, id: &ResourceId, part: ContestedPart) -> Option<String> {
        self.all.get(&(id.clone(), part)).map(|contest| contest.explanation(part))
    }

    /// Whether a part is left undone for now.
    pub fn waits(&self, id: &ResourceId, part: ContestedPart) -> bool {
        !self.due.is_empty()
            && self.all.get(&(id.clone(), part)).is_some_and(|contest| matches!(contest.phase, Phase::Waiting(_)))
    }

    /// Takes up a contest from before a restart, which has lasted so long, with what was said of it. `right` where the
    /// last repair stands; else the next one is due as if there had been no restart, but after [`RESUMED`] at the
    /// latest.
    pub fn resume(&mut self, id: &ResourceId, said: &str, right: bool, lasted: Duration, now: Moment) {
        let part = ContestedPart::of_text(said);
        let key = (id.clone(), part);
        let undone = (0..32).find(|attempt| REPAIRS.delay(*attempt, 0.0) >= lasted.min(RESUMED)).unwrap_or(32);
        let contest = Contest {
            undone: undone + 1,
            resumed: Some(said.to_owned()),
            open: true,
            told: true,
            ..Contest::default()
        };
        self.all.insert(key.clone(), contest);
        let waiting = Phase::Waiting(now.at + REPAIRS.delay(undone, now.jitter));
        self.enter(&key, if right { Phase::Repaired(now.at) } else { waiting });
    }

    /// Forgets one part of a resource: it has changed, so that it is another difference from now on.
    pub fn forget(&mut self, id: &ResourceId, part: ContestedPart) {
        if !self.all.is_empty() {
            self.remove(&(id.clone(), part));
        }
    }

    /// Forgets a resource.
    pub fn forget_all(&mut self, id: &ResourceId) {
        for part in ContestedPart::ALL {
            self.forget(id, part);
        }
    }

    /// Lets every repair that waits be made now: the other writer is another program from now on.
    pub fn make_due(&mut self, now: Instant) {
        let waiting: Vec<_> = self.due.iter().map(|(_, key)| key.clone()).collect();
        for key in waiting {
            if let Some(contest) = self.all.get_mut(&key)
                && matches!(contest.phase, Phase::Waiting(_))
            {
                contest.undone = 0;
                self.enter(&key, Phase::Waiting(now));
            }
        }
    }

    /// Drops what nobody has undone for an hour.
    pub fn purge(&mut self, now: Instant) {
        self.all.retain(|_, contest| match contest.phase {
            Phase::Repaired(at) => now.duration_since(at) <= REMEMBERED,
            Phase::Repairing | Phase::Waiting(_) => true,
        });
        self.all.shrink_to(2 * self.all.len());
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What has become due. A repair is on its way from now on.
    pub fn pop_due(&mut self, now: Instant) -> Option<DueContest> {
        if self.next_due()? > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let contest = self.all.get_mut(&key)?;
        contest.due = None;
        let (id, part) = key;
        Some(match contest.phase {
            Phase::Waiting(_) => {
                contest.phase = Phase::Repairing;
                DueContest::Repair(id, part)
            }
            Phase::Repairing | Phase::Repaired(_) => DueContest::Confirm(id, part),
        })
    }

    /// How many are left undone for now, or have yet to stand.
    pub fn unsettled(&self) -> usize {
        self.due.len()
    }

    fn enter(&mut self, key: &ContestKey, phase: Phase) {
        let Some(contest) = self.all.get_mut(key) else { return };
        contest.phase = phase;
        // what is repaired and not contested is only remembered
        let due = contest.next_look().filter(|_| contest.open);
        if let Some(before) = std::mem::replace(&mut contest.due, due) {
            self.due.remove(&(before, key.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, key.clone()));
        }
    }

    fn remove(&mut self, key: &ContestKey) {
        if let Some(due) = self.all.remove(key).and_then(|contest| contest.due) {
            self.due.remove(&(due, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::DriftCause;
    use crate::resource::{KindIndex, ObjectName};

    const ROW: ContestedPart = ContestedPart::Row;

    struct Clock(Instant);

    impl Clock {
        fn moment(&self) -> Moment {
            Moment { at: self.0, unix: 0, jitter: 0.0 }
        }

        fn after(&mut self, time: Duration) -> Moment {
            self.0 += time;
            self.moment()
        }
    }

    fn id() -> ResourceId {
        ResourceId { kind: KindIndex(0), object: ObjectName::new("x", "a") }
    }

    fn drift(field: &str) -> Drift {
        Drift { cause: DriftCause::Changed, fields: vec![field.to_owned()] }
    }

    /// Another program undoes each repair after `period`; returns the repairs of each hour.
    fn war(period: Duration, hours: usize) -> Vec<usize> {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        let start = clock.0;
        let mut repairs = vec![0; hours];
        let mut repair = |clock: &Clock| {
            let hour = usize::try_from(clock.0.duration_since(start).as_secs() / 3600).unwrap();
            repairs.get_mut(hour).map(|count| *count += 1)
        };
        let mut undone_at = Some(clock.0);
        while clock.0.duration_since(start) < Duration::from_hours(u64::try_from(hours).unwrap()) {
            let now = clock.after(Duration::from_secs(1));
            let mut repair_now = false;
            if undone_at.is_some_and(|at| at <= now.at) {
                repair_now = contests.undone(&id(), ROW, now) == UndoneAnswer::Repair;
            }
            while let Some(due) = contests.pop_due(now.at) {
                match due {
                    DueContest::Repair(..) => repair_now = true,
                    DueContest::Confirm(id, part) => contests.is_right(&id, part, now),
                }
            }
            if repair_now {
                contests.row_repaired(&id(), Some(drift("spec.size")), now);
                repair(&clock);
                undone_at = Some(now.at + period);
            }
        }
        repairs
    }

    #[test]
    fn repairs_that_come_back_undone_become_rare() {
        for period in [1, 5, 30] {
            assert_eq!(war(Duration::from_secs(period), 4), [9, 1, 1, 1], "{period} s");
        }
        // the other writer is so slow that each repair looks as if it stood
        assert_eq!(war(Duration::from_mins(10), 5), [6, 2, 2, 0, 1]);
        assert_eq!(war(Duration::from_mins(90), 5), [1, 1, 0, 1, 1]);
    }

    #[test]
    fn a_contest_is_told_once_and_ends_when_a_repair_stands() {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        let second = Duration::from_secs(1);
        assert_eq!(contests.undone(&id(), ROW, clock.moment()), UndoneAnswer::Repair);
        contests.row_repaired(&id(), Some(drift("spec.a")), clock.after(second));
        assert_eq!((contests.explanation(&id()), contests.unsettled()), (None, 0));
        assert_eq!(contests.undone(&id(), ROW, clock.after(second)), UndoneAnswer::Undone { first: true });
        assert!(contests.waits(&id(), ROW));
        assert_eq!(contests.undone(&id(), ROW, clock.after(second)), UndoneAnswer::Wait);
        assert!(contests.pop_due(clock.0).is_none());
        let now = clock.after(REPAIRS.first);
        assert_eq!(contests.pop_due(now.at), Some(DueContest::Repair(id(), ROW)));
        contests.row_repaired(&id(), Some(drift("spec.b")), now);
        let said = contests.explanation(&id()).unwrap();
        assert!(said.contains("spec.a, spec.b"), "{said}");
        contests.is_right(&id(), ROW, clock.after(second));
        assert!(contests.explanation(&id()).is_some(), "it has not stood for long");
        let now = clock.after(STANDS);
        assert_eq!(contests.pop_due(now.at), Some(DueContest::Confirm(id(), ROW)));
        contests.is_right(&id(), ROW, now);
        assert_eq!((contests.explanation(&id()), contests.unsettled()), (None, 0));
        // it is remembered, and told no second time
        assert_eq!(contests.undone(&id(), ROW, clock.after(second)), UndoneAnswer::Undone { first: false });
        contests.forget_all(&id());
        assert_eq!((contests.unsettled(), contests.all.len()), (0, 0));
    }

    #[test]
    fn a_restart_does_not_begin_the_war_anew() {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        contests.resume(&id(), "said before", false, Duration::from_mins(20), clock.moment());
        assert_eq!(contests.explanation(&id()).as_deref(), Some("said before"));
        assert_eq!(contests.undone(&id(), ROW, clock.after(Duration::from_secs(5))), UndoneAnswer::Wait);
        assert!(contests.pop_due(clock.after(Duration::from_secs(295)).at).is_none());
        let now = clock.after(Duration::from_mins(1));
        assert_eq!(contests.pop_due(now.at), Some(DueContest::Repair(id(), ROW)));
        contests.row_repaired(&id(), Some(drift("spec.a")), now);
        assert!(contests.explanation(&id()).unwrap().contains("spec.a"));
    }

    #[test]
    fn a_text_tells_its_part() {
        for part in ContestedPart::ALL {
            assert_eq!(ContestedPart::of_text(&part.explanation(Some(&drift("spec.a")).filter(|_| part == ROW))), part);
        }
    }

    /// Nobody sees that the row is undone, but the look that is to confirm a repair.
    #[test]
    fn a_war_that_nobody_sees_is_slow_too() {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        let mut repairs = vec![0; 4];
        contests.undone(&id(), ROW, clock.moment());
        contests.row_repaired(&id(), Some(drift("spec.a")), clock.moment());
        assert_eq!(
            contests.undone(&id(), ROW, clock.after(Duration::from_secs(5))),
            UndoneAnswer::Undone { first: true }
        );
        for hour in &mut repairs {
            for _ in 0..3600 {
                let now = clock.after(Duration::from_secs(1));
                while contests.pop_due(now.at).is_some() {
                    contests.row_repaired(&id(), Some(drift("spec.a")), now);
                    *hour += 1;
                }
            }
        }
        assert_eq!(repairs, [9, 1, 1, 1]);
    }

    #[test]
    fn another_writer_gets_another_chance() {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        contests.undone(&id(), ROW, clock.moment());
        contests.row_repaired(&id(), None, clock.moment());
        contests.undone(&id(), ROW, clock.after(Duration::from_secs(1)));
        contests.make_due(clock.0);
        assert_eq!(contests.pop_due(clock.0), Some(DueContest::Repair(id(), ROW)));
    }

    #[test]
    fn what_nobody_undoes_is_forgotten() {
        let (mut contests, mut clock) = (Contests::default(), Clock(Instant::now()));
        contests.undone(&id(), ROW, clock.moment());
        contests.row_repaired(&id(), None, clock.moment());
        contests.purge(clock.after(REMEMBERED).at);
        assert_eq!(contests.all.len(), 1);
        contests.purge(clock.after(Duration::from_secs(1)).at);
        assert_eq!(contests.all.len(), 0);
        // finalizers and statuses are remembered only where they were undone
        contests.acknowledged(&id(), ContestedPart::Status, clock.moment());
        assert_eq!(contests.all.len(), 0);
    }
}
