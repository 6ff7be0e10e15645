//! Verbs, codes, texts, paging, selectors and preconditions as orlojd has them.

use serde_json::{Value, json};

use crate::desk::{Api, KEY, Place};
use crate::on_both;

on_both!(dialect: objects_come_and_go, versions_are_checked, lists_have_pages, bodies_are_judged, statuses_are_the_runtimes,
    secrets_are_masked, routes_and_methods, every_kind_of_a_folder_is_served);

fn memory(name: &str) -> Value {
    json!({"kind": "Memory", "metadata": {"name": name}, "spec": {"type": "vector"}})
}

fn tool(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "orloj.dev/v1", "kind": "Tool", "metadata": {"name": name}, "spec": spec})
}

pub fn objects_come_and_go(place: &Place) {
    let api = place.serve("");
    api.get("/v1/memories/m").refused(404, "memory \"m\" not found");
    api.delete("/v1/memories/m").refused(404, "memory \"default/m\" not found");
    api.put("/v1/memories/m", &[("If-Match", "*")], &memory("m")).refused(404, "memory \"m\" not found");
    let mut new = memory("m");
    new["metadata"]["labels"] = json!({"a": "1"});
    new["metadata"]["annotations"] = json!({"orloj.dev/managed-by": "crd-sync", "mine": "x"});
    new["status"] = json!({"phase": "Error", "lastError": "e"});
    let made = api.post("/v1/memories", &new).expect(201).json();
    assert_eq!(made["metadata"]["resourceVersion"], "1");
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["metadata"]["annotations"], json!({"mine": "x"}), "nobody sets the mark");
    assert_eq!(made["status"], json!({"phase": "Error", "lastError": "e"}));
    assert_eq!(api.get("/v1/memories/m").expect(200).json(), made);
    // the same once more counts as a write, but for no new spec; status is the stored one, labels are replaced
    let again = api.post("/v1/memories", &memory("m")).expect(201).json();
    assert_eq!(again["metadata"]["resourceVersion"], "2");
    assert_eq!(again["metadata"]["generation"], 1);
    assert_eq!(again["metadata"]["createdAt"], made["metadata"]["createdAt"]);
    assert_eq!(again["status"]["phase"], "Error");
    assert!(again["metadata"].get("labels").is_none());
    let mut changed = memory("other");
    changed["spec"]["type"] = "graph".into();
    let put = api.put("/v1/memories/m", &[("If-Match", "W/\"2\"")], &changed).expect(200).json();
    assert_eq!((&put["metadata"]["name"], &put["metadata"]["generation"]), (&json!("m"), &json!(2)));
    assert!(api.delete("/v1/memories/m").expect(204).body.is_empty());
    api.get("/v1/memories/m").expect(404);
    // the one kind that tells what is gone
    let server = json!({"metadata": {"name": "s"}, "spec": {"transport": "http", "endpoint": "https://x.example"}});
    api.post("/v1/mcp-servers", &server).expect(201);
    api.get("/v1/mcp-servers/t").refused(404, "mcp-server \"t\" not found");
    assert_eq!(api.delete("/v1/mcp-servers/s").expect(200).json(), json!({"deleted": "s"}));
    // a runtime that stores no phase tells one
    let agent = json!({"metadata": {"name": "a"}, "spec": {"model_ref": "m", "prompt": "p"}});
    assert_eq!(api.post("/v1/agents", &agent).expect(201).json()["status"]["phase"], "Ready");
    assert_eq!(place.rows("agents")[0]["status"]["phase"], "Pending");
}

