//! Decisions, and a leader against an API server of a few lines.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

fn observed(holder: Option<&str>, since: Instant) -> ObservedLease {
    let spec = LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        lease_duration_seconds: Some(15),
        // a clock far off tells nothing
        renew_time: Some(MicroTime(Timestamp::UNIX_EPOCH)),
        ..LeaseSpec::default()
    };
    ObservedLease { lease: Lease { metadata: ObjectMeta::default(), spec: Some(spec) }, since }
}

#[test]
fn a_free_lease_is_taken_and_our_own_renewed() {
    let now = Instant::now();
    assert_eq!(decide(&observed(None, now), "me", now), Decision::Take);
    assert_eq!(decide(&observed(Some(""), now), "me", now), Decision::Take);
    assert_eq!(decide(&observed(Some("me"), now), "me", now), Decision::Renew);
}

#[test]
fn anothers_lease_runs_out_by_our_own_clock_only() {
    let now = Instant::now();
    let seen = observed(Some("other"), now);
    assert_eq!(decide(&seen, "me", now), Decision::Wait(now + Duration::from_secs(15)));
    assert_eq!(decide(&seen, "me", now + Duration::from_secs(15)), Decision::Take);
}

/// What happens to the lease between a look at it and the write that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// Somebody writes to it and leaves the holder as it is.
    Annotated,
    TakenOver,
    /// No request is answered.
    Silent,
}

/// An API server that holds one Lease.
struct Server {
    holder: String,
    version: u32,
    seconds: u32,
    meanwhile: Meanwhile,
    writes: u32,
}

impl Server {
    fn lease(&self) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE_NAME, "namespace": "ns", "resourceVersion": self.version.to_string()},
            "spec": {"holderIdentity": self.holder, "leaseDurationSeconds": self.seconds},
        })
    }

    fn get(&mut self) -> (StatusCode, Value) {
        let lease = self.lease();
        match self.meanwhile {
            Meanwhile::Nothing | Meanwhile::Silent => return (StatusCode::OK, lease),
            Meanwhile::Annotated => {}
            Meanwhile::TakenOver => self.holder = "other".to_owned(),
        }
        (self.version, self.meanwhile) = (self.version + 1, Meanwhile::Nothing);
        (StatusCode::OK, lease)
    }

    fn put(&mut self, lease: &Value) -> (StatusCode, Value) {
        if lease["metadata"]["resourceVersion"].as_str() != Some(&*self.version.to_string()) {
            let status =
                json!({"kind": "Status", "status": "Failure", "message": "changed", "reason": "Conflict", "code": 409});
            return (StatusCode::CONFLICT, status);
        }
        self.holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        (self.version, self.writes) = (self.version + 1, self.writes + 1);
        (StatusCode::OK, self.lease())
    }
}

async fn answer(server: Arc<Mutex<Server>>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect_bytes().await.unwrap();
    if server.lock().unwrap().meanwhile == Meanwhile::Silent {
        std::future::pending::<()>().await;
    }
    let (code, answer) = match head.method {
        Method::GET => server.lock().unwrap().get(),
        _ => server.lock().unwrap().put(&serde_json::from_slice(&body).unwrap()),
    };
    Ok(Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap())
}

const TIMING: Timing = Timing {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(2),
    retry: Duration::from_millis(300),
};

/// A leader, and the server that holds its lease.
async fn leader() -> (Elector, Arc<Mutex<Server>>) {
    let server = Server { holder: String::new(), version: 1, seconds: 15, meanwhile: Meanwhile::Nothing, writes: 0 };
    let server = Arc::new(Mutex::new(server));
    let shared = Arc::clone(&server);
    let client = Client::new(tower::service_fn(move |request| answer(Arc::clone(&shared), request)), "ns");
    let mut elector = Elector::new(client, "ns", "me".to_owned(), TIMING);
    elector.acquire(&CancellationToken::new(), |_| ()).await.unwrap();
    (elector, server)
}

#[tokio::test]
async fn a_lease_that_somebody_else_wrote_to_is_still_ours() {
    let (mut elector, server) = leader().await;
    let (stop, tenure) = (CancellationToken::new(), elector.tenure());
    let ended = tokio::spawn({
        let stop = stop.clone();
        async move { elector.hold(&stop).await }
    });
    for wanted in [2, 3] {
        server.lock().unwrap().meanwhile = Meanwhile::Annotated;
        while server.lock().unwrap().writes < wanted {
            assert!(!ended.is_finished());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(!tenure.is_over());
    stop.cancel();
    assert_eq!(ended.await.unwrap(), Lost::Released);
}

#[tokio::test]
async fn a_lease_that_changed_hands_is_lost_at_once() {
    let (mut elector, server) = leader().await;
    server.lock().unwrap().meanwhile = Meanwhile::TakenOver;
    let started = Instant::now();
    let lost = elector.hold(&CancellationToken::new()).await;
    assert_eq!(lost, Lost::Taken("taken over by other".to_owned()));
    assert!(started.elapsed() < TIMING.renew_deadline);
    assert_eq!(server.lock().unwrap().holder, "other");
}

/// However long an attempt may take, nobody else has the lease yet when its leader gives up.
#[tokio::test]
async fn giving_up_comes_no_later_than_the_deadline() {
    let (mut elector, server) = leader().await;
    assert!(!elector.tenure().is_over());
    server.lock().unwrap().meanwhile = Meanwhile::Silent;
    let started = Instant::now();
    let lost = elector.hold(&CancellationToken::new()).await;
    assert!(matches!(lost, Lost::Taken(_)), "{lost:?}");
    let over = started.elapsed().saturating_sub(TIMING.renew_deadline);
    // attempts of a second each would end 0.6 s too late
    assert!(over < Duration::from_millis(400), "{over:?}");
    assert!(elector.tenure().is_over());
}

/// A lease that is not renewed is taken once it has run out, and one that is belongs to somebody alive.
#[tokio::test]
async fn the_lease_of_the_dead_alone_is_taken() {
    let (mut elector, server) = leader().await;
    server.lock().unwrap().holder = "other".to_owned();
    let short = Timing { duration: Duration::from_secs(1), ..TIMING };
    elector.timing = short;
    server.lock().unwrap().seconds = 1;
    server.lock().unwrap().version += 1;
    assert_eq!(elector.acquire_from_dead().await, Ok(()));
    assert_eq!(server.lock().unwrap().holder, "me");

    server.lock().unwrap().holder = "other".to_owned();
    let renewing = Arc::clone(&server);
    let renews = tokio::spawn(async move {
        loop {
            renewing.lock().unwrap().version += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let why = elector.acquire_from_dead().await.unwrap_err();
    assert_eq!(why, "other holds it, and renews it");
    renews.abort();
}
