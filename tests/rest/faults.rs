//! A store that stops, clients that are slow or break off, one that never ends: clear answers, and all is well afterwards.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::{Postgres, PostgresOptions, eventually, status_bytes};
use crate::desk::{Place, TIMEOUT, read_answer};
use crate::program::Desk;

#[test]
fn a_store_that_stops_and_starts() {
    let server = Postgres::start(&PostgresOptions::default());
    let database = server.database();
    database.apply_orlojd_schema();
    let place = Place { desk: Desk::new(), url: database.dsn(), database: Some(database) };
    let api = place.serve("");
    let memory = json!({"metadata": {"name": "m"}, "spec": {}});
    api.post("/v1/memories", &memory).expect(201);
    server.stop();
    for answer in [
        api.get("/v1/memories"),
        api.get("/v1/memories/m"),
        api.post("/v1/memories", &memory),
        api.delete("/v1/memories/m"),
    ] {
        let text = "the store cannot be reached now; try again later (the server's log says why)";
        answer.refused(503, text);
    }
    api.get("/healthz").expect(200);
    server.start_again();
    eventually(TIMEOUT, "the store is back", || match api.get("/v1/memories/m") {
        answer if answer.code == 200 => Ok(()),
        answer => Err(answer.body),
    });
    api.post("/v1/memories", &memory).expect(201);
}

#[test]
fn clients_that_do_not_finish() {
    let place = Place::sqlite();
    let api = place.serve("");
    // half a body, and then no more
    let mut stream = api.connect();
    stream
        .write_all((api.head("POST", "/v1/memories", &[("Content-Length", "100")]) + "\r\n{\"metadata\"").as_bytes())
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    drop(stream);
    // half a head, for longer than the server waits
    let began = Instant::now();
    let mut slow = api.connect();
    slow.write_all(b"POST /v1/memories HTT").unwrap();
    // a body without end
    let mut endless = api.connect();
    endless
        .write_all((api.head("POST", "/v1/memories", &[("Transfer-Encoding", "chunked")]) + "\r\n").as_bytes())
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    while sent < 64 << 20 && endless.write_all(chunk.as_bytes()).is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 64 << 20, "the server reads on and on");
    let peak = status_bytes(api.service.process().pid(), "VmHWM").unwrap();
    assert!(peak < 128 << 20, "{peak}");
    // two lengths are refused, whoever is right
    let mut both = api.connect();
    let lengths = [("Content-Length", "4"), ("Content-Length", "40")];
    both.write_all((api.head("POST", "/v1/memories", &lengths) + "\r\n{}  ").as_bytes()).unwrap();
    assert_eq!(read_answer(both).code, 400);
    // many that only hold the line
    let idle: Vec<_> = (0..500).map(|_| api.connect()).collect();
    api.post("/v1/memories", &json!({"metadata": {"name": "m"}})).expect(201);
    drop(idle);
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut slow, &mut rest);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", String::from_utf8_lossy(&rest));
    assert_eq!(api.get("/v1/memories").expect(200).json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn it_stops_when_it_is_told() {
    let place = Place::sqlite();
    let api = place.serve("");
    api.get("/healthz").expect(200);
    api.service.stop();
    assert_eq!(api.service.process().exited().and_then(|status| status.code()), Some(0), "{}", api.log());
}