pub fn versions_are_checked(place: &Place) {
    let api = place.serve("");
    let with_version = |version: &str| {
        let mut object = memory("m");
        object["metadata"]["resourceVersion"] = version.into();
        object
    };
    api.post("/v1/memories", &with_version("9"))
        .refused(409, "Memory resourceVersion conflict: expected=\"9\" current=\"\"");
    api.post("/v1/memories", &with_version("0")).expect(201);
    api.post("/v1/memories", &with_version("9"))
        .refused(409, "Memory resourceVersion conflict: expected=\"9\" current=\"1\"");
    api.put("/v1/memories/m", &[], &memory("m"))
        .refused(409, "resourceVersion precondition required for update (set metadata.resourceVersion or If-Match)");
    api.put("/v1/memories/m", &[("If-Match", "\"4\"")], &with_version("3"))
        .refused(409, "metadata.resourceVersion \"3\" does not match If-Match \"4\"");
    api.put("/v1/memories/m", &[("If-Match", "7")], &memory("m"))
        .refused(409, "Memory resourceVersion conflict: expected=\"7\" current=\"1\"");
    let versions: Vec<Value> = [("\"1\"", ""), ("*", ""), ("", "3"), ("4", "4")]
        .iter()
        .map(|(header, version)| {
            let headers = [("If-Match", *header)];
            let answer = api.put("/v1/memories/m", &headers, &with_version(version)).expect(200);
            answer.json()["metadata"]["resourceVersion"].clone()
        })
        .collect();
    assert_eq!(versions, ["2", "3", "4", "5"]);
    // of many at once with one version, one gets through
    let codes: Vec<u16> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| api.put("/v1/memories/m", &[("If-Match", "5")], &memory("m")).code);
        let all: Vec<_> = (0..6).map(|_| ask()).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 409).count(), 5, "{codes:?}");
    // without a version, all of them do
    std::thread::scope(|scope| {
        (0..6).for_each(|_| drop(scope.spawn(|| api.post("/v1/memories", &memory("new")).expect(201))));
    });
    assert_eq!(api.get("/v1/memories/new").expect(200).json()["metadata"]["resourceVersion"], "6");
}

fn names(list: &Value) -> Vec<String> {
    let name =
        |item: &Value| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"]).replace('"', "");
    list["items"].as_array().unwrap().iter().map(name).collect()
}

fn all_pages(api: &Api, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = api.get(&format!("/v1/memories?{query}{after}")).expect(200).json();
        pages.push(names(&page));
        let Some(next) = page["continue"].as_str() else { return pages };
        after = format!("&after={next}");
    }
}

pub fn lists_have_pages(place: &Place) {
    let api = place.serve("");
    assert_eq!(api.get("/v1/memories").expect(200).json(), json!({"items": []}));
    for (namespace, name, tier) in
        [("b", "1", "x"), ("a", "2", "y"), ("a", "1", "x"), ("a-b", "1", "x"), ("a", "3", "x")]
    {
        let mut object = memory(name);
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["labels"] = json!({"tier": tier});
        api.post("/v1/memories", &object).expect(201);
    }
    let all = ["a-b/1", "a/1", "a/2", "a/3", "b/1"];
    // by key, bytewise; no cursor unless a limit was asked for, and a limit that is none is none
    for query in ["", "?limit=0", "?limit=abc", "?limit=-1", "?namespace="] {
        let list = api.get(&format!("/v1/memories{query}")).expect(200).json();
        assert_eq!((names(&list), &list["continue"]), (all.map(str::to_owned).to_vec(), &Value::Null), "{query}");
    }
    assert_eq!(all_pages(&api, "limit=2"), [vec!["a-b/1", "a/1"], vec!["a/2", "a/3"], vec!["b/1"]]);
    assert_eq!(all_pages(&api, "limit=2&namespace=a"), [vec!["a/1", "a/2"], vec!["a/3"]]);
    assert_eq!(all_pages(&api, "limit=2&labelSelector=tier%3Dx"), [vec!["a-b/1", "a/1"], vec!["a/3", "b/1"], vec![]]);
    assert_eq!(all_pages(&api, "labels=tier=x,nope=1"), [Vec::<String>::new()]);
    // bare names, as orlojd 0.3 tells them
    assert_eq!(names(&api.get("/v1/memories?namespace=a&after=1").json()), ["a/2", "a/3"]);
    api.get("/v1/memories?labelSelector=a").refused(400, "invalid label selector \"a\": expected key=value pairs");
    assert_eq!(api.get("/v1/namespaces").expect(200).json(), json!({"namespaces": ["a", "a-b", "b"]}));
}

