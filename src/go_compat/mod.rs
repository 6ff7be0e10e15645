//! What Go's standard library would say.
//!
//! orlojd is a Go program. It trims, lowers, parses and quotes with Go's standard library, and its
//! verdicts and error texts end up in rows and in `status.syncError`. Rust's own functions agree
//! nearly everywhere, and nearly is not enough for a drop-in: a pattern that one side accepts and
//! the other refuses is a resource that never settles. So this module restates the handful of Go
//! functions that matter, as small pure functions that know nothing of kinds or stores. The rules
//! are those of Go 1.26 with Unicode 15 (`kinds/ORLOJD.md` 4).
//!
//! `tests/go_compat/*.jsonl` holds inputs with what Go answers. Point `GO_TABLES` at another folder
//! of such tables to check longer ones.

pub mod base64;
pub mod cron;
pub mod duration;
pub mod float;
pub mod json;
pub mod mail;
pub mod netip;
pub mod quote;
pub mod regexp;
pub mod text;
pub mod time;
mod unicode;
pub mod url;
pub mod zone;

#[cfg(test)]
mod tables;
