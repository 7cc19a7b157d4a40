//! Plays a dialog, line by line, until one is not as it is written.

use super::{
    mask::Masks,
    peer::{Got, Peer},
    script::{Action, Expected, Mistake, Script, Side},
    stage::Stage,
};
use std::{fmt, io, time::Duration};
use tokio::runtime::Runtime;

/// Where a dialog did not go as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    line: usize,
    expected: String,
    actual: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.line, self.expected, self.actual)
    }
}

impl Failure {
    /// A line that cannot be played.
    pub(super) fn in_script(mistake: &Mistake) -> Self {
        Self {
            line: mistake.line,
            expected: mistake.right.into(),
            actual: format!("{:?}", mistake.found),
        }
    }
}

/// What was expected and what came instead.
type Mismatch = (String, String);

/// Plays a dialog. `deadline` is the time that each line may take.
pub(super) fn play(runtime: &Runtime, script: &Script, deadline: Duration) -> Result<(), Failure> {
    let stage = Stage::set(runtime, &script.settings);
    let mut player = Player {
        client: stage.connect(deadline),
        upstream: None,
        stage,
        deadline,
        masks: Masks::default(),
        events: None,
    };
    for step in &script.steps {
        player.act(&step.action).map_err(|mismatch| failure(step.line, mismatch))?;
    }
    player.finish().map_err(|mismatch| failure(script.end, mismatch))
}

fn failure(line: usize, (expected, actual): Mismatch) -> Failure {
    Failure { line, expected, actual }
}

struct Player<'r> {
    stage: Stage<'r>,
    client: Peer,
    /// The gateway's connection, from its first line on.
    upstream: Option<Peer>,
    deadline: Duration,
    masks: Masks,
    /// How many events were expected; none while the dialog tells of no event.
    events: Option<usize>,
}

impl Player<'_> {
    fn act(&mut self, action: &Action) -> Result<(), Mismatch> {
        match action {
            Action::Sends(side, octets) => self.peer(*side).send(octets),
            Action::Closes(side) => self.peer(*side).close(),
            Action::Gets(side, expected) => return self.get(*side, expected),
            Action::StartsTls(side) => {
                let shaken = self.shake(*side);
                return shaken.map_err(|error| ("TLS".into(), error.to_string()));
            }
            Action::FailsTls(side) => {
                if self.shake(*side).is_ok() {
                    return Err(("a handshake that fails".into(), "TLS".into()));
                }
            }
            Action::SeesEnd(side) => {
                let got = self.peer(*side).line();
                return self.check_end(&got, "the end");
            }
            Action::HearsNothing(side) => {
                if self.peer(*side).has_input() {
                    let got = self.peer(*side).line();
                    return Err(("nothing".into(), self.shown(&got)));
                }
            }
            Action::Accepts => self.upstream = Some(self.stage.accept(self.deadline)),
            Action::Connects => {
                self.finish_session()?;
                self.client = self.stage.connect(self.deadline);
            }
            Action::Stops => self.stage.stop(),
            Action::HasStopped => {
                let stopped = self.stage.wait_until_stopped(self.deadline);
                return stopped.map_err(|actual| ("the gateway's end".into(), actual));
            }
            Action::Logs(expected) => return self.log(expected),
        }
        Ok(())
    }

    fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => self.upstream.get_or_insert_with(|| self.stage.accept(self.deadline)),
        }
    }

    fn shake(&mut self, side: Side) -> io::Result<()> {
        match side {
            Side::Client => self.client.connect_tls(self.stage.certificate()),
            Side::Upstream => {
                let stage = &self.stage;
                let upstream = self.upstream.get_or_insert_with(|| stage.accept(self.deadline));
                upstream.accept_tls(stage.upstream_certificate())
            }
        }
    }

    fn get(&mut self, side: Side, expected: &Expected) -> Result<(), Mismatch> {
        match expected {
            Expected::Octets(octets) => {
                let got = self.peer(side).octets(octets.len());
                match &got {
                    Got::Octets(actual) if actual == octets => Ok(()),
                    _ => Err((quoted(octets), shown_octets(&got))),
                }
            }
            Expected::Line(line) => {
                let got = self.peer(side).line();
                let (expected, actual) =
                    (quoted(format!("{line}\r\n").as_bytes()), self.shown(&got));
                if actual == expected { Ok(()) } else { Err((expected, actual)) }
            }
        }
    }

    fn log(&mut self, expected: &str) -> Result<(), Mismatch> {
        let at = self.events.unwrap_or(0);
        let actual = self.stage.events().get(at).map(|event| self.masks.mask(event));
        if actual.as_deref() != Some(expected) {
            let actual = actual.unwrap_or_else(|| "no event".into());
            return Err((expected.to_owned(), actual));
        }
        self.events = Some(at + 1);
        Ok(())
    }

    /// Nothing may be left over when a dialog ends.
    fn finish(mut self) -> Result<(), Mismatch> {
        self.finish_session()?;
        self.stage.stop();
        let stopped = self.stage.wait_until_stopped(self.deadline);
        stopped.map_err(|actual| ("the gateway's end".to_owned(), actual))?;
        if let Some(number) = self.events
            && let Some(event) = self.stage.events().get(number)
        {
            return Err(("no further event".into(), self.masks.mask(event)));
        }
        Ok(())
    }

    /// Ends the session. The gateway may take leave of upstream, and nothing else.
    fn finish_session(&mut self) -> Result<(), Mismatch> {
        self.client.close();
        if let Some(mut upstream) = self.upstream.take() {
            let mut got = upstream.line();
            if got == Got::Octets(b"QUIT\r\n".to_vec()) {
                got = upstream.line();
            }
            self.check_end(&got, "nothing more for upstream")?;
        }
        let got = self.client.line();
        self.check_end(&got, "nothing more for the client")
    }

    fn check_end(&mut self, got: &Got, expected: &str) -> Result<(), Mismatch> {
        match got {
            Got::End => Ok(()),
            got => Err((expected.into(), self.shown(got))),
        }
    }

    /// What came, with placeholders.
    fn shown(&mut self, got: &Got) -> String {
        match got {
            Got::Octets(octets) => match std::str::from_utf8(octets) {
                Ok(text) if text.ends_with("\r\n") => {
                    let line = text.strip_suffix("\r\n").unwrap_or(text);
                    quoted(format!("{}\r\n", self.masks.mask(line)).as_bytes())
                }
                _ => quoted(octets),
            },
            got => shown_octets(got),
        }
    }
}

fn shown_octets(got: &Got) -> String {
    match got {
        Got::Octets(octets) => quoted(octets),
        Got::End => "the end".into(),
        Got::Nothing => "nothing".into(),
    }
}

/// Octets in a form that shows each of them, cut where they are many.
fn quoted(octets: &[u8]) -> String {
    const SHOWN_MAX: usize = 400;
    let shown = octets[..octets.len().min(SHOWN_MAX)].escape_ascii();
    match octets.len() {
        ..=SHOWN_MAX => format!("\"{shown}\""),
        many => format!("\"{shown}…\" ({many} octets)"),
    }
}
