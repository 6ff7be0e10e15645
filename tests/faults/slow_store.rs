//! A store that takes its time, so that something can happen in the middle of a batch.

use crate::bed::{Database, eventually};
use crate::world::{PATIENCE, World};

const TABLES: [&str; 4] = ["memories", "tools", "agents", "model_endpoints"];

/// Every statement that inserts rows takes so many seconds from now on.
pub fn slow_inserts(world: &World, seconds: f64) {
    world.database.psql(&format!(
        "create or replace function bed_slow() returns trigger language plpgsql as \
         $$ begin perform pg_sleep({seconds}); return null; end $$"
    ));
    for table in TABLES {
        world.database.psql(&format!(
            "create or replace trigger bed_slow before insert on {table} \
             for each statement execute function bed_slow()"
        ));
    }
}

/// Takes [`slow_inserts`] back.
pub fn fast_inserts(world: &World) {
    for table in TABLES {
        world.database.psql(&format!("drop trigger if exists bed_slow on {table}"));
    }
}

/// A lock that keeps every writer of a table waiting, until it is let go.
pub struct TableLock {
    database: Database,
    holder: Option<std::thread::JoinHandle<Result<String, String>>>,
}

impl TableLock {
    pub fn take(database: &Database, table: &str) -> Self {
        let holder = database.clone();
        let sql = format!("begin; lock table {table} in exclusive mode; select pg_sleep(600) /* bed_lock */");
        let holder = std::thread::spawn(move || holder.try_psql(&sql));
        let lock = Self { database: database.clone(), holder: Some(holder) };
        eventually(PATIENCE, "the lock is held", || match lock.count("query like '%pg_sleep(600)%'") {
            0 => Err("not yet"),
            _ => Ok(()),
        });
        lock
    }

    /// Waits until somebody waits for it.
    pub fn wait_awaited(&self) {
        eventually(PATIENCE, "a writer waits for the lock", || match self.count("wait_event_type = 'Lock'") {
            0 => Err("nobody does"),
            _ => Ok(()),
        });
    }

    fn count(&self, condition: &str) -> usize {
        let others = "datname = current_database() and pid <> pg_backend_pid()";
        let text = self.database.psql(&format!("select count(*) from pg_stat_activity where {others} and {condition}"));
        text.trim().parse().expect("a count")
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        let _ = self.database.try_psql(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
             and pid <> pg_backend_pid() and query like '%pg_sleep(600)%'",
        );
        let _ = self.holder.take().map(std::thread::JoinHandle::join);
    }
}
