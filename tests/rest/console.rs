//! The console: what its pages say, who sees them, and what its forms may do.

use serde_json::json;

use crate::desk::{Answer, Api, KEY, Place};

const PLANTED: &str = "pl4nted-value";

const TOOLS: &str = "/console/kinds/tools.orloj.dev";

fn form(api: &Api, target: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    form_from(api, target, "http://localhost", cookie, fields)
}

/// The client names the host `localhost`.
fn form_from(api: &Api, target: &str, origin: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("Origin", origin), ("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")];
    api.ask("POST", target, &headers, body)
}

fn page(api: &Api, target: &str) -> String {
    api.get(target).expect(200).body
}

pub fn pages_tell_owners_states_and_problems(place: &Place) {
    let sealed = [("ORLOJ_SECRET_ENCRYPTION_KEY", KEY)];
    place.desk.write(
        "all.yaml",
        &format!(
            "apiVersion: orloj.dev/v1\nkind: Tool\nmetadata: {{name: managed, namespace: team}}\nspec: {{type: http, endpoint: http://x}}\n\
             ---\napiVersion: orloj.dev/v1\nkind: Tool\nmetadata: {{name: broken, namespace: team}}\nspec: {{type: cli}}\n\
             ---\napiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {{name: key, namespace: team}}\nspec: {{stringData: {{k: {PLANTED}}}}}\n"
        ),
    );
    let sync = |owner: &str| {
        let mut command = place.desk.command(&format!("sync m -q --owner {owner}"));
        crate::program::run(command.args(["--store", &place.url]).env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY))
    };
    sync("prod").expect(1);
    let api = place.serve_with("", &sealed);
    for at in 0..60 {
        let tool =
            json!({"metadata": {"name": format!("mine-{at:03}")}, "spec": {"type": "http", "endpoint": "http://x"}});
        api.post("/v1/tools", &tool).expect(201);
    }
    assert_eq!(api.get("/").expect(303).header("Location"), Some("/console/"));
    let overview = api.get("/console/").expect(200);
    let policy = overview.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(overview.body.contains("<strong>1</strong> not synced."), "{}", overview.body);
    assert!(!overview.body.contains("<style") && !overview.body.contains(" style="));

    let first = page(&api, TOOLS);
    assert_eq!(first.matches("<th scope=\"row\">").count(), 50);
    assert!(first.contains("1</strong> more of this kind are not synced"), "{first}");
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let second = page(&api, &next);
    assert_eq!(second.matches("<th scope=\"row\">").count(), 11);
    assert!(second.contains("CRD Managed</span> prod: team/managed") && !second.contains("rel=\"next\""), "{second}");
    for (query, rows) in [
        ("search=MINE-00", 10),
        ("namespace=team", 1),
        ("state=synced", 1),
        ("state=not-synced", 0),
        ("owner=prod", 1),
        ("owner=other", 0),
        ("state=unowned&search=059", 1),
    ] {
        let found = page(&api, &format!("{TOOLS}?{query}"));
        assert_eq!(found.matches("<th scope=\"row\">").count(), rows, "{query}");
    }

    let problems = page(&api, "/console/problems");
    for part in
        ["InvalidSpec", "Tool team/broken", "spec.cli.command is required", "Correct the spec.", "It has no row."]
    {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    assert!(problems.contains("kubectl edit tools.orloj.dev broken --namespace team"), "{problems}");

    let managed = page(&api, &format!("{TOOLS}/team/managed"));
    for part in [
        "CRD Managed",
        "is managed by a CRD",
        "kubectl edit tools.orloj.dev managed --namespace team",
        "as the operator last wrote it.",
    ] {
        assert!(managed.contains(part), "{part}: {managed}");
    }
    assert!(!managed.contains("/edit\"") && !managed.contains("/delete\""), "{managed}");
    form(&api, &format!("{TOOLS}/team/managed/delete"), "", &[]).expect(409);
    form(&api, &format!("{TOOLS}/team/managed/edit"), "", &[("manifest", "{}")]).expect(409);
    api.get("/v1/tools/managed?namespace=team").expect(200);

    let secret = page(&api, "/console/kinds/secrets.orloj.dev/team/key");
    assert!(secret.contains("***"), "{secret}");
    for said in [&overview.body, &first, &second, &problems, &managed, &secret, &api.log()] {
        assert!(!said.contains(PLANTED) && !said.contains("cGw0bnRlZC12YWx1ZQ"));
    }

    // what is put right is a problem no more
    place.desk.write(
        "all.yaml",
        "apiVersion: orloj.dev/v1\nkind: Tool\nmetadata: {name: managed, namespace: team}\nspec: {type: http, endpoint: http://x}\n",
    );
    let mut command = place.desk.command("sync m -q --owner prod --prune");
    crate::program::run(command.args(["--store", &place.url]).env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY)).expect(0);
    assert!(page(&api, "/console/problems").contains("Every resource that is known here is synced."));
}

