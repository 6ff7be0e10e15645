//! The test bed: real servers as child processes, for tests, benches and the demo.
//!
//! Included as a module (`#[path = "bed/mod.rs"] mod bed;`). [`control_plane`] and [`postgres`] are
//! shared by all tests of a process; what a test breaks on purpose it starts for itself
//! ([`ControlPlane::start`], [`Postgres::start`]). Everything lives in one folder of the system's
//! temp dir and dies with the process, however that ends (`process.rs` says how).
#![allow(dead_code, reason = "each test target uses its own part of the bed")]
#![allow(unused_imports, reason = "each test target uses its own part of the bed")]
#![allow(clippy::expect_used, clippy::panic, reason = "a bed that does not start fails its test")]
#![allow(clippy::missing_panics_doc, reason = "nearly everything here panics where a server fails")]
#![allow(missing_debug_implementations, reason = "servers have nothing to show")]
#![allow(clippy::must_use_candidate, reason = "called for what they do as much as for what they return")]

mod api;
mod apiserver;
pub mod binaries;
mod certs;
mod control_plane;
mod controller_manager;
mod database;
mod etcd;
mod eventually;
mod helm;
mod http;
mod kubectl;
mod metrics;
mod node;
mod operator;
mod ports;
mod postgres;
mod proc_info;
mod process;
mod proxy;
mod scratch;
mod service;
mod spec;

pub use certs::{Authority, Identity};
pub use control_plane::{ControlPlane, ControlPlaneOptions, client, control_plane};
pub use database::{Database, TableWrites};
pub use eventually::{eventually, eventually_async};
pub use helm::{Helm, HelmLine};
pub use http::{Response, get, post};
pub use kubectl::{Kubectl, Output};
pub use metrics::sum as metrics_sum;
pub use node::{Image, Node};
pub use operator::{Operator, OperatorBuilder};
pub use ports::free_port;
pub use postgres::{Postgres, PostgresOptions, Tls, postgres};
pub use proc_info::{descendants, status_bytes};
pub use process::Process;
pub use proxy::TcpProxy;
pub use scratch::{Scratch, remove_stale};
pub use service::Service;
pub use spec::Spec;
