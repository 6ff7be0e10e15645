//! `sync --watch`: a report of the first pass, then a line for each change as it is made.

use tokio::sync::mpsc;

use super::line::{self, LeftRow, SyncAction, SyncResult};
use super::observe::ReconcilerEvent;
use super::report::{Tally, tell_lines, tell_problem};
use super::{ReportFormat, Say, Session};
use crate::cli::{CliError, CommandStatus, output};
use crate::directory::Heard;
use crate::reconciler::ReconcilerError;
use crate::resource::ResourceId;

/// Tells what happens until the reconciler ends.
pub struct Follow<'s> {
    session: &'s Session,
    /// The first pass, until it has been reported.
    first: Option<Tally>,
    listed: bool,
    store_is_away: bool,
}

impl<'s> Follow<'s> {
    pub fn new(session: &'s Session) -> Self {
        Self { session, first: Some(Tally::default()), listed: false, store_is_away: false }
    }

    /// Ends well when it was stopped, whatever went wrong with single resources on the way: that has been told.
    pub async fn run(
        mut self,
        reconciler: impl Future<Output = Result<(), ReconcilerError>>,
        mut heard: mpsc::UnboundedReceiver<Heard>,
        mut noted: mpsc::UnboundedReceiver<ReconcilerEvent>,
    ) -> Result<CommandStatus, CliError> {
        tokio::pin!(reconciler);
        loop {
            tokio::select! {
                biased;
                Some(one) = heard.recv() => self.on_heard(one)?,
                Some(note) = noted.recv() => self.on_noted(note).await?,
                result = &mut reconciler => {
                    while let Ok(note) = noted.try_recv() {
                        self.on_noted(note).await?;
                    }
                    result?;
                    return Ok(CommandStatus::Success);
                }
            }
        }
    }

    fn on_heard(&mut self, heard: Heard) -> Result<(), CliError> {
        self.listed |= matches!(heard, Heard::Listed(_));
        match (&mut self.first, heard) {
            (Some(tally), heard) => tally.hear(heard),
            (None, Heard::Problem(problem)) => tell_problem(self.session, &problem)?,
            (None, Heard::Listed(_)) => {}
        }
        Ok(())
    }

    async fn on_noted(&mut self, noted: ReconcilerEvent) -> Result<(), CliError> {
        match noted {
            ReconcilerEvent::Unavailable(why) if !self.store_is_away => {
                self.store_is_away = true;
                output::note(&format!("warning: {why}; will try again until it works"));
            }
            ReconcilerEvent::Unavailable(_) => {}
            ReconcilerEvent::Idle(idle) => {
                if idle
                    && self.listed
                    && let Some(tally) = self.first.take()
                {
                    tally.report(self.session).await?;
                    if self.session.format == ReportFormat::Text && self.session.say != Say::Errors {
                        output::line("watching; Ctrl-C ends it")?;
                    }
                }
            }
            ReconcilerEvent::Batch(kind, items) => {
                self.store_is_away = false;
                if let Some(tally) = &mut self.first {
                    tally.note(ReconcilerEvent::Batch(kind, items));
                    return Ok(());
                }
                let left: Vec<_> = items.iter().filter_map(|item| LeftRow::of(kind, item)).collect();
                let results = items.into_iter().filter_map(|item| {
                    let result = SyncResult::of(item.result).filter(|result| result.word != SyncAction::Unchanged)?;
                    Some((ResourceId { kind, object: item.object }, result))
                });
                let mut lines = line::lines(self.session, results.collect()).await?;
                lines.extend(left.into_iter().map(|left| left.line(self.session)));
                tell_lines(self.session, &lines)?;
            }
        }
        Ok(())
    }
}
