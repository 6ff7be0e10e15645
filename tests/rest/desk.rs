//! A store, a server of it, and a client that writes its requests byte by byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use orloj_operator::registry::Registry;
use serde_json::Value;

use crate::bed::{self, Database, Service, Spec, free_port};
use crate::program::{self, Desk, Ran};

pub static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::embedded().unwrap());

/// An encryption key.
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A store of either sort.
pub struct Place {
    pub desk: Desk,
    pub url: String,
    pub database: Option<Database>,
}

impl Place {
    pub fn sqlite() -> Self {
        let desk = Desk::new();
        let url = format!("sqlite:{}", desk.path("o.db").display());
        Self { desk, url, database: None }
    }

    /// With orlojd's tables.
    pub fn postgres() -> Self {
        let database = bed::postgres().database();
        database.apply_orlojd_schema();
        Self { desk: Desk::new(), url: database.dsn(), database: Some(database) }
    }

    /// The program, with `--store` after these words.
    pub fn run(&self, words: &str) -> Ran {
        program::run(self.desk.command(words).args(["--store", &self.url]))
    }

    /// Syncs a manifest, which owns its row from then on.
    pub fn sync(&self, file: &str, text: &str) {
        self.desk.write(file, text);
        self.run("sync m -q").expect(0);
    }

    /// Payloads as `get` shows them.
    pub fn rows(&self, kind: &str) -> Vec<Value> {
        self.run(&format!("get {kind} -A -o json")).expect(0).json()["items"].as_array().unwrap().clone()
    }

    pub fn serve(&self, words: &str) -> Api {
        self.serve_with(words, &[])
    }

    pub fn serve_with(&self, words: &str, variables: &[(&str, &str)]) -> Api {
        self.serve_at(&self.url, words, variables)
    }

    pub fn serve_at(&self, url: &str, words: &str, variables: &[(&str, &str)]) -> Api {
        let port = free_port();
        let log = self.desk.path(&format!("serve-{port}.log"));
        let mut spec = Spec::new(env!("CARGO_BIN_EXE_orloj-operator"), log);
        for (name, value) in variables {
            spec = spec.env(*name, *value);
        }
        let listen = if words.contains("--listen") { Vec::new() } else { vec![format!("--listen=127.0.0.1:{port}")] };
        let words: Vec<String> = words.split_whitespace().map(|word| word.replace("PORT", &port.to_string())).collect();
        let spec =
            spec.args(["serve", "--log-level=debug", "--log-format=json", "--store", url]).args(listen).args(words);
        let service = Service::start_new("serve", spec, move || {
            TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
        });
        Api { service, port, token: None }
    }
}

/// A running server.
pub struct Api {
    pub service: Service,
    pub port: u16,
    pub token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is_managed(&self) -> bool {
        self.header("X-Orloj-Crd-Managed") == Some("true")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: u16) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// A refusal, word for word.
    #[track_caller]
    pub fn refused(self, code: u16, text: &str) -> Self {
        assert_eq!((self.code, self.body.as_str()), (code, format!("{text}\n").as_str()), "{self:?}");
        assert_eq!(self.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(self.header("X-Content-Type-Options"), Some("nosniff"));
        self
    }
}

impl Api {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    pub fn head(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head
    }

    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = self.head(method, target, headers) + &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // a server that has heard enough may close before all is sent
        let _ = stream.write_all(body);
        read_answer(stream)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "")
    }

    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.ask("POST", target, &[("Content-Type", "application/json")], body.to_string())
    }

    pub fn put(&self, target: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.ask("PUT", target, headers, body.to_string())
    }

    pub fn delete(&self, target: &str) -> Answer {
        self.ask("DELETE", target, &[], "")
    }

    pub fn log(&self) -> String {
        self.service.process().log()
    }
}

pub fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // what came before a reset counts
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let code = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
    Answer { code, headers: headers.collect(), body: body.to_owned() }
}