pub fn rows_that_nobody_owns_are_edited_and_deleted(place: &Place) {
    let api = place.serve("");
    let tool = json!({"metadata": {"name": "mine"}, "spec": {"type": "http", "endpoint": "http://x"}});
    api.post("/v1/tools", &tool).expect(201);
    let row = format!("{TOOLS}/default/mine");
    let edit = format!("{row}/edit");
    assert!(page(&api, &edit).contains("endpoint: http://x"));
    let text =
        |spec: &str| format!("apiVersion: orloj.dev/v1\r\nkind: Tool\r\nmetadata: {{name: mine}}\r\nspec: {spec}\r\n");
    let save = |spec: &str, version: &str| form(&api, &edit, "", &[("manifest", &text(spec)), ("version", version)]);
    let refused = save("{type: cli}", "1").expect(400);
    assert!(refused.body.contains("spec.cli.command is required") && refused.body.contains("{type: cli}"));
    let stale = save("{type: http, endpoint: \"http://y\"}", "7").expect(409);
    assert!(stale.body.contains("resourceVersion conflict"), "{stale:?}");
    let saved = save("{type: http, endpoint: \"http://y\"}", "1").expect(303);
    assert_eq!(saved.header("Location"), Some(&*format!("{row}?saved=1")));
    assert_eq!(api.get("/v1/tools/mine").expect(200).json()["spec"]["endpoint"], "http://y");

    // forms of other sites, and requests that no form sends
    for origin in ["http://evil.example", "null", ""] {
        form_from(&api, &format!("{row}/delete"), origin, "", &[]).expect(403);
    }
    assert!(page(&api, &format!("{row}/delete")).contains("This cannot be undone"));
    form(&api, &format!("{row}/delete"), "", &[]).expect(303);
    api.get(&row).expect(404);
    api.get("/v1/tools/mine").expect(404);
}

pub fn whoever_has_no_token_sees_nothing(place: &Place) {
    let tokens = place.desk.path("tokens");
    std::fs::write(&tokens, "ann:t0ken-read:reader\nbob:t0ken-write:writer\n").unwrap();
    let mut api = place.serve(&format!("--token-file {}", tokens.display()));
    api.token = Some("t0ken-write".into());
    let tool = json!({"metadata": {"name": "mine"}, "spec": {"type": "http", "endpoint": "http://x"}});
    api.post("/v1/tools", &tool).expect(201);
    let row = format!("{TOOLS}/default/mine");
    for target in ["/console/", &*row, "/console/problems"] {
        let sent = api.get(target).expect(303);
        assert!(sent.header("Location").unwrap().starts_with("/console/login?next="), "{sent:?}");
    }
    api.get("/console/events").expect(401);
    form(&api, &format!("{row}/delete"), "", &[]).expect(401);
    form(&api, "/console/login", "", &[("token", "t0ken-none")]).expect(401);
    assert_eq!(login(&api, "t0ken-read", "//evil.example/").1, "/console/");
    let (reader, next) = login(&api, "t0ken-read", &row);
    assert_eq!(next, row);
    let shown = api.ask("GET", &row, &[("Cookie", &reader)], "").expect(200);
    assert!(shown.body.contains("ann (reader)") && !shown.body.contains("/delete\""), "{}", shown.body);
    form(&api, &format!("{row}/delete"), &reader, &[]).expect(403);
    // the cookie is no token for the API
    api.token = None;
    api.ask("GET", "/v1/tools", &[("Cookie", &reader)], "").expect(401);
    let (writer, _) = login(&api, "t0ken-write", "");
    form(&api, &format!("{row}/delete"), &writer, &[]).expect(303);
    assert!(form(&api, "/console/logout", &writer, &[]).header("Set-Cookie").unwrap().contains("Max-Age=0"));
    assert!(!api.log().contains("t0ken-"));
}

/// Cookie, and the page that comes next.
fn login(api: &Api, token: &str, next: &str) -> (String, String) {
    let answer = form(api, "/console/login", "", &[("token", token), ("next", next)]).expect(303);
    let cookie = answer.header("Set-Cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    (cookie.split(';').next().unwrap().to_owned(), answer.header("Location").unwrap().to_owned())
}

crate::on_both![console:
    pages_tell_owners_states_and_problems,
    rows_that_nobody_owns_are_edited_and_deleted,
    whoever_has_no_token_sees_nothing,
];
