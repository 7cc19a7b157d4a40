//! SparkPost's JSON, as programs read it that are none of ours: the receivers of its webhooks
//! in django-anymail and django-post-office.

use crate::{
    layering::crates,
    support::{
        PATIENCE, free_port, http, is_left_out,
        mailwake::Installation,
        message::{attributes, part, value},
        process::{Server, run},
        say,
        sink::Sink,
        swaks, wait_for,
    },
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

/// Where the receivers are.
const ANYMAIL: &str = "anymail/sparkpost/tracking/";
const POST_OFFICE: &str = "post_office/sparkpost/";

/// The recipient, whose address is not all in lower case.
const ANN: &str = "Ann@example.com";

/// The server with the receivers.
struct Receiver {
    _server: Server,
    port: u16,
    told: PathBuf,
    directory: tempfile::TempDir,
}

impl Receiver {
    /// Starts it; nothing, which is said, where `ci/test-programs` could not have it.
    fn start(test: &str) -> Option<Self> {
        let program = crates().join("../target/test-programs/sparkpost_readers");
        if !program.join("anymail").exists() || !program.join("post_office").exists() {
            say(&format!("NOT RUN: {test} (there is no django-anymail, or no django-post-office)"));
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let (port, told) = (free_port(), directory.path().join("told.ndjson"));
        let mut command = Command::new("python3");
        command
            .arg(crates().join("mailwake/tests/it/support/sparkpost_receiver.py"))
            .arg(port.to_string())
            .arg(&told)
            .env("PYTHONPATH", program);
        let log = directory.path().join("server.log");
        let mut server = Server::start("django", "python3", &mut command, log);
        server.wait_until_listening(&[port]);
        Some(Self { _server: server, port, told, directory })
    }

    /// Posts a batch as a webhook does, and gives what the receiver has read.
    fn post(&self, reader: &str, path: &str, batch: &[Value]) -> Vec<Value> {
        let file = self.directory.path().join("batch.json");
        fs::write(&file, Value::from(batch).to_string()).expect("write");
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        let data = format!("@{}", file.display());
        let status = run(
            "curl",
            "curl",
            [
                ["--silent", "--output"],
                ["/dev/null", "--write-out"],
                ["%{http_code}", "--user"],
                ["mailwake:a secret", "--header"],
                ["Content-Type: application/json", "--header"],
                [
                    "X-MessageSystems-Batch-ID: 01a1fc42-d27b-4909-8909-090909090909",
                    "--data-binary",
                ],
                [&data, &url],
            ]
            .concat(),
        );
        assert_eq!(status, "200", "{url}");
        self.told(reader)
    }

    /// What a receiver has read until now.
    fn told(&self, reader: &str) -> Vec<Value> {
        let told = fs::read_to_string(&self.told).unwrap_or_default();
        // A line that is being written is none yet.
        let lines = told.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let told = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        told.filter(|event| event["reader"] == reader).collect()
    }

    fn anymail(&self, batch: &[Value]) -> Vec<Value> {
        self.post("anymail", ANYMAIL, batch)
    }

    fn post_office(&self, batch: &[Value]) -> Vec<Value> {
        self.post("post_office", POST_OFFICE, batch)
    }
}

/// What stands in the envelope of an event.
fn inner(event: &Value) -> &Value {
    event["msys"].as_object().and_then(|group| group.values().next()).expect("a group")
}

/// What anymail makes of an event, by its documentation: the type and all of the rest.
fn check_anymail(event: &Value, read: &Value, event_type: &str) {
    let fields = inner(event);
    assert_eq!(read["event_type"], event_type, "{read}");
    assert_eq!(&read["esp_event"], event);
    let seconds: f64 = fields["timestamp"].as_str().expect("a text").parse().expect("a number");
    assert_eq!(read["timestamp"], seconds);
    for (name, field) in [
        ("event_id", "event_id"),
        ("message_id", "transmission_id"),
        ("recipient", "raw_rcpt_to"),
        ("mta_response", "raw_reason"),
        ("click_url", "target_link_url"),
        ("user_agent", "user_agent"),
    ] {
        assert_eq!(read[name], fields[field], "{name} of {read}");
    }
    let (tags, metadata) = match fields.get("campaign_id") {
        Some(campaign) => (json!([campaign]), fields["rcpt_meta"].clone()),
        None => (json!([]), json!({})),
    };
    assert_eq!((&read["tags"], &read["metadata"]), (&tags, &metadata), "{read}");
}

/// Every type, and what the two receivers call it; nothing where post_office passes it over.
const TYPES: [(&str, &str, Option<&str>); 22] = [
    ("injection", "queued", Some("ACCEPTED")),
    ("delivery", "delivered", Some("DELIVERED")),
    ("delay", "deferred", Some("DEFERRED")),
    ("bounce", "bounced", Some("HARD_BOUNCED")),
    ("out_of_band", "bounced", Some("HARD_BOUNCED")),
    ("spam_complaint", "complained", Some("SPAM_COMPLAINT")),
    ("policy_rejection", "rejected", Some("HARD_BOUNCED")),
    ("generation_failure", "failed", None),
    ("generation_rejection", "rejected", None),
    ("open", "opened", Some("OPENED")),
    ("initial_open", "unknown", Some("OPENED")),
    ("click", "clicked", Some("CLICKED")),
    ("amp_open", "opened", None),
    ("amp_initial_open", "unknown", None),
    ("amp_click", "clicked", None),
    ("link_unsubscribe", "unsubscribed", Some("UNSUBSCRIBED")),
    ("list_unsubscribe", "unsubscribed", Some("UNSUBSCRIBED")),
    ("relay_injection", "unknown", None),
    ("relay_rejection", "unknown", None),
    ("relay_delivery", "unknown", None),
    ("relay_tempfail", "unknown", None),
    ("relay_permfail", "unknown", None),
];

/// The events of the golden files in the form of webhooks: of a message that is known, and with
/// nothing at all.
fn golden_events() -> Vec<[Value; 2]> {
    let folder = crates().join("tracking/testdata/sparkpost");
    let names = TYPES.iter().map(|(name, ..)| *name);
    names
        .map(|name| {
            let text = fs::read_to_string(folder.join(format!("{name}.ndjson"))).expect(name);
            let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            [lines.next().expect("the first line"), lines.next_back().expect("the last line")]
        })
        .collect()
}

#[test]
fn receivers_of_others_read_every_type() {
    if is_left_out("e2e: sparkpost types") {
        return;
    }
    let Some(receiver) = Receiver::start("e2e: sparkpost types") else { return };
    let events = golden_events();
    let ping = json!({"msys": {}});
    let batch: Vec<Value> = events.iter().flatten().cloned().chain([ping]).collect();
    let read = receiver.anymail(&batch);
    assert_eq!(read.len(), batch.len() - 1);
    for ((pair, read), (_, event_type, _)) in events.iter().zip(read.chunks(2)).zip(TYPES) {
        for (event, read) in pair.iter().zip(read) {
            check_anymail(event, read, event_type);
        }
        let is_refusal = inner(&pair[0]).get("bounce_class").is_some();
        let reason = if is_refusal { json!("invalid") } else { Value::Null };
        assert_eq!(read[0]["reject_reason"], reason, "{}", read[0]);
    }
    let mut read = receiver.post_office(&batch).into_iter();
    for ((known, _), (name, _, status)) in events.iter().map(|[a, b]| (a, b)).zip(TYPES) {
        let Some(status) = status else { continue };
        let (fields, read) = (inner(known), read.next().expect(name));
        assert_eq!((&read["raw_event"], &read["status"]), (&json!(name), &json!(status)));
        let got = ["recipient", "message_id", "subject"].map(|name| &read[name]);
        assert_eq!(got, ["rcpt_to", "message_id", "subject"].map(|name| &fields[name]));
    }
    assert_eq!(read.next(), None);
}

const MESSAGE: &str = "X-MSYS-API: {\"campaign_id\": \"november\", \"tags\": [\"cat\"],\n \
    \"metadata\": {\"city\": \"Köln\", \"age\": 7}}\nFrom: Shop <News@shop.example>\n\
    Subject: sale\nMIME-Version: 1.0\nContent-Type: text/html\n\n<html><body>\
    <a href=\"https://shop.example/?a=1&amp;b=2\">sale</a></body></html>\n";

/// A message that went out, with the link and the pixel of its copy.
struct Sent {
    message_id: String,
    html: Vec<u8>,
}

fn send(installation: &Installation, sink: &Sink) -> Sent {
    swaks::send(installation.gateway_port, "bounces@shop.example", &[ANN], MESSAGE.as_bytes());
    let mail = wait_for("the copy", PATIENCE, || {
        // smtp-sink ends a message that it took with an empty line of its own.
        sink.messages().into_iter().find(|mail| mail.ends_with(b"\n\n"))
    });
    Sent { message_id: value(&mail, "X-Sp-Message-Id"), html: part(&mail, "text/html") }
}

fn engage(sent: &Sent) {
    for name in ["src", "href"] {
        http::get(&attributes(&sent.html, name).pop().expect("it is tracked"));
    }
}

/// What every event of the message says, and what anymail reads of it.
fn check_of_message(event: &Value, read: &Value) {
    let fields = inner(event);
    assert_eq!((&fields["rcpt_to"], &read["recipient"]), (&json!("ann@example.com"), &json!(ANN)));
    assert_eq!(fields["friendly_from"], "News@shop.example");
    assert_eq!(fields["sending_domain"], "shop.example");
    assert_eq!(fields["rcpt_tags"], json!(["cat"]));
    assert_eq!(read["tags"], json!(["november"]));
    assert_eq!(read["metadata"], json!({"city": "Köln", "age": 7}));
}

#[test]
fn receivers_of_others_read_what_is_printed() {
    if is_left_out("e2e: sparkpost print") {
        return;
    }
    let Some(receiver) = Receiver::start("e2e: sparkpost print") else { return };
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let serving = installation.serve();
    let sent = send(&installation, &sink);
    engage(&sent);
    let events = wait_for("the events", PATIENCE, || {
        let text = installation.run(&["events", "--sparkpost", "--message-id", &sent.message_id]);
        let events: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (events.len() == 3).then_some(events)
    });
    let read = receiver.anymail(&events);
    let wanted = [("injection", "queued"), ("open", "opened"), ("click", "clicked")];
    assert_eq!(read.len(), wanted.len());
    for ((event, read), (name, event_type)) in events.iter().zip(&read).zip(wanted) {
        check_anymail(event, read, event_type);
        check_of_message(event, read);
        assert_eq!(inner(event)["type"], name);
    }
    assert_eq!(read[2]["click_url"], "https://shop.example/?a=1&b=2");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// A record of PowerMTA: the message was delivered, or bounced.
fn record(of_type: &str, message_id: &str, answer: &str) -> String {
    format!(
        "{of_type},{},{},{ANN},\"smtp;{answer}\",192.0.2.25,\"mx1.example.com (198.51.100.3)\",{message_id}\r\n",
        "2026-11-21 12:00:05+0000", "2026-11-21 12:00:03+0000",
    )
}

const RECORD_FIELDS: &str = "type,timeLogged,timeQueued,rcpt,dsnDiag,dlvSourceIp,dsnMta,\
    header_x-sp-message-id\r\n";

#[test]
fn receivers_of_others_read_webhooks() {
    if is_left_out("e2e: sparkpost webhooks") {
        return;
    }
    let Some(receiver) = Receiver::start("e2e: sparkpost webhooks") else { return };
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    let records = installation.folder().join("acct.csv");
    let password = installation.folder().join("password");
    fs::write(&password, "a secret").expect("write");
    let feeder = |name: &str, path: &str| {
        format!(
            "[feeder.{name}]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/{path}\"\n\
             allow_http = true\nto_private_networks = [\"127.0.0.1\"]\nauth = \"basic\"\n\
             user = \"mailwake\"\npassword_file = {password:?}\nbatch_age_ms_max = 50\n",
            receiver.port
        )
    };
    let tables = format!(
        "{}{}[delivery.source.pmta]\nformat = \"powermta\"\npath = {records:?}\n[admin]\n",
        feeder("anymail", ANYMAIL),
        feeder("post_office", POST_OFFICE)
    );
    installation.set("[admin]\n", &tables);
    let serving = installation.serve();
    let sent = send(&installation, &sink);
    let delivered = record("d", &sent.message_id, "250 2.0.0 OK");
    let bounced = record("rb", &sent.message_id, "550 5.1.1 no such user");
    fs::write(&records, RECORD_FIELDS.to_owned() + &delivered + &bounced).expect("write");
    engage(&sent);
    let read = wait_for("five events", PATIENCE, || {
        let read = receiver.told("anymail");
        (read.len() >= 5).then_some(read)
    });
    let wanted = [
        ("injection", "queued"),
        ("delivery", "delivered"),
        ("out_of_band", "bounced"),
        ("open", "opened"),
        ("click", "clicked"),
    ];
    for (name, event_type) in wanted {
        let of_type = |read: &&Value| inner(&read["esp_event"])["type"] == name;
        let [read] = read.iter().filter(of_type).collect::<Vec<_>>()[..] else {
            panic!("{name}: {read:?}")
        };
        check_anymail(&read["esp_event"], read, event_type);
        check_of_message(&read["esp_event"], read);
        let reason = if name == "out_of_band" { json!("invalid") } else { Value::Null };
        assert_eq!(read["reject_reason"], reason, "{read}");
    }
    let statuses = wait_for("five events", PATIENCE, || {
        let read = receiver.told("post_office");
        (read.len() >= 5).then_some(read)
    });
    let mut statuses: Vec<&str> =
        statuses.iter().filter_map(|event| event["status"].as_str()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["ACCEPTED", "CLICKED", "DELIVERED", "HARD_BOUNCED", "OPENED"]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
