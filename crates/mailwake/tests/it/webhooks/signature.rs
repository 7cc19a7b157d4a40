//! What a receiver checks: the examples of docs/webhooks.md, and the library of Standard
//! Webhooks, read batches that mailwake has posted.

use super::traffic::Traffic;
use crate::{
    layering::{crates, read},
    support::{
        PATIENCE,
        endpoint::{Endpoint, Plan},
        is_left_out,
        mailwake::Installation,
        mta::programs,
        process::run,
        say, wait_for,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path};

const OLD_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NEW_SECRET: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const IN_PYTHON: &str = r"
import json, sys
for case in json.load(open(sys.argv[1])):
    body = base64.b64decode(case['body'])
    print(is_ours(case['secret'], case['headers'], body))
";

const IN_JAVASCRIPT: &str = r#"
for (const one of JSON.parse(require("node:fs").readFileSync(process.argv[2]))) {
  console.log(isOurs(one.secret, one.headers, Buffer.from(one.body, "base64")) ? "True" : "False");
}
"#;

const BY_LIBRARY: &str = r"
import base64, json, sys
from standardwebhooks import WebhookVerificationError
for case in json.load(open(sys.argv[1])):
    try:
        batch = read(case['secret'], case['headers'], base64.b64decode(case['body']))
        print('msys' in batch[0])
    except WebhookVerificationError:
        print(False)
";

/// Posts a batch, and gives what came.
fn post() -> (Value, Vec<u8>) {
    let endpoint = Endpoint::start(Plan::default());
    let installation = Installation::new(9);
    let secrets = installation.folder().join("secrets");
    fs::write(&secrets, format!("{NEW_SECRET} {OLD_SECRET}\n")).expect("write secrets");
    installation.set(
        "[admin]\n",
        &format!(
            "[feeder.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook\"\n\
             allow_http = true\nto_private_networks = [\"127.0.0.1\"]\n\
             signing_secret_file = {secrets:?}\n[admin]\n",
            endpoint.port
        ),
    );
    Traffic::new(10).append(&installation, 40);
    let serving = installation.serve();
    let last = wait_for("a batch", PATIENCE, || endpoint.arrivals().last.clone());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    (json!(last.fields), last.body)
}

/// What receivers may be told, and whether it is ours.
fn cases(headers: &Value, body: &[u8]) -> Vec<(Value, &'static str)> {
    let case = |secret: &str, headers: &Value, body: &[u8]| json!({ "secret": secret, "headers": headers, "body": STANDARD.encode(body) });
    let changed = |name: &str, value: &str| {
        let mut headers = headers.clone();
        headers[name] = json!(value);
        headers
    };
    let other_body = String::from_utf8_lossy(body).replace("november", "december");
    vec![
        (case(NEW_SECRET, headers, body), "True"),
        (case(OLD_SECRET, headers, body), "True"),
        (case(OTHER_SECRET, headers, body), "False"),
        (case(NEW_SECRET, headers, other_body.as_bytes()), "False"),
        (case(NEW_SECRET, &changed("webhook-id", "another"), body), "False"),
        (case(NEW_SECRET, &changed("webhook-timestamp", "1751500800"), body), "False"),
        (case(NEW_SECRET, &changed("webhook-signature", "v1,AAAA v2,AAAA"), body), "False"),
    ]
}

/// The examples of the page, in the order in which they stand there.
fn examples(language: &str) -> Vec<String> {
    let page = read(&crates().join("../docs/webhooks.md"));
    let fence = format!("```{language}\n");
    let rest = page.split(&fence).skip(1);
    rest.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

/// Runs an example over cases, with what calls it behind it.
fn check(program: &str, name: &str, source: &str, folder: &Path, cases: &[(Value, &str)]) {
    let (script, input) = (folder.join(name), folder.join("cases.json"));
    fs::write(&script, source).expect("write the example");
    let list: Vec<&Value> = cases.iter().map(|(case, _)| case).collect();
    fs::write(&input, json!(list).to_string()).expect("write cases");
    let printed = run(program, program, [&script, &input]);
    let right: Vec<&str> = cases.iter().map(|(_, right)| *right).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), right, "{name}");
}

#[test]
fn receivers_know_batches_by_their_signature() {
    if is_left_out("webhooks: examples of receivers") {
        return;
    }
    let (headers, body) = post();
    let cases = cases(&headers, &body);
    let folder = tempfile::tempdir().expect("a folder");
    let python = examples("python");
    let [by_hand, by_library] = python.as_slice() else { panic!("{python:?}") };
    let source = format!("{by_hand}{IN_PYTHON}");
    check("python3", "by_hand.py", &source, folder.path(), &cases);
    let javascript = examples("javascript").concat();
    check("node", "by_hand.js", &format!("{javascript}{IN_JAVASCRIPT}"), folder.path(), &cases);
    let library = programs().join("standardwebhooks");
    if !library.exists() {
        say("NOT RUN: webhooks: the library of Standard Webhooks (ci/test-programs got none)");
        return;
    }
    let path = format!("import sys; sys.path.insert(0, {:?})\n", library.display().to_string());
    let source = format!("{path}{by_library}{BY_LIBRARY}");
    check("python3", "by_library.py", &source, folder.path(), &cases);
}
