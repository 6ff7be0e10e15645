//! What the program tells about itself: logs, metrics, health, progress.

pub mod logs;
pub mod metrics;
mod process;
pub mod progress;
pub mod readiness;
pub mod server;

pub use metrics::Metrics;
pub use progress::{Progress, Terminal};
pub use readiness::{Liveness, Readiness};
