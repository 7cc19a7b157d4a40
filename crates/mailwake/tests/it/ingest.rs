//! Events go to SparkPost's Ingest API and into files: mailwake as an operator runs it, and an
//! API of our own that looks at every request.

mod api;

use crate::support::{
    PATIENCE, http, mailwake::Installation, message, smtp::Session, upstream::Upstream, wait_for,
};
use api::{Api, Then};
use serde_json::{Value, json};
use std::fs;

const KEY: &str = "14ac5499cfdd2bb2859e4476d2e5b1d2bad079bf";

/// A mailwake before an upstream, with a feeder to the API.
struct Scene {
    upstream: Upstream,
    installation: Installation,
}

impl Scene {
    fn new(api: &Api, more: &str) -> Self {
        let upstream = Upstream::start();
        let installation = Installation::new(upstream.port);
        let key = installation.folder().join("api.key");
        fs::write(&key, format!("{KEY}\n")).expect("write file");
        let table = format!(
            "[feeder.sparkpost]\nkind = \"ingest\"\nurl = \"http://127.0.0.1:{}\"\n\
             allow_http = true\napi_key_file = {key:?}\nbatch_age_ms_max = 100\n\
             retry_pause_ms = 10\nresults_seconds = 1\ntimeout_seconds = 5\n{more}\n[admin]\n",
            api.port
        );
        installation.set("[admin]\n", &table);
        Self { upstream, installation }
    }

    /// Sends a message to one recipient; gives the URL of its pixel.
    fn send(&self, recipient: &str) -> String {
        let content = "From: Shop <news@shop.example>\r\nSubject: sale\r\n\
             X-MSYS-API: {\"campaign_id\":\"spring\",\"tags\":[\"cat\"],\"metadata\":{\"pet\":\"Spot\"}}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html><body>x</body></html>\r\n";
        let mut session = Session::open(self.installation.gateway_port).expect("a session");
        let reply = session.send("news@shop.example", recipient, content.as_bytes());
        assert_eq!(reply.expect("a reply").code, 250);
        let copy = self.upstream.messages().pop().expect("a copy");
        message::attributes(&message::part(&copy, "text/html"), "src").remove(0)
    }

