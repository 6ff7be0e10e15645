//! yaml-language-server over stdio, as an editor drives it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::program::Running;
use super::{printed, root};

struct Server {
    child: Running,
    messages: mpsc::Receiver<Value>,
}

impl Server {
    fn start() -> Self {
        let words = printed("tests/editors/language_server.sh", &[]);
        let mut command = Command::new(&words[0]);
        command.arg(&words[1]).arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (tell, messages) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { child: Running(child), messages };
        server.send(json!({"id": 1, "method": "initialize", "params": {
            "processId": null, "rootUri": null, "capabilities": {"workspace": {"configuration": true}}}}));
        server.wait(|message| (message["id"] == 1 && message.get("method").is_none()).then_some(()));
        server.send(json!({"method": "initialized", "params": {}}));
        server
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        let text = message.to_string();
        let input = self.child.0.stdin.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    /// Answers what the server asks until it says what is waited for.
    fn wait<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let message = self.messages.recv_timeout(Duration::from_mins(1)).expect("a word of the language server");
            if message.get("id").is_some() && message.get("method").is_some() {
                let items = message["params"]["items"].as_array().map_or(0, Vec::len);
                let setting = |index: usize| match message["params"]["items"][index]["section"].as_str() {
                    // nothing from the network
                    Some("yaml") => json!({"validate": true, "schemaStore": {"enable": false}}),
                    _ => Value::Null,
                };
                let result = if message["method"] == "workspace/configuration" {
                    (0..items).map(setting).collect()
                } else {
                    Value::Null
                };
                self.send(json!({"id": message["id"], "result": result}));
            }
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }

    /// What it says of a document: line, from 1, and text.
    fn diagnostics(&mut self, name: &str, text: &str) -> Vec<(u64, String)> {
        let uri = format!("file:///desk/{name}");
        self.send(json!({"method": "textDocument/didOpen", "params": {"textDocument": {
            "uri": uri, "languageId": "yaml", "version": 1, "text": text}}}));
        let found = self.wait(|message| {
            let own = message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == *uri;
            own.then(|| message["params"]["diagnostics"].clone())
        });
        let line = |found: &Value| found["range"]["start"]["line"].as_u64().unwrap() + 1;
        found.as_array().unwrap().iter().map(|one| (line(one), one["message"].as_str().unwrap().to_owned())).collect()
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().ok()?,
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

const TOOL: &str = "apiVersion: orloj.dev/v1
kind: Tool
metadata:
  name: search
spec:
  type: htp
  endpont: https://example.com
  runtime:
    timeout: 5 minutes
    isolation_mode: ' Sandboxed '
  wasm: {enable_wasi: 'no'}
";

fn modeline(schema: &Path) -> String {
    format!("# yaml-language-server: $schema=file://{}\n", schema.display())
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let mut server = Server::start();
    for (name, schema) in [("all", "all.json"), ("one", "orloj.dev/tool_v1-strict.json")] {
        let text = modeline(&root().join("schemas").join(schema)) + TOOL;
        let found = server.diagnostics(&format!("{name}.yaml"), &text);
        let at = |line: u64, part: &str| {
            assert!(
                found.iter().any(|(at, text)| *at == line && text.contains(part)),
                "{name}: {line} {part}: {found:?}"
            );
        };
        at(7, "pattern");
        at(8, "endpont");
        at(10, "pattern");
        at(12, "boolean");
        assert!(found.iter().all(|(line, _)| [7, 8, 10, 12].contains(line)), "{name}: {found:?}");
    }
    let wrong_kind = modeline(&root().join("schemas/all.json")) + &TOOL.replace("kind: Tool", "kind: Tol");
    let found = server.diagnostics("kind.yaml", &wrong_kind);
    assert!(found.iter().any(|(line, text)| *line == 3 && text.contains("Tool")), "{found:?}");
}

#[test]
fn examples_have_nothing_to_be_shown() {
    let mut server = Server::start();
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&entry).unwrap();
            // each document is looked at by the modeline above the first
            let text = modeline(&root().join("schemas/all.json")) + &text;
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            let found = server.diagnostics(&name, &text);
            assert!(found.is_empty(), "{name}: {found:?}");
            files += 1;
        }
    }
    assert!(files > 10);
}
