use super::super::settle::{REACH_MS, settle};
use super::*;
use proptest::prelude::*;

fn sighting(at: i64, deed: Deed, from: &str, agent: u32) -> Sighting {
    let address = Some(address(from));
    Sighting { at: Timestamp(at), deed, address, agent, first: Judgement::default() }
}

fn verdicts(sightings: &[Sighting]) -> Vec<Verdict> {
    settle(sightings).into_iter().map(|judgement| judgement.verdict).collect()
}

#[test]
fn links_at_once_are_a_scanner_s() {
    let at = |ms, link| sighting(ms, Deed::Click(link), "192.0.2.1", 1);
    assert_eq!(verdicts(&[at(0, 0), at(500, 1)]), [Verdict::Scanner; 2]);
    assert_eq!(verdicts(&[at(0, 0), at(501, 1)]), [Verdict::Human; 2]);
    assert_eq!(verdicts(&[at(0, 0), at(1_000, 1), at(2_000, 2)]), [Verdict::Scanner; 3]);
    assert_eq!(verdicts(&[at(0, 0), at(1, 0), at(2, 0)]), [Verdict::Human; 3]);
}

#[test]
fn two_readers_at_once_stay_readers() {
    let one = sighting(0, Deed::Click(0), "192.0.2.1", 1);
    let other = sighting(100, Deed::Click(1), "198.51.100.1", 1);
    assert_eq!(verdicts(&[one, other]), [Verdict::Human; 2]);
}

#[test]
fn first_verdicts_of_machines_stay() {
    let bot = Judgement { verdict: Verdict::Bot, reasons: names(&["agent:curl"]) };
    let at = |ms| Sighting { first: bot.clone(), ..sighting(ms, Deed::Open, "192.0.2.1", 1) };
    assert_eq!(settle(&[at(0), at(1)]), [bot.clone(), bot.clone()]);
}

#[test]
fn wishes_are_never_a_machine_s() {
    let trap = sighting(0, Deed::Honeypot, "192.0.2.1", 1);
    let wish = sighting(1, Deed::Wish, "192.0.2.1", 1);
    assert_eq!(verdicts(&[trap, wish]), [Verdict::Scanner, Verdict::Human]);
}

#[test]
fn a_scanner_does_not_taint_by_a_chain() {
    let scanner = Judgement { verdict: Verdict::Scanner, reasons: names(&["network:gate"]) };
    let open = |ms| sighting(ms, Deed::Open, "192.0.2.1", 1);
    let first = Sighting { first: scanner, ..open(0) };
    let found = verdicts(&[first, open(30_000), open(60_000)]);
    assert_eq!(found, [Verdict::Scanner, Verdict::Scanner, Verdict::Human]);
}

#[test]
fn agents_tell_where_no_address_was_kept() {
    let at = |ms, link, agent| Sighting {
        address: None,
        ..sighting(ms, Deed::Click(link), "192.0.2.1", agent)
    };
    assert_eq!(verdicts(&[at(0, 0, 1), at(1, 1, 1)]), [Verdict::Scanner; 2]);
    assert_eq!(verdicts(&[at(0, 0, 1), at(1, 1, 2)]), [Verdict::Human; 2]);
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    let deed = prop_oneof![
        Just(Deed::Open),
        (0..4_i64).prop_map(Deed::Click),
        Just(Deed::Honeypot),
        Just(Deed::Wish)
    ];
    let verdict = prop_oneof![Just(Verdict::Human), Just(Verdict::Scanner), Just(Verdict::Bot)];
    (0..2_000_000_i64, deed, 0..3_u8, 0..2_u32, verdict).prop_map(
        |(at, deed, host, agent, verdict)| Sighting {
            first: Judgement { verdict, reasons: Vec::new() },
            ..sighting(at, deed, &format!("192.0.{host}.1"), agent)
        },
    )
}

proptest! {
    /// The order in which events arrive, and what is far away, make no difference.
    #[test]
    fn settled_verdicts_depend_on_what_is_near_alone(
        sightings in proptest::collection::vec(any_sighting(), 1..12),
        turn in 0_usize..12,
    ) {
        let mut turned = sightings.clone();
        turned.rotate_left(turn % sightings.len());
        let found = settle(&sightings);
        let of_turned = settle(&turned);
        for (index, sighting) in sightings.iter().enumerate() {
            let place = (index + sightings.len() - turn % sightings.len()) % sightings.len();
            prop_assert_eq!(found[index].verdict, of_turned[place].verdict);
            let near: Vec<_> = sightings
                .iter()
                .filter(|other| (other.at.0 - sighting.at.0).abs() <= REACH_MS)
                .cloned()
                .collect();
            let alone = settle(&near);
            let here = near.iter().position(|other| other == sighting).expect("itself");
            prop_assert_eq!(found[index].verdict, alone[here].verdict);
        }
    }
}
