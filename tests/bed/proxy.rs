//! A TCP proxy that can misbehave, in front of the API server or of Postgres.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// How many chunks may be under way in one direction of a connection.
const WINDOW: usize = 256;
const CHUNK: usize = 64 * 1024;

/// A proxy on a loopback port; closed with all its connections on drop.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: AtomicBool,
    refuse: AtomicBool,
    frozen: AtomicBool,
    delay_micros: AtomicU64,
    accepted: AtomicUsize,
    // Weak: a connection that has ended must not keep its socket.
    streams: Mutex<Vec<Weak<TcpStream>>>,
}

impl TcpProxy {
    /// Listens on a free port and passes everything on to 127.0.0.1:`target`.
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("unable to listen");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                if !shared.refuse.load(Ordering::SeqCst) {
                    // A target that is down shows as a connection that is closed at once.
                    let _ = join(&shared, client, target);
                }
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it was asked for so far.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Ends all connections that are open.
    pub fn cut(&self) {
        for stream in self.state.streams().drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether new connections are closed as soon as they are made. Open ones live on.
    pub fn refuse(&self, refuse: bool) {
        self.state.refuse.store(refuse, Ordering::SeqCst);
    }

    /// How much later than they came all bytes are passed on, in each direction.
    pub fn delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).expect("a delay of less than an age");
        self.state.delay_micros.store(micros, Ordering::SeqCst);
    }

    /// Whether nothing is passed on, while all connections stay open and new ones are taken.
    pub fn freeze(&self, frozen: bool) {
        self.state.frozen.store(frozen, Ordering::SeqCst);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl State {
    fn streams(&self) -> MutexGuard<'_, Vec<Weak<TcpStream>>> {
        self.streams.lock()
    }
}

fn join(state: &Arc<State>, client: TcpStream, target: u16) -> std::io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client, server) = (Arc::new(client), Arc::new(server));
    {
        let mut streams = state.streams();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.extend([&client, &server].map(Arc::downgrade));
    }
    for (from, to) in [(Arc::clone(&client), Arc::clone(&server)), (server, client)] {
        let (sender, receiver) = sync_channel(WINDOW);
        let reading = Arc::clone(state);
        let writing = Arc::clone(state);
        thread::spawn(move || read(&reading, &from, &sender));
        thread::spawn(move || write(&writing, &to, &receiver));
    }
    Ok(())
}

fn read(state: &State, mut from: &TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let delay = Duration::from_micros(state.delay_micros.load(Ordering::SeqCst));
        if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
            break;
        }
    }
}

fn write(state: &State, mut to: &TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>) {
    for (due, bytes) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        while state.frozen.load(Ordering::SeqCst) && !state.closed.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // The other side has ended, or this one cannot be written to: both directions end.
    let _ = to.shutdown(Shutdown::Both);
}
