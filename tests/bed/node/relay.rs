//! From a Unix socket, which a process in another network namespace reaches, to a port of 127.0.0.1.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

/// Passes on what connects to `socket`, until the process ends.
///
/// # Panics
/// Where it cannot listen.
pub fn start(socket: &Path, port: u16) {
    let listener = UnixListener::bind(socket).expect("unable to listen on a Unix socket");
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            // A server that is down shows as a connection that is closed at once.
            if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                let _ = far.set_nodelay(true);
                let _ = join(near, far);
            }
        }
    });
}

fn join(near: UnixStream, far: TcpStream) -> io::Result<()> {
    let (mut near_in, mut near_out) = (near.try_clone()?, near);
    let (mut far_in, mut far_out) = (far.try_clone()?, far);
    thread::spawn(move || {
        let _ = io::copy(&mut near_in, &mut far_out);
        let _ = far_out.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut far_in, &mut near_out);
        let _ = near_out.shutdown(Shutdown::Write);
    });
    Ok(())
}
