//! The channel from a source to the reconciler: bounded in bytes, since each event may hold a body.

use tokio::sync::mpsc;

use super::SourceEvent;
use super::budget::{ByteBudget, HeldBytes};

/// Events that may wait, and what they may hold together.
const EVENTS: usize = 64;
const BYTES: usize = 8 * 1024 * 1024;

/// The source's end; clones share the budget.
#[derive(Clone, Debug)]
pub struct EventSender {
    events: mpsc::Sender<(SourceEvent, HeldBytes)>,
    budget: ByteBudget,
}

/// The reconciler's end.
#[derive(Debug)]
pub struct EventReceiver {
    events: mpsc::Receiver<(SourceEvent, HeldBytes)>,
    budget: ByteBudget,
}

/// Nobody listens any more.
#[derive(Clone, Copy, Debug)]
pub struct Unheard;

/// A channel.
#[must_use]
pub fn channel() -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::channel(EVENTS);
    let budget = ByteBudget::new(BYTES);
    (EventSender { events: sender, budget: budget.clone() }, EventReceiver { events: receiver, budget })
}

impl EventSender {
    /// Waits until there is room.
    pub async fn send(&self, event: SourceEvent) -> Result<(), Unheard> {
        let held = tokio::select! {
            biased;
            held = self.budget.take(event.weight()) => held,
            () = self.events.closed() => return Err(Unheard),
        };
        self.events.send((event, held)).await.map_err(|_| Unheard)
    }

    /// The same from a thread that may wait, whether or not a runtime is around it.
    pub fn blocking_send(&self, event: SourceEvent) -> Result<(), Unheard> {
        futures::executor::block_on(self.send(event))
    }
}

impl EventReceiver {
    pub async fn recv(&mut self) -> Option<SourceEvent> {
        self.events.recv().await.map(|(event, _)| event)
    }

    pub fn try_recv(&mut self) -> Option<SourceEvent> {
        self.events.try_recv().ok().map(|(event, _)| event)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The most bytes that ever waited.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        self.budget.most()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{KindIndex, ObjectName, Resource, ResourceId};

    fn listed(bytes: usize) -> SourceEvent {
        let id = ResourceId { kind: KindIndex(0), object: ObjectName::new("a", "x") };
        SourceEvent::Listed(Box::new(Resource::new(id, "u", "x".repeat(bytes).into())))
    }

    #[tokio::test]
    async fn large_bodies_wait_at_the_source() {
        let (sender, mut receiver) = channel();
        let source = tokio::spawn(async move {
            for n in 0..40 {
                let bytes = if n == 20 { 3 * BYTES } else { BYTES / 8 };
                sender.send(listed(bytes)).await.unwrap();
            }
        });
        let mut heard = 0;
        while receiver.recv().await.is_some() {
            heard += 1;
            tokio::task::yield_now().await;
        }
        source.await.unwrap();
        assert_eq!(heard, 40);
        let most = receiver.most_bytes();
        assert!(most > 3 * BYTES && most < 3 * BYTES + BYTES / 4, "{most}: the giant, alone");
    }

    #[tokio::test]
    async fn a_thread_without_a_runtime_waits_too() {
        let (sender, mut receiver) = channel();
        let source = std::thread::spawn(move || (0..20).all(|_| sender.blocking_send(listed(BYTES / 3)).is_ok()));
        let mut heard = 0;
        while receiver.recv().await.is_some() {
            heard += 1;
        }
        assert_eq!((heard, source.join().unwrap()), (20, true));
        assert!(receiver.most_bytes() <= BYTES);
    }

    #[tokio::test]
    async fn a_source_that_nobody_hears_ends() {
        let (sender, receiver) = channel();
        let source = tokio::spawn(async move { while sender.send(listed(BYTES)).await.is_ok() {} });
        tokio::task::yield_now().await;
        drop(receiver);
        source.await.unwrap();
    }
}
