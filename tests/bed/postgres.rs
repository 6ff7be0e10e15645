//! A Postgres server of the test process's own.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::certs::Authority;
use super::database::{Access, Database};
use super::process::{Process, read_log};
use super::scratch::{Scratch, set_mode};
use super::service::Service;
use super::spec::Spec;
use super::{binaries, ports};

/// Whether the server offers TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// It does not.
    #[default]
    Off,
    /// It does, and takes connections without as well.
    Offered,
    /// It takes no connection without.
    Required,
}

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// The superuser's password; without one nobody needs any (`trust`).
    pub password: Option<String>,
    /// TLS, with a certificate of an authority of the bed.
    pub tls: Tls,
    /// Whether commits wait for the disk. Off, as a test's data may be lost with the machine.
    pub fsync: bool,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
}

/// A running server, removed with its data on drop.
pub struct Postgres {
    service: Service,
    access: Access,
    next: AtomicU32,
    authority: Option<Authority>,
    folder: Scratch,
}

/// The server that all tests of this process share; each takes databases of its own. A test that
/// stops the server starts one for itself.
pub fn postgres() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start(&PostgresOptions::default()))
}

impl Postgres {
    /// Makes a data folder, starts the server on it and waits until it takes connections.
    ///
    /// # Panics
    /// Where it does not start: with the end of its log.
    pub fn start(options: &PostgresOptions) -> Self {
        let folder = Scratch::new("postgres");
        let user = other_user(folder.path());
        let bin = binaries::postgres();
        let data = init(&folder, bin, user, options);
        let authority = (options.tls != Tls::Off).then(Authority::new);
        if let Some(authority) = &authority {
            let identity = authority.server("postgres", &[]);
            for (from, to) in [(&identity.certificate, "server.crt"), (&identity.key, "server.key")] {
                let to = data.join(to);
                fs::copy(from, &to).expect("unable to copy a certificate");
                set_mode(&to, 0o600);
                give(&to, user);
            }
        }
        let port = ports::free_port();
        let switch = |on: bool| if on { "on" } else { "off" };
        let mut settings = vec![
            ("port".to_owned(), port.to_string()),
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("unix_socket_directories".to_owned(), String::new()),
            ("max_connections".to_owned(), "300".to_owned()),
            ("fsync".to_owned(), switch(options.fsync).to_owned()),
            ("synchronous_commit".to_owned(), switch(options.fsync).to_owned()),
            ("full_page_writes".to_owned(), switch(options.fsync).to_owned()),
            ("ssl".to_owned(), switch(authority.is_some()).to_owned()),
        ];
        settings.extend(options.settings.iter().cloned());
        let spec = Spec::new(bin.join("postgres"), folder.path().join("postgres.log"))
            .args(["-D".into(), data])
            .args(settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]))
            .user(user.map(|_| "postgres"))
            // TERM would wait for all clients to go.
            .stop_signal(Signal::SIGINT)
            // KILL would leave the server's shared memory behind.
            .orphan_signal("QUIT");
        let probe = binaries::postgres().join("pg_isready");
        let ready = move || {
            let output = Command::new(&probe).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "5"]).output();
            let output = output.map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() { Ok(()) } else { Err(said) }
        };
        let access = Access {
            port,
            password: options.password.clone(),
            authority: authority.as_ref().map(|authority| authority.certificate().to_owned()),
        };
        let service = Service::start_new("postgres", spec, ready);
        Self { service, access, next: AtomicU32::new(0), authority, folder }
    }

    /// A new, empty database.
    pub fn database(&self) -> Database {
        let name = format!("bed_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.maintenance().psql(&format!("create database {name}"));
        Database::new(self.access.clone(), name)
    }

    /// The database `postgres`, for what concerns the whole server.
    pub fn maintenance(&self) -> Database {
        Database::new(self.access.clone(), "postgres".to_owned())
    }

    /// Makes a role that may log in and nothing else. Roles belong to the server, not to a database.
    pub fn create_role(&self, name: &str, password: &str) {
        let password = password.replace('\'', "''");
        self.maintenance().psql(&format!("create role \"{name}\" login password '{password}'"));
    }

    /// The server: pause it, resume it, read its log.
    pub fn process(&self) -> std::sync::Arc<Process> {
        self.service.process()
    }

    /// Ends all sessions and stops the server in good order.
    pub fn stop(&self) {
        self.service.stop();
    }

    /// Starts it again: same port, same data.
    pub fn start_again(&self) {
        self.service.start();
    }

    /// Stops it as a crash would (all sessions die, recovery at the start) and starts it again.
    pub fn crash_and_restart(&self) {
        let process = self.service.process();
        process.signal(Signal::SIGQUIT);
        assert!(process.wait(Duration::from_secs(20)).is_some(), "Postgres does not stop");
        self.service.start();
    }

    /// Stops the server and all its sessions in their tracks.
    pub fn pause(&self) {
        self.service.process().pause();
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.service.process().resume();
    }

    /// The port, for a proxy in front of it.
    pub fn port(&self) -> u16 {
        self.access.port
    }

    /// The file of the certificate authority, where TLS is on.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_ref().map(Authority::certificate)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The server takes its shared memory along; what is left is killed.
        let process = self.service.process();
        process.resume();
        process.signal(Signal::SIGQUIT);
        process.wait(Duration::from_secs(5));
        process.kill();
    }
}

/// The ids of the user `postgres`, where this is root: Postgres refuses to run as root.
fn other_user(folder: &Path) -> Option<(u32, u32)> {
    let id = |flag| {
        let output = Command::new("id").args([flag, "postgres"]).output().expect("unable to run id");
        let text = String::from_utf8_lossy(&output.stdout).trim().parse();
        text.expect("root needs a user postgres to run Postgres under")
    };
    let root = fs::metadata(folder).expect("the folder is there").uid() == 0;
    root.then(|| (id("-u"), id("-g")))
}

fn give(path: &Path, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        chown(path, Some(uid), Some(gid)).expect("unable to change a file's owner");
    }
}

fn init(folder: &Scratch, bin: &Path, user: Option<(u32, u32)>, options: &PostgresOptions) -> PathBuf {
    give(folder.path(), user);
    let data = folder.path().join("data");
    let log = folder.path().join("initdb.log");
    let method = if options.password.is_some() { "scram-sha-256" } else { "trust" };
    let mut spec = Spec::new(bin.join("initdb"), &log)
        .args(["--no-sync", "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", method, "-D"])
        .args([&data])
        .user(user.map(|_| "postgres"));
    if let Some(password) = &options.password {
        let file = folder.write("password", password);
        give(&file, user);
        spec = spec.args(["--pwfile".into(), file]);
    }
    let process = Process::start(&spec).expect("unable to run initdb");
    let status = process.wait(Duration::from_mins(2));
    assert!(status.is_some_and(|status| status.success()), "initdb failed: {}", read_log(&log));
    if options.tls == Tls::Required {
        let rule = format!("hostssl all all 127.0.0.1/32 {method}\n");
        fs::write(data.join("pg_hba.conf"), rule).expect("unable to write pg_hba.conf");
    }
    data
}
