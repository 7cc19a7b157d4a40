//! Endpoints that fail as endpoints do, and mailwake killed again and again while it feeds them.
//! In the end each event has arrived or stands in the dead letters, arrivals that could have
//! been avoided are few, and the events of a message came in their order.

use super::traffic::{BAD, Traffic};
use crate::support::{
    endpoint::{Endpoint, Plan, mix},
    is_left_out,
    mailwake::{Installation, Serving},
    say, wait_for,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// Events of a batch, for both feeders.
const BATCH_EVENTS_MAX: usize = 100;

/// A run, and how long it may take.
struct Run {
    events: usize,
    messages: usize,
    kills: usize,
    /// How many events may arrive again whose first arrival was answered: a kill comes between
    /// the answer and what is noted of it.
    again_max: usize,
    patience: Duration,
}

/// A feeder and the endpoint that it feeds.
struct Fed {
    name: &'static str,
    endpoint: Endpoint,
}

#[test]
fn nothing_is_lost_by_an_endpoint_that_fails_nor_by_five_kills() {
    if is_left_out("webhooks: an endpoint that fails") {
        return;
    }
    let (events, messages) = (20_000, 500);
    // One batch each.
    let again_max = 5 * BATCH_EVENTS_MAX;
    let patience = Duration::from_secs(240);
    Run { events, messages, kills: 5, again_max, patience }.run();
}

/// `make faults` runs it.
#[test]
#[ignore = "takes minutes"]
fn nothing_is_lost_of_200_000_events_by_twenty_kills() {
    let (events, messages) = (200_000, 4_000);
    // Under one of a hundred.
    let (again_max, patience) = (events / 100 - 1, Duration::from_secs(1_800));
    Run { events, messages, kills: 20, again_max, patience }.run();
}

impl Run {
    fn run(&self) {
        let seed = seed();
        say(&format!("seed {seed}; set MAILWAKE_FAULTS_SEED to have it again"));
        let feds = ["hook", "ingest"].map(|name| {
            let seed = mix(seed ^ name.len() as u64);
            let plan = Plan { seed, faults_per_mille: 150, bad: Some(BAD), ..Plan::default() };
            Fed { name, endpoint: Endpoint::start(plan) }
        });
        let installation = Installation::new(9);
        configure(&installation, &feds);
        let mut traffic = Traffic::new(self.messages);
        let begun = Instant::now();
        // What comes while it is down, and is there when it starts.
        traffic.append(&installation, self.events / 2);
        let mut serving = installation.serve();
        for kill in 0..self.kills {
            self.wait_for_load(&feds, &traffic, mix(seed.wrapping_add(kill as u64)));
            serving.kill();
            traffic.append(&installation, self.events / 2 / self.kills);
            serving = installation.serve();
        }
        for fed in &feds {
            let dead = self.wait_for_the_end(fed, &traffic, &installation);
            fed.check(&traffic, &dead, self.again_max);
        }
        say(&format!("{} events in {:?}", traffic.expected(), begun.elapsed()));
        stop(serving);
    }

    /// Until further batches have come: the next kill is under load, at a moment of chance.
    fn wait_for_load(&self, feds: &[Fed], traffic: &Traffic, random: u64) {
        let share = traffic.expected() / (self.kills + 1) / 2;
        let arrived = || feds.iter().map(|fed| fed.endpoint.arrivals().count()).sum::<usize>();
        let until = arrived() + 1 + random as usize % share.max(1);
        let until = until.min(feds.len() * traffic.expected() - share);
        wait_for("further batches", self.patience, || (arrived() >= until).then_some(()));
        std::thread::park_timeout(Duration::from_millis(random >> 32 & 0x7f));
    }

    /// Until each event has arrived or is a dead letter. Gives the dead letters.
    fn wait_for_the_end(
        &self,
        fed: &Fed,
        traffic: &Traffic,
        installation: &Installation,
    ) -> BTreeSet<String> {
        let bad = traffic.bad.len();
        wait_for(&format!("all events at {}", fed.name), self.patience, || {
            let missing = traffic.expected() - fed.endpoint.arrivals().count();
            (missing <= bad).then_some(())
        });
        wait_for(&format!("the dead letters of {}", fed.name), self.patience, || {
            let dead = dead_letters(installation, fed.name);
            (dead.len() >= bad).then_some(dead)
        })
    }
}

impl Fed {
    fn check(&self, traffic: &Traffic, dead: &BTreeSet<String>, again_max: usize) {
        let arrivals = self.endpoint.arrivals();
        let (name, count) = (self.name, arrivals.count());
        say(&format!(
            "{name}: {count} events, {} dead letters, {} arrivals again that were told, {} that \
             were not; answers {:?}",
            dead.len(),
            arrivals.duplicates,
            arrivals.repeated,
            arrivals.answers
        ));
        assert_eq!(arrivals.wrong, Vec::<String>::new(), "{name}");
        assert_eq!(*dead, traffic.bad, "{name}: the dead letters are those that were refused");
        let mut known = 0;
        for (message, expected) in &traffic.expected {
            let right: Vec<&String> = expected.iter().filter(|id| !dead.contains(*id)).collect();
            let came: Vec<&String> = arrivals.of_message(message).iter().collect();
            assert_eq!(came, right, "{name}: events of {message}, as they came first");
            known += right.len();
        }
        assert_eq!(count, known, "{name}: events that nobody has sent");
        let again = arrivals.duplicates as usize;
        assert!(again <= again_max, "{name}: {again} of {count} have come again");
    }
}

fn seed() -> u64 {
    let given = std::env::var("MAILWAKE_FAULTS_SEED").ok();
    given.map_or_else(|| u64::from(std::process::id()), |text| text.parse().expect("a number"))
}

fn configure(installation: &Installation, feds: &[Fed; 2]) {
    let key = installation.folder().join("api.key");
    std::fs::write(&key, "not-a-secret").expect("write the key");
    let common = format!(
        "allow_http = true\ntimeout_seconds = 1\nbatch_age_ms_max = 200\n\
                  retry_pause_ms = 100\nbatch_events_max = {BATCH_EVENTS_MAX}\n"
    );
    installation.set(
        "[admin]\n",
        &format!(
            "[feeder.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook\"\n\
             to_private_networks = [\"127.0.0.0/8\"]\nrefused_minutes = 0\n\
             {common}\
             [feeder.ingest]\nkind = \"ingest\"\nurl = \"http://127.0.0.1:{}\"\n\
             api_key_file = {key:?}\n{common}\
             [admin]\n",
            feds[0].endpoint.port, feds[1].endpoint.port
        ),
    );
}

/// The ids of the events that were put aside.
fn dead_letters(installation: &Installation, name: &str) -> BTreeSet<String> {
    let printed = installation.run(&["feeders", "dead-letters", name, "--json"]);
    let id = |line: &str| {
        let letter: Value = serde_json::from_str(line).expect("a line of JSON");
        letter["event"]["event_id"].as_str().expect("an event with an id").to_owned()
    };
    printed.lines().map(id).collect()
}

fn stop(serving: Serving) {
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
