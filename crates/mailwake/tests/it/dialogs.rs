//! Conversations with the gateway, as files: `tests/dialogs/NAME.smtp`, named for the rule
//! that they show. Each runs against the real gateway, with a real event log, between a
//! client and an upstream that do what the file says, line by line:
//!
//! | line | means |
//! |---|---|
//! | `# …` | why, and where it is written |
//! | `# settings: KEY=VALUE …` | how this gateway is configured (`script::Settings`) |
//! | `C: LINE` | the client sends the line; several in a row go in one segment |
//! | `S: LINE` | the client must get this line |
//! | `U: LINE` | upstream must get this line, as it goes over the wire |
//! | `u: LINE` | upstream sends the line; several in a row go in one segment |
//! | `L: TYPE ID …` | the event log must have this event next |
//! | `M: (stops)` | the gateway is told to stop; `M: (stopped)`: it must have stopped |
//! | `C: (connects)` | another session, where the first one begins by itself |
//! | `C: (closes)` | the client closes; `u: (closes)`: upstream does |
//! | `C: (starts TLS)` | the client begins a handshake; `u: (starts TLS)`: upstream takes part in one |
//! | `C: (fails TLS)` | the same, and the handshake must fail; `u: (fails TLS)` |
//! | `u: (accepts)` | the gateway must connect to upstream again, behind a connection that ended |
//! | `S: (closed)` | the client must see the end; `U: (closed)`: upstream must |
//! | `S: (nothing)` | nothing has come to the client so far; `U: (nothing)`: to upstream |
//!
//! A line in quotes stands for octets, without a line end of its own: `'a\nb\r\n'`, and
//! `'abc' * 100` for many. What differs each time is shown by a placeholder, the same value
//! by the same one: message ids as `{id 1}`, tracked links and pixels as `{link 1}`, long
//! numbers as `{number 1}`, the date of a notification as `{date}`.
//!
//! What a side gets and no line expects is a failure, also behind the last line; there,
//! only the gateway's own QUIT to upstream is passed over. So what must not reach upstream
//! is simply not there.

mod mask;
mod peer;
mod player;
mod script;
mod stage;

use player::{Failure, play};
use script::Script;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// How long a line may take to come.
const LINE_DEADLINE: Duration = Duration::from_secs(20);

/// Dialogs that run at the same time. They wait more than they work.
const AT_ONCE: usize = 8;

#[test]
fn every_dialog_goes_as_written() {
    let runtime = runtime();
    let files = Mutex::new(files());
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(file) = files.lock().expect("no thread panics").pop() else { return };
            if let Err(failure) = check(&runtime, &file) {
                failures.lock().expect("no thread panics").push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().expect("no thread panics");
    failures.sort();
    assert!(failures.is_empty(), "{} dialogs fail:\n{}", failures.len(), failures.join("\n"));
}

fn check(runtime: &Runtime, file: &Path) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    play_text(runtime, &text, LINE_DEADLINE).map_err(|failure| format!("{name}:{failure}"))
}

fn play_text(runtime: &Runtime, text: &str, deadline: Duration) -> Result<(), Failure> {
    let script = Script::parse(text).map_err(|mistake| Failure::in_script(&mistake))?;
    play(runtime, &script, deadline)
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs");
    let entries = fs::read_dir(folder).expect("list dialogs");
    let files: Vec<_> = entries
        .map(|entry| entry.expect("a dialog").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "smtp"))
        .collect();
    assert!(!files.is_empty(), "there are no dialogs");
    files
}

/// The gateway blocks in place for large messages, which needs more than one thread.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The failure of a dialog, with short patience.
#[track_caller]
fn check_fails(text: &str, failure: &str) {
    let played = play_text(&runtime(), text, Duration::from_millis(200));
    assert_eq!(played.map_err(|failure| failure.to_string()), Err(failure.to_owned()));
}

#[test]
fn another_line_fails() {
    check_fails(
        "u: 220 ready\nS: 220 read\n",
        "2: expected \"220 read\\r\\n\", got \"220 ready\\r\\n\"",
    );
}

#[test]
fn other_octets_fail() {
    check_fails(
        "u: 220 hi\nS: '220 ho\\r\\n'\n",
        "2: expected \"220 ho\\r\\n\", got \"220 hi\\r\\n\"",
    );
}

#[test]
fn a_line_that_does_not_come_fails() {
    check_fails("u: 220 hi\nS: 220 hi\nS: 250 ok\n", "3: expected \"250 ok\\r\\n\", got nothing");
}

#[test]
fn a_line_that_nobody_expects_fails() {
    check_fails(
        "u: 220 hi\nS: 220 hi\nC: NOOP\n",
        "4: expected nothing more for upstream, got \"NOOP\\r\\n\"",
    );
    check_fails(
        "u: 220 hi\nC: QUIT\nU: QUIT\nu: 221 bye\n",
        "5: expected nothing more for the client, got \"220 hi\\r\\n\"",
    );
}

#[test]
fn an_end_that_does_not_come_fails() {
    check_fails("u: 220 hi\nS: 220 hi\nS: (closed)\n", "3: expected the end, got nothing");
}

#[test]
fn an_event_that_is_not_there_fails() {
    check_fails(
        "u: 220 hi\nS: 220 hi\nL: bounce {id 1}\n",
        "3: expected bounce {id 1}, got no event",
    );
}

#[test]
fn a_line_of_no_role_fails() {
    check_fails(
        "u: 220 hi\nX: what\n",
        "2: expected C, S, U, u, L or M before a colon, got \"X: what\"",
    );
}