pub fn bodies_are_judged(place: &Place) {
    let api = place.serve("");
    let post = |body: &str| api.ask("POST", "/v1/tools", &[], body);
    for body in ["", "{}", "# nothing\n", "{\"metadata\": {\"name\": \"\"}}"] {
        post(body).refused(400, "metadata.name is required");
    }
    api.post("/v1/tools", &json!({"kind": "Agent", "metadata": {"name": "x"}}))
        .refused(400, "unsupported kind \"Agent\" for Tool");
    api.post("/v1/tools?namespace=x", &tool("t", &json!({})))
        .refused(400, "metadata.namespace \"default\" does not match request namespace \"x\"");
    api.post("/v1/tools", &tool("a/b", &json!({})))
        .refused(400, "metadata.name \"a/b\" must not contain '/', spaces, or whitespace");
    api.post("/v1/tools", &tool("t\u{0}", &json!({}))).expect(400);
    let refused = api.post("/v1/tools", &tool("t", &json!({"type": "nope"}))).expect(400);
    assert!(refused.body.contains("spec.type") && refused.body.lines().count() == 1, "{refused:?}");
    for wrong in ["[1]", "name: [", "{\"metadata\": 3}", "a: 1\n---\nb: 2\n", "{\"metadata\": {\"name\": 3}}", "x\u{7}"]
    {
        let refused = post(wrong).expect(400);
        assert_eq!(refused.body.lines().count(), 1, "{refused:?}");
    }
    assert!(api.ask("POST", "/v1/tools", &[], [b'a', b':', b' ', 0xff]).expect(400).body.contains("UTF-8"));
    let deep = |levels: usize| {
        format!(
            "{{\"metadata\":{{\"name\":\"t\"}},\"spec\":{{\"input_schema\":{}1{}}}}}",
            "{\"a\":".repeat(levels),
            "}".repeat(levels)
        )
    };
    for levels in [110, 130, 10_000] {
        let refused = post(&deep(levels)).expect(400);
        assert!(refused.body.contains("nested"), "{refused:?}");
    }
    // YAML is read as kubectl reads it; of a problem a machine may have the parts
    post("metadata: {name: why}\nspec: {type: http, endpoint: 'https://x.example'}\n").expect(201);
    let accept = [("Accept", "application/problem+json")];
    let problem = api.ask("POST", "/v1/tools", &accept, "").expect(400);
    assert_eq!(problem.header("Content-Type"), Some("application/problem+json"));
    assert_eq!(problem.json()["detail"], "metadata.name is required");
    for (content_type, code) in [
        ("application/json; charset=utf-8", 201),
        ("application/yaml", 201),
        ("text/yaml", 201),
        ("application/vnd.orloj+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ] {
        api.ask("POST", "/v1/memories", &[("Content-Type", content_type)], memory("m").to_string()).expect(code);
    }
    // 4 MiB are read and judged, a byte more is not
    let sized = |bytes: usize| {
        let empty = memory("big").to_string().len();
        let mut object = memory("big");
        object["spec"]["endpoint"] = "x".repeat(bytes - empty - ",\"endpoint\":\"\"".len()).into();
        object.to_string()
    };
    assert_eq!(sized(4 << 20).len(), 4 << 20);
    api.ask("POST", "/v1/memories", &[], sized(4 << 20)).expect(201);
    let refused = api.ask("POST", "/v1/memories", &[], sized((4 << 20) + 1)).expect(400);
    assert!(refused.body.starts_with("failed to read request body"), "{refused:?}");
}

pub fn statuses_are_the_runtimes(place: &Place) {
    let api = place.serve("");
    api.post("/v1/memories", &memory("m")).expect(201);
    let told = api.get("/v1/memories/m/status").expect(200).json();
    assert_eq!(told["status"], json!({"phase": "Pending"}));
    assert_eq!(told["metadata"]["name"], "m");
    assert!(told.get("spec").is_none());
    let update = |status: Value| json!({"metadata": {"resourceVersion": "1"}, "status": status});
    api.put("/v1/memories/m/status", &[], &json!({"status": {}})).expect(409);
    api.put("/v1/memories/x/status", &[], &update(json!({}))).refused(404, "memory \"x\" not found");
    for wrong in ["x", "[]", "phase: yaml\n", "{\"status\": 1}", "{\"status\": {\"phase\": 1}}"] {
        api.ask("PUT", "/v1/memories/m/status", &[("If-Match", "*")], wrong).expect(400);
    }
    let put = api.put("/v1/memories/m/status", &[], &update(json!({"phase": "Ready", "x": [1]}))).expect(200).json();
    assert_eq!(put["status"], json!({"phase": "Ready", "x": [1], "observedGeneration": 1}));
    assert_eq!(put["metadata"]["resourceVersion"], "2");
    api.put("/v1/memories/m/status", &[], &update(json!({})))
        .refused(409, "Memory resourceVersion conflict: expected=\"1\" current=\"2\"");
    // kinds whose status nobody reports have no such route
    api.get("/v1/secrets/s/status").refused(404, "secret \"s/status\" not found");
    api.get("/v1/mcp-servers/s/status").expect(404);
}

pub fn secrets_are_masked(place: &Place) {
    const PLANTED: &str = "cGxhbnRlZC1zZWNyZXQ=";
    let key = KEY;
    let api = place.serve_with("", &[("ORLOJ_SECRET_ENCRYPTION_KEY", key)]);
    let secret = |spec: Value| {
        json!({"metadata": {"name": "s", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "planted-secret"}}, "spec": spec})
    };
    let made = api.post("/v1/secrets", &secret(json!({"data": {"a": PLANTED}, "stringData": {"b": "planted-secret"}})));
    let mut bodies = vec![made.expect(201).body];
    assert!(bodies[0].contains("\"data\":{\"a\":\"***\",\"b\":\"***\"}"), "{bodies:?}");
    // the mask stands for what is stored, on PUT alone
    let put = |spec: Value| api.put("/v1/secrets/s", &[("If-Match", "*")], &secret(spec));
    bodies.push(put(json!({"data": {"a": "***", "c": PLANTED}})).expect(200).body);
    bodies.push(put(json!({"data": {"nope": "***"}})).expect(400).body);
    bodies.push(api.post("/v1/secrets", &secret(json!({"data": {"a": "***"}}))).expect(400).body);
    bodies.push(api.post("/v1/secrets", &secret(json!({"data": {"a": "planted-secret"}}))).expect(400).body);
    bodies.push(api.post("/v1/secrets", &secret(json!({"data": "planted-secret"}))).expect(400).body);
    bodies.push(api.ask("POST", "/v1/secrets", &[], "data: [planted-secret").expect(400).body);
    bodies.push(api.get("/v1/secrets/s").expect(200).body);
    bodies.push(api.get("/v1/secrets").expect(200).body);
    bodies.push(
        api.get("/v1/secrets/planted-secret?token=planted-secret").expect(404).body.replace("\"planted-secret\"", ""),
    );
    bodies.push(api.get("/metrics").expect(200).body);
    bodies.push(api.get("/openapi.json").expect(200).body);
    bodies.push(api.log());
    for body in &bodies {
        assert!(!body.contains(PLANTED) && !body.contains("planted-secret"), "{body}");
    }
    // at rest it is sealed, and opens to what was given
    let shown = place.run("get secrets -o json").expect(0).json()["items"][0]["spec"]["data"].clone();
    assert!(
        shown["a"].as_str().unwrap().starts_with("enc:") && shown["c"].as_str().unwrap().starts_with("enc:"),
        "{shown}"
    );
    let mut command = place.desk.command("export secrets -o json --reveal");
    let exported =
        crate::program::run(command.args(["--store", &place.url]).env("ORLOJ_SECRET_ENCRYPTION_KEY", key)).expect(0);
    assert!(exported.out.matches(PLANTED).count() == 2 && !exported.out.contains("last-applied"), "{exported:?}");
    // a server without the key serves it, and does not overwrite it
    let blind = place.serve("");
    assert!(blind.get("/v1/secrets/s").expect(200).body.contains("***"));
    let refused = blind.post("/v1/secrets", &secret(json!({"data": {"a": PLANTED}}))).expect(409);
    assert!(refused.body.contains("no encryption key is configured"), "{refused:?}");
    let strict = place.serve("--require-encryption");
    assert!(strict.post("/v1/secrets", &secret(json!({}))).expect(400).body.contains("--require-encryption"));
}