    fn status(&self) -> Value {
        let told = self.installation.run(&["feeders", "status", "sparkpost", "--json"]);
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error} in {told}"))
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[test]
fn what_happens_to_a_message_goes_to_the_api() {
    let api = Api::start([]);
    let scene = Scene::new(&api, "");
    let serving = scene.installation.serve();
    let pixel = scene.send("Ann@Example.com");
    assert_eq!(http::get(&pixel).status, 200);
    let events = api.events(2);
    assert_eq!(types(&events), ["injection", "open"]);
    for event in &events {
        assert_eq!(event["rcpt_to"], "ann@example.com");
        assert_eq!(event["campaign_id"], "spring");
        assert_eq!(event["rcpt_tags"], json!(["cat"]));
        assert_eq!(event["rcpt_meta"], json!({"pet": "Spot"}));
        assert_eq!(event["subject"], "sale");
        assert_eq!(event["message_id"], events[0]["message_id"]);
    }
    for request in api.requests() {
        assert_eq!(request.line, "POST /api/v1/ingest/events HTTP/1.1");
        assert_eq!(request.field("authorization"), KEY);
        assert_eq!(request.field("content-type"), "application/x-ndjson");
        assert_eq!(request.field("content-encoding"), "gzip");
        assert!(request.body.ends_with('\n'), "{}", request.body);
    }
    wait_for("what the API made of it", PATIENCE, || {
        (scene.installation.metric("mailwake_feeder_confirmed_total") == 2.0).then_some(())
    });
    let told = wait_for("all to be behind it", PATIENCE, || {
        let status = scene.status();
        (status["lag_events"] == 0).then_some(status)
    });
    assert_eq!((&told["kind"], &told["state"]), (&json!("ingest"), &json!("waiting")));
    assert_eq!(told["told"]["events"], 2);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn batch_whose_answer_was_lost_comes_again_as_it_was_after_a_kill() {
    // The API takes the first batch, says nothing, and is cut off; so for ever, until it is killed.
    let api = Api::start([Then::Cut, Then::Cut, Then::Cut, Then::Nothing]);
    let scene = Scene::new(&api, "");
    let serving = scene.installation.serve();
    scene.send("ann@example.com");
    wait_for("the attempts", PATIENCE, || (api.requests().len() >= 4).then_some(()));
    serving.kill();
    let before = api.requests();
    assert!(before.iter().all(|request| request.body == before[0].body));
    let serving = scene.installation.serve();
    wait_for("it again", PATIENCE, || (api.requests().len() > before.len()).then_some(()));
    let again = api.requests();
    assert_eq!(again.last().expect("it").body, before[0].body, "the same events, the same ids");
    wait_for("its arrival", PATIENCE, || {
        (scene.installation.metric("mailwake_feeder_batches_total") == 1.0).then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert_eq!(api.requests().len(), again.len(), "it does not come once more");
}

#[test]
fn event_that_is_refused_is_a_dead_letter_that_can_be_sent_again() {
    let api = Api::start([Then::Pause]);
    let scene = Scene::new(&api, "");
    let serving = scene.installation.serve();
    api.refuse("bob@example.com");
    for recipient in ["ann@example.com", "bob@example.com", "eve@example.com"] {
        scene.send(recipient);
    }
    wait_for("both others", PATIENCE, || {
        (scene.installation.metric("mailwake_feeder_events_total") == 2.0).then_some(())
    });
    wait_for("the dead letter", PATIENCE, || {
        (scene.installation.metric("mailwake_feeder_dead_letters") == 1.0).then_some(())
    });
    let letters = scene.installation.run(&["feeders", "dead-letters", "sparkpost", "--json"]);
    let letter: Value = serde_json::from_str(letters.trim()).expect("one letter");
    assert_eq!(letter["reason"], "status 422: no such event: ...@...");
    let log = serving.log();
    assert!(log.contains("events are not brought to their place"), "{log}");
    assert!(!log.contains("bob@"), "{log}");
    api.refuse("nobody");
    scene.installation.run(&["feeders", "dead-letters", "sparkpost", "--replay"]);
    let events = api.events(3);
    let of_bob = events.iter().find(|event| event["rcpt_to"] == "bob@example.com");
    assert_eq!(of_bob.expect("it came")["event_id"], letter["event"]["event_id"]);
    wait_for("its end", PATIENCE, || (scene.status()["dead_letters"] == 0).then_some(()));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn feeders_are_paused_replayed_and_ended_while_mailwake_runs() {
    let api = Api::start([]);
    let scene = Scene::new(&api, "");
    let failed = scene.installation.run_failing(&["feeders", "pause", "sparkpost"]);
    assert!(failed.contains("feeder \"sparkpost\" has not run yet"), "{failed}");
    let failed = scene.installation.run_failing(&["feeders", "pause", "other"]);
    assert!(failed.contains("there is no feeder \"other\"; there are sparkpost"), "{failed}");
    let serving = scene.installation.serve();
    scene.send("ann@example.com");
    let first = api.events(1);
    scene.installation.run(&["feeders", "pause", "sparkpost"]);
    wait_for("the pause", PATIENCE, || {
        (scene.installation.metric("mailwake_feeder_paused") == 1.0).then_some(())
    });
    scene.send("bob@example.com");
    wait_for("it in the store", PATIENCE, || {
        (scene.installation.events(&[]).len() == 4).then_some(())
    });
    assert_eq!((&scene.status()["state"], api.events(1).len()), (&json!("paused"), 1));
    scene.installation.run(&["feeders", "resume", "sparkpost"]);
    assert_eq!(types(&api.events(2)), ["injection", "injection"]);
    // All once more, with the ids that they had.
    scene.installation.run(&["feeders", "replay", "sparkpost", "--from", "1h"]);
    wait_for("the replay", PATIENCE, || {
        (scene.status()["replays"][0]["state"] == "done").then_some(())
    });
    let bodies: String = api.requests().into_iter().map(|request| request.body).collect();
    let id = first[0]["event_id"].as_str().expect("an id");
    assert_eq!(bodies.matches(id).count(), 2, "{bodies}");
    // It is taken out of the configuration.
    scene
        .installation
        .set("[feeder.sparkpost]\nkind = \"ingest\"", "[feeder.b]\nkind = \"ingest\"");
    serving.reload();
    wait_for("the other feeder", PATIENCE, || {
        serving.log().contains("feeder is not in the configuration any more").then_some(())
    });
    let log = scene.installation.data().join("log");
    assert!(!log.join("feeder-sparkpost.cursor").exists());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn lines_are_in_files_of_which_finished_ones_are_whole() {
    let api = Api::start([]);
    let lines = "[feeder.archive]\nkind = \"ndjson\"\nformat = \"mailwake\"\nbatch_age_ms_max = 50";
    let scene = Scene::new(&api, lines);
    let serving = scene.installation.serve();
    let pixel = scene.send("ann@example.com");
    assert_eq!(http::get(&pixel).status, 200);
    let file = scene.installation.data().join("feeders/archive/archive.ndjson.part");
    let read = || -> Vec<Value> {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let events = wait_for("the lines", PATIENCE, || Some(read()).filter(|all| all.len() == 3));
    assert_eq!(types(&events), ["reception", "injection", "open"]);
    assert_eq!(events[2]["message"]["campaign_id"], "spring");
    assert_eq!(events[0]["message"], Value::Null);
    serving.kill();
    let serving = scene.installation.serve();
    assert_eq!(http::get(&pixel).status, 200);
    let events = wait_for("one more", PATIENCE, || Some(read()).filter(|all| all.len() == 4));
    assert_eq!(types(&events), ["reception", "injection", "open", "open"]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
