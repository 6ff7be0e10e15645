//! Many things worked on side by side, and told in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

/// Things that one worker takes at a time.
const BATCH: usize = 16;

/// Stack of a worker: values nested as deeply as they may be are walked by recursion.
const STACK: usize = 16 << 20;

type Numbered<T> = (usize, Vec<T>);

/// Works on all that `feed` hands out, on all cores, and tells the results in the order of the things, whatever is done
/// first. Ends early with the first error of `tell`. Nothing is worked on where the system gives no thread.
pub fn in_order<J: Send, R: Send, E>(
    feed: impl FnOnce(&mut dyn FnMut(J)) + Send,
    work: impl Fn(J) -> R + Sync,
    tell: &mut dyn FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (jobs_in, jobs_out) = sync_channel::<Numbered<J>>(workers * 2);
    let (done_in, done_out) = sync_channel::<Numbered<R>>(workers * 4);
    let jobs_out = Arc::new(Mutex::new(jobs_out));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (jobs, done, work) = (Arc::clone(&jobs_out), done_in.clone(), &work);
            let worker = std::thread::Builder::new().stack_size(STACK);
            if let Err(error) = worker.spawn_scoped(scope, move || worker_of(&jobs, &done, work)) {
                tracing::warn!(%error, "unable to start another thread");
            }
        }
        // with these gone, whoever waits for a worker that is not there is told so
        drop((jobs_out, done_in));
        scope.spawn(move || hand_out(feed, &jobs_in));
        let result = collect(&done_out, tell);
        // whoever still works finds nobody to tell and stops
        drop(done_out);
        result
    })
}

fn hand_out<J>(feed: impl FnOnce(&mut dyn FnMut(J)), jobs: &SyncSender<Numbered<J>>) {
    let (mut number, mut batch) = (0, Vec::new());
    let mut send = |batch: &mut Vec<J>| {
        // nobody takes jobs any more where the work has ended early
        let _ = jobs.send((number, std::mem::take(batch)));
        number += 1;
    };
    feed(&mut |job| {
        batch.push(job);
        if batch.len() == BATCH {
            send(&mut batch);
        }
    });
    if !batch.is_empty() {
        send(&mut batch);
    }
}

fn worker_of<J, R>(jobs: &Mutex<Receiver<Numbered<J>>>, done: &SyncSender<Numbered<R>>, work: &impl Fn(J) -> R) {
    let mut stopped = false;
    loop {
        let job = jobs.lock().recv();
        let Ok((number, batch)) = job else { return };
        // whoever hands out must not wait for us for ever
        if !stopped {
            stopped = done.send((number, batch.into_iter().map(work).collect())).is_err();
        }
    }
}

fn collect<R, E>(done: &Receiver<Numbered<R>>, tell: &mut dyn FnMut(R) -> Result<(), E>) -> Result<(), E> {
    let (mut next, mut early) = (0, BTreeMap::new());
    for (number, results) in done {
        early.insert(number, results);
        while let Some(results) = early.remove(&next) {
            next += 1;
            results.into_iter().try_for_each(&mut *tell)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(most: u32) -> impl FnOnce(&mut dyn FnMut(u32)) + Send {
        move |tell| (0..most).for_each(tell)
    }

    #[test]
    fn results_come_in_the_order_of_the_things() {
        // the first ones take longest
        let work = |number: u32| (0..(1_000 - number) * 20).fold(number, |sum, _| std::hint::black_box(sum));
        let mut told = Vec::new();
        let ended: Result<(), ()> = in_order(numbers(1_000), work, &mut |number| {
            told.push(number);
            Ok(())
        });
        assert_eq!((ended, told), (Ok(()), (0..1_000).collect()));
    }

    #[test]
    fn an_error_ends_it() {
        let mut told = 0;
        let ended = in_order(numbers(100_000), |number| number, &mut |number| {
            told += 1;
            if number == 20 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((ended, told), (Err("enough"), 21));
    }

    #[test]
    fn nothing_is_nothing() {
        let ended: Result<(), ()> = in_order(numbers(0), |number| number, &mut |_| Err(()));
        assert_eq!(ended, Ok(()));
    }
}