pub fn routes_and_methods(place: &Place) {
    let api = place.serve("");
    assert_eq!(api.get("/healthz").expect(200).json(), json!({"status": "ok"}));
    api.ask("POST", "/healthz", &[], "").expect(200);
    for path in ["/v1", "/v1/", "/v1/nope", "/v2/tools", "/v1/nope/x"] {
        assert!(api.get(path).expect(404).body.starts_with("not found: "), "{path}");
    }
    for (method, path) in [
        ("HEAD", "/v1/tools"),
        ("PATCH", "/v1/tools/x"),
        ("OPTIONS", "/v1/tools"),
        ("PUT", "/v1/tools"),
        ("POST", "/v1/tools/x"),
        ("DELETE", "/v1/tools"),
        ("DELETE", "/v1/tools/x/status"),
    ] {
        api.ask(method, path, &[], "").expect(405);
    }
    api.get("/v1/tools/").refused(400, "tool name is required");
    api.delete("/v1/tools/").refused(400, "tool name is required");
    api.get("/v1/tools/a/b").refused(404, "tool \"a/b\" not found");
    api.get("/v1/tools/a%2Fb").refused(404, "tool \"a/b\" not found");
    api.get("/v1/tools/%ff").expect(400);
    api.get("/v1/tools/%00").expect(400);
    api.post("//v1//tools", &tool("x", &json!({"endpoint": "https://x.example"}))).expect(201);
    for path in ["/v1/tools/x", "/v1/tools/x/", "//v1/tools//x", "/v1/tools/%78"] {
        api.get(path).expect(200);
    }
    for path in ["/v1/capabilities", "/v1/workers", "/v1/auth/config", "/v1/auth/me"] {
        assert!(api.get(path).expect(200).json().is_object(), "{path}");
    }
    let answer = api.ask("GET", "/healthz", &[("X-Request-ID", "mine")], "");
    assert_eq!(answer.header("X-Request-ID"), Some("mine"));
    assert!(api.get("/healthz").header("X-Request-ID").is_some());
    let metrics = api.get("/metrics").expect(200).body;
    assert!(
        metrics
            .contains("orloj_operator_rest_requests_total{route=\"/v1/tools/{name}\",method=\"GET\",code=\"200\"} 4"),
        "{metrics}"
    );
    assert!(
        metrics
            .contains("orloj_operator_rest_request_seconds_count{route=\"/v1/tools\",method=\"POST\",code=\"201\"} 1"),
        "{metrics}"
    );
}

pub fn every_kind_of_a_folder_is_served(place: &Place) {
    let kinds = format!("{}/tests/kinds", env!("CARGO_MANIFEST_DIR"));
    let api = place.serve(&format!("--kinds {kinds}"));
    let widget = json!({"metadata": {"name": "w"}, "spec": {"size": " SMALL ", "paint": {"colour": "red"}}});
    let made = api.post("/v1/widgets", &widget).expect(201).json();
    assert_eq!((&made["kind"], &made["spec"]["size"]), (&json!("Widget"), &json!("small")));
    api.get("/v1/widgets/nope").refused(404, "widget \"nope\" not found");
    assert_eq!(api.get("/v1/widgets").expect(200).json()["items"][0], made);
}
