//! Free loopback ports.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

use parking_lot::Mutex;

/// Below the range from which Linux serves port 0 and outgoing connections (32768 up), so that
/// nobody is given one of these by chance while its server is down, between two starts.
const RANGE: std::ops::Range<u16> = 18_000..30_000;

/// The locks of the ports this process holds, until it ends.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A free port of 127.0.0.1 that stays this process's own: other processes with a bed, even ones
/// that run at the same time, do not get it before this one ends.
///
/// # Panics
/// If no port is left.
pub fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("orloj-bed.ports");
    fs::create_dir_all(&folder).expect("unable to create the folder of port locks");
    let mut held = HELD.lock();
    // Begin somewhere else in each process, so that they seldom meet.
    let offset = (std::process::id() % 97) as usize * 120;
    let candidates = RANGE.cycle().skip(offset).take(RANGE.len());
    for port in candidates {
        let Ok(file) = File::create(folder.join(port.to_string())) else { continue };
        if file.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            held.push(file);
            return port;
        }
    }
    panic!("no free port in {RANGE:?}");
}
