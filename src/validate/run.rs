//! Many files, judged side by side and told in their order.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::across::Across;
use super::file::{FileReport, Validator};
use super::finding::Finding;
use super::rule::{self, Severity};
use crate::source::manifest::ManifestError;
use crate::source::manifest::files;

/// Files that one worker takes at a time.
const BATCH: usize = 16;

/// Stack of a worker: values nested as deeply as they may be are walked by recursion.
const STACK: usize = 16 << 20;

/// What is told while files are judged.
#[derive(Debug)]
pub enum Event<'e> {
    /// A file is done; its findings so far.
    File(&'e Path, &'e [Finding]),
    /// All files are done: findings of one of them that look at more than one object.
    Across(&'e [Finding]),
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub files: usize,
    /// Objects of known kinds.
    pub objects: usize,
    /// Objects of other groups, by group; the core group is `v1`.
    pub skipped: BTreeMap<String, usize>,
    pub errors: usize,
    pub warnings: usize,
    /// Files and folders that could not be read.
    pub unreadable: usize,
}

type Job = (usize, Vec<Result<Arc<Path>, ManifestError>>);
type Done = (usize, Vec<FileReport>);

/// Judges all manifests of the paths. Files are read on all cores; findings come in the order of the files, whatever
/// finishes first, and little of a file is kept ([`super::facts`]).
pub fn run<E>(
    validator: &Validator,
    paths: &[PathBuf],
    tell: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (jobs_in, jobs_out) = sync_channel::<Job>(workers * 2);
    let (done_in, done_out) = sync_channel::<Done>(workers * 4);
    let jobs_out = Mutex::new(jobs_out);
    std::thread::scope(|scope| {
        scope.spawn(move || walk(paths, &jobs_in));
        for _ in 0..workers {
            let done = done_in.clone();
            let jobs = &jobs_out;
            let worker = std::thread::Builder::new().stack_size(STACK);
            if worker.spawn_scoped(scope, move || work(validator, jobs, &done)).is_err() {
                tracing::warn!("unable to start another thread");
            }
        }
        drop(done_in);
        let result = collect(validator, &done_out, tell);
        // whoever still works finds nobody to tell and stops
        drop(done_out);
        result
    })
}

fn walk(paths: &[PathBuf], jobs: &SyncSender<Job>) {
    let (mut number, mut batch) = (0, Vec::new());
    let mut send = |batch: &mut Vec<_>| {
        // nobody takes jobs any more where the run has ended early
        let _ = jobs.send((number, std::mem::take(batch)));
        number += 1;
    };
    files::walk(paths, &mut |entry| {
        batch.push(entry);
        if batch.len() == BATCH {
            send(&mut batch);
        }
    });
    if !batch.is_empty() {
        send(&mut batch);
    }
}

fn work(validator: &Validator, jobs: &Mutex<Receiver<Job>>, done: &SyncSender<Done>) {
    let mut stopped = false;
    loop {
        let job = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            Err(_) => return,
        };
        let Ok((number, batch)) = job else { return };
        if stopped {
            // whoever walks the folders must not wait for us for ever
            continue;
        }
        let reports = batch
            .into_iter()
            .map(|entry| match entry {
                Ok(file) => validator.file(&file),
                Err(error) => validator.unreadable(&error),
            })
            .collect();
        stopped = done.send((number, reports)).is_err();
    }
}

/// What cannot be checked is a matter of the kind, not of each of its objects: told once.
fn once_each(findings: &mut Vec<Finding>, told: &mut HashSet<String>) {
    findings.retain(|finding| {
        let of_kind = [&rule::CEL_UNSUPPORTED, &rule::SCHEMA_UNSUPPORTED].contains(&finding.rule);
        !of_kind || told.insert(finding.text.clone())
    });
}

fn collect<E>(
    validator: &Validator,
    done: &Receiver<Done>,
    tell: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut summary = Summary::default();
    let mut across = Across::default();
    let mut early: BTreeMap<usize, Vec<FileReport>> = BTreeMap::new();
    let mut told = HashSet::new();
    let mut next = 0;
    let count = |summary: &mut Summary, findings: &[Finding]| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        summary.errors += errors;
        summary.warnings += findings.len() - errors;
    };
    for (number, reports) in done {
        early.insert(number, reports);
        while let Some(reports) = early.remove(&next) {
            next += 1;
            for mut report in reports {
                once_each(&mut report.findings, &mut told);
                summary.files += 1;
                summary.objects += report.objects;
                summary.unreadable += usize::from(report.unreadable);
                for (group, objects) in report.skipped {
                    *summary.skipped.entry(group).or_default() += objects;
                }
                count(&mut summary, &report.findings);
                tell(Event::File(&report.file, &report.findings))?;
                across.add(&report.file, report.text, report.facts);
            }
        }
    }
    across.judge(validator, &mut |findings| {
        summary.unreadable += findings.iter().filter(|finding| *finding.rule == rule::UNREADABLE).count();
        count(&mut summary, &findings);
        tell(Event::Across(&findings))
    })?;
    Ok(summary)
}
