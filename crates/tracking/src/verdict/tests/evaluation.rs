//! The evaluation set: how many people are taken for machines, and how many machines are
//! found. The confusion table stands in `docs/verdicts.md`; `UPDATE_GOLDEN=1` writes it.

use super::super::settle::settle;
use super::*;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write, fs};

const SEQUENCES: &str = include_str!("../../../testdata/verdicts/sequences.toml");

const NETWORKS: &str = "[[network]]\nname = \"gate\"\nkind = \"scanner\"\n\
    networks = [\"192.0.2.128/25\"]\n\
    [[network]]\nname = \"cloud\"\nkind = \"datacenter\"\nnetworks = [\"203.0.113.128/25\"]";

#[derive(Deserialize)]
struct Set {
    agents: BTreeMap<String, String>,
    human: Vec<Sequence>,
    machine: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    name: String,
    steps: Vec<String>,
}

/// What is behind a request, and what it was found to be.
struct Outcome {
    truth: Verdict,
    found: Judgement,
}

/// `1h2m3.5s`, in milliseconds.
fn duration_ms(text: &str) -> i64 {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut all = 0.0;
    while let Some(end) = rest.find(|one: char| one.is_ascii_alphabetic()) {
        let number: f64 = rest[..end].parse().expect("a number");
        all += number
            * match &rest[end..=end] {
                "d" => 86_400_000.0,
                "h" => 3_600_000.0,
                "m" => 60_000.0,
                "s" => 1_000.0,
                unit => panic!("{unit:?} in {text:?}"),
            };
        rest = &rest[end + 1..];
    }
    (sign * all) as i64
}

fn run(
    sequence: &Sequence,
    agents: &BTreeMap<String, String>,
    known: &Recognition,
) -> Vec<Outcome> {
    let mut heads: Vec<(i64, IpAddr, &str)> = Vec::new();
    let (mut truths, mut sightings) = (Vec::new(), Vec::new());
    for step in &sequence.steps {
        let [at, what, from, agent, truth] = step.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{step}")
        };
        let (at, from) = (duration_ms(at), address(from));
        let user_agent = agents[agent].as_str();
        let (what, link) = what.split_once(':').unwrap_or((what, "99"));
        let link = link.parse().expect("a link's number");
        let (purpose, deed) = match what {
            "head" => {
                heads.push((at, from, user_agent));
                continue;
            }
            "open" => (Purpose::Open, Deed::Open),
            "click" | "unsubscribe" | "prefetch" => (Purpose::Click, Deed::Click(link)),
            "honeypot" => (Purpose::Honeypot, Deed::Honeypot),
            "wish" => (Purpose::Click, Deed::Wish),
            other => panic!("{other}"),
        };
        let follows_head = heads
            .iter()
            .any(|(head, of, by)| at - head <= HEAD_MS_MAX && (*of, *by) == (from, user_agent));
        let first = match deed {
            Deed::Wish => Judgement::default(),
            _ => {
                let is_declared_prefetch = what == "prefetch";
                let address = from;
                let age_ms = Some(at);
                let request = Request {
                    purpose,
                    user_agent,
                    address,
                    age_ms,
                    is_declared_prefetch,
                    follows_head,
                };
                judge(&request, known)
            }
        };
        let agent = agents.keys().position(|name| name == agent).expect("known");
        let agent = u32::try_from(agent).expect("a few");
        sightings.push(Sighting { at: Timestamp(at), deed, address: Some(from), agent, first });
        truths.push(Verdict::from_name(truth).expect("a verdict"));
    }
    let found = settle(&sightings);
    truths.into_iter().zip(found).map(|(truth, found)| Outcome { truth, found }).collect()
}

fn is_right(outcome: &Outcome) -> bool {
    outcome.truth.is_machine() == outcome.found.verdict.is_machine()
}

#[test]
fn people_stay_people_and_machines_are_found() {
    let set: Set = toml::from_str(SEQUENCES).expect("the evaluation set");
    let known = Recognition::new(None, Some(NETWORKS)).expect("right");
    let mut outcomes = Vec::new();
    let mut wrong = Vec::new();
    for sequence in &set.human {
        let of_this = run(sequence, &set.agents, &known);
        for (place, one) in of_this.iter().enumerate() {
            if !is_right(one) {
                wrong.push(format!("{}, step {place}: {:?}", sequence.name, one.found));
            }
        }
        outcomes.extend(of_this);
    }
    assert!(
        wrong.is_empty(),
        "people taken for machines, or machines beside them for people:\n{}",
        wrong.join("\n")
    );
    let mut missed = Vec::new();
    for sequence in &set.machine {
        let of_this = run(sequence, &set.agents, &known);
        if !of_this.iter().all(is_right) {
            missed.push(sequence.name.as_str());
        }
        outcomes.extend(of_this);
    }
    let (people, machines) = (set.human.len(), set.machine.len());
    assert!(people >= 60 && machines >= 60, "{people} of people, {machines} of machines");
    let unexpected: Vec<_> = missed.iter().filter(|name| !name.starts_with("missed: ")).collect();
    assert!(unexpected.is_empty(), "missed: {unexpected:#?}");
    assert!((machines - missed.len()) * 100 >= machines * 95, "{missed:#?}");
    check_table(&table(&set, &outcomes, missed.len()));
}

fn table(set: &Set, outcomes: &[Outcome], missed: usize) -> String {
    let (people, machines) = (set.human.len(), set.machine.len());
    let mut text = format!(
        "{people} sequences with a person in them: no request of a person is taken for a \
         machine's.\n{machines} sequences of machines alone: {} are found, {missed} are not \
         ({:.1} %).\n\n| requests that are in truth | {} |\n|---|{}\n",
        machines - missed,
        (machines - missed) as f64 * 100.0 / machines as f64,
        Verdict::ALL.map(|found| format!("found: {}", found.name())).join(" | "),
        "---:|".repeat(Verdict::ALL.len()),
    );
    for truth in Verdict::ALL {
        let of = |found| {
            let is = |one: &&Outcome| one.truth == truth && one.found.verdict == found;
            outcomes.iter().filter(is).count().to_string()
        };
        writeln!(text, "| {} | {} |", truth.name(), Verdict::ALL.map(of).join(" | "))
            .expect("a String takes every write");
    }
    text
}

/// Holds the table in the documentation to what was found.
fn check_table(table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verdicts.md");
    let (begin, end) = ("<!-- confusion -->\n", "<!-- /confusion -->");
    let page = fs::read_to_string(path).expect("docs/verdicts.md");
    let (head, rest) = page.split_once(begin).expect("the begin of the table");
    let (stands, tail) = rest.split_once(end).expect("the end of the table");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, format!("{head}{begin}{table}{end}{tail}")).expect("write");
    } else {
        assert_eq!(stands, table, "run with UPDATE_GOLDEN=1");
    }
}
