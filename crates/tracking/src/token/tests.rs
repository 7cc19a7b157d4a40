use super::*;
use proptest::prelude::*;

fn ring() -> Arc<KeyRing> {
    Arc::new(KeyRing::generate([0x42; 32], "2026-11-21"))
}

fn message_id() -> MessageId {
    "0123456789abcdef0123".parse().expect("an id")
}

fn link(engagement: Engagement) -> Link {
    Link::new(message_id(), engagement)
}

fn click(target: &str) -> Link {
    link(Engagement::Click { target_url: target.into() })
}

fn seal(link: &Link, host: Option<&str>) -> String {
    Sealer::new(ring()).seal(link, host).expect("short enough")
}

fn open(token: &str, host: &str) -> Result<Link, OpenError> {
    Opener::new(ring()).open(token, host)
}

const CAMPAIGN_URL: &str = "https://shop.example/products/winter-boots?utm_source=newsletter&utm_medium=email&utm_campaign=november-2026";

/// Links with everything that a plaintext can hold, and the tokens they must give:
/// links in mail that was sent must open for years.
fn golden() -> Vec<(Link, Option<&'static str>)> {
    let mut full = click(CAMPAIGN_URL);
    full.tenant = 300;
    full.link_index = 129;
    full.expires_after = Some(Day(2_881));
    full.context =
        Some(Context { campaign_id: "november".into(), metadata: r#"{"pet":"Spot"}"#.into() });
    vec![
        (link(Engagement::Open), None),
        (link(Engagement::InitialOpen), None),
        (click("https://shop.example/"), None),
        (click(CAMPAIGN_URL), None),
        (click("http://xn--r8jz45g.xn--zckzah/%e3%83%91?é"), None),
        (link(Engagement::Unsubscribe { target_url: String::new() }), None),
        (full.clone(), None),
        (full, Some("T.example")),
    ]
}

/// Links that have names.
fn named() -> Vec<(Link, Option<&'static str>)> {
    let target_url = CAMPAIGN_URL.into();
    let unsubscribe = link(Engagement::Unsubscribe { target_url });
    let name = |name: &str, link| Link { link_name: name.into(), ..link };
    vec![
        (name("banner", click("https://shop.example/")), None),
        (name("Grüße", unsubscribe), Some("t.example")),
    ]
}

fn amp() -> Vec<(Link, Option<&'static str>)> {
    let both = golden().into_iter().chain(named());
    both.map(|(link, host)| (Link { is_amp: true, ..link }, host)).collect()
}

fn list() -> Vec<(Link, Option<&'static str>)> {
    let list =
        |target_url: &str| link(Engagement::ListUnsubscribe { target_url: target_url.into() });
    vec![(list(""), None), (list("https://shop.example/leave?u=7"), None)]
}

#[test]
fn golden_tokens_are_made_and_open() {
    check_golden("tokens.txt", &golden());
    check_golden("named_tokens.txt", &named());
    check_golden("amp_tokens.txt", &amp());
    check_golden("list_tokens.txt", &list());
    check_golden("honeypot_tokens.txt", &[(link(Engagement::Honeypot), None)]);
}

fn check_golden(file: &str, golden: &[(Link, Option<&str>)]) {
    let path = format!("{}/testdata/{file}", env!("CARGO_MANIFEST_DIR"));
    let tokens: Vec<_> = golden.iter().map(|(link, host)| seal(link, *host)).collect();
    let mut known = std::fs::read_to_string(&path).unwrap_or_default();
    if !known.ends_with(&(tokens.join("\n") + "\n")) && std::env::var_os("UPDATE_GOLDEN").is_some()
    {
        // Those that were made in another way have to open all the same.
        known += &(tokens.join("\n") + "\n");
        std::fs::write(path, &known).expect("write golden file");
    }
    for ((link, _), token) in golden.iter().cycle().zip(known.lines()) {
        assert_eq!(open(token, "t.example").as_ref(), Ok(link));
    }
    let made_last = known.lines().skip(known.lines().count() - tokens.len());
    assert_eq!(tokens, made_last.collect::<Vec<_>>());
}

#[test]
fn dictionary_is_the_frozen_one() {
    // A dictionary that changed would make every compressed link unreadable.
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, include_bytes!("dictionary_1.txt"));
    let hex: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(hex, "13e008422e0c8603e59d77c212e8cd326288ebdf08e4c08a2caf00f090f10d4c");
}

#[test]
fn token_is_short() {
    assert_eq!(seal(&link(Engagement::Open), None).len(), 40);
    assert!(seal(&click(CAMPAIGN_URL), None).len() <= 100);
}

#[test]
fn token_says_nothing_to_a_reader() {
    let octets =
        URL_SAFE_NO_PAD.decode(seal(&click("https://shop.example/"), None)).expect("base64");
    assert!(!octets.windows(4).any(|part| part == b"shop"));
    assert!(!octets.windows(10).any(|part| part == message_id().octets()));
}

#[test]
fn bound_token_opens_on_its_host_alone() {
    let token = seal(&click("https://shop.example/"), Some("T.Example"));
    assert!(open(&token, "t.example").is_ok());
    assert!(open(&token, "T.EXAMPLE").is_ok());
    assert_eq!(open(&token, "u.example"), Err(OpenError::Forged));
    assert_eq!(open(&token, ""), Err(OpenError::Forged));
}

#[test]
fn unbound_token_opens_on_any_host() {
    let token = seal(&click("https://shop.example/"), None);
    assert!(open(&token, "t.example").is_ok() && open(&token, "").is_ok());
}

#[test]
fn bound_token_cannot_pass_as_unbound() {
    let mut octets = URL_SAFE_NO_PAD
        .decode(seal(&click("https://shop.example/"), Some("t.example")))
        .expect("base64");
    octets[0] = VERSION_PLAIN << 5 | octets[0] & 0x1f;
    assert_eq!(open(&URL_SAFE_NO_PAD.encode(octets), "t.example"), Err(OpenError::Forged));
}

#[test]
fn retired_keys_open_and_do_not_seal() {
    let mut keys = KeyRing::generate([1; 32], "2026-11-21");
    let old = Sealer::new(Arc::new(KeyRing::generate([1; 32], "2026-11-21")))
        .seal(&click("https://shop.example/"), None)
        .expect("short enough");
    keys.rotate([2; 32], "2026-11-22").expect("room");
    let keys = Arc::new(keys);
    let new = Sealer::new(keys.clone()).seal(&click("https://shop.example/"), None).expect("short");
    assert_ne!(old, new);
    let mut opener = Opener::new(keys);
    assert_eq!(opener.open(&old, "").expect("old"), opener.open(&new, "").expect("new"));
    assert_eq!(
        Opener::new(Arc::new(KeyRing::generate([1; 32], "2026-11-21"))).open(&new, ""),
        Err(OpenError::UnknownKey(2))
    );
}

#[test]
fn too_long_a_target_is_refused() {
    let mut sealer = Sealer::new(ring());
    let mut state = 1_u32;
    let mut next_character = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(33 + u8::try_from((state >> 16) % 89).expect("below 89"))
    };
    let incompressible: String = (0..12_000).map(|_| next_character()).collect();
    for target in ["a".repeat(TARGET_OCTETS_MAX + 1), incompressible] {
        let octets = target.len();
        assert_eq!(sealer.seal(&click(&target), None), Err(SealError::TooLong { octets }));
    }
    assert!(sealer.seal(&click(&"a".repeat(TARGET_OCTETS_MAX)), None).is_ok());
}

/// A token with any plaintext, as only the owner of the key could make it.
fn sealed(plaintext: &[u8]) -> String {
    let head = VERSION_PLAIN << 5 | 1;
    let mut octets = plaintext.to_vec();
    ring()
        .active()
        .aead()
        .seal_in_place_append_tag(nonce(), aad(head, None, &mut Vec::new()), &mut octets)
        .expect("seal");
    octets.insert(0, head);
    URL_SAFE_NO_PAD.encode(octets)
}

#[test]
fn what_inflates_beyond_the_limit_is_refused() {
    let mut deflated = Vec::with_capacity(1 << 17);
    flate2::Compress::new(flate2::Compression::best(), false)
        .compress_vec(&vec![b'a'; 100 << 20], &mut deflated, flate2::FlushCompress::Finish)
        .expect("compress");
    let head = [[2 | TARGET_DEFLATED, 0].as_slice(), message_id().octets(), &[0]].concat();
    // The bomb itself is too long for a token; its first octets promise the same.
    let token = sealed(&[&head, &deflated[..5_000]].concat());
    assert_eq!(open(&token, ""), Err(OpenError::Content));
    let whole = sealed(&[&head, deflated.as_slice()].concat());
    assert_eq!(open(&whole, ""), Err(OpenError::Malformed));
}

#[test]
fn sealed_nonsense_is_refused() {
    for plaintext in
        [b"".as_slice(), &[2], &[2, 0x80], &[15; 14], &[2 | TARGET_ENCODING; 20], &[0x22; 14]]
    {
        assert_eq!(open(&sealed(plaintext), ""), Err(OpenError::Content), "{plaintext:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let long = "A".repeat(TOKEN_CHARACTERS_MAX + 1);
    for text in ["", "favicon.ico", "!!!!", "I", "IQ", long.as_str()] {
        assert_eq!(open(text, ""), Err(OpenError::Malformed), "{text:?}");
    }
    assert_eq!(open(&"_".repeat(80), ""), Err(OpenError::Version(7)));
    assert_eq!(open(&["Pw".into(), "A".repeat(78)].concat(), ""), Err(OpenError::UnknownKey(31)));
}

proptest! {
    #[test]
    fn any_link_opens_as_it_was_sealed(
        target in "\\PC{0,300}", tenant: u64, index: u32, day: Option<u16>, kind in 0..5_u8,
        is_amp: bool,
        octets: [u8; 10], host in proptest::option::of("[a-z]{1,9}\\.example"),
        context in proptest::option::of(("\\PC{0,64}", "\\PC{0,200}")), name in "\\PC{0,20}",
    ) {
        let has_name = (2..4).contains(&kind) && !target.is_empty();
        let sealed = Link {
            tenant: tenant >> 1,
            message_id: MessageId::from_octets(octets),
            link_index: index,
            is_amp: is_amp && kind < 4,
            link_name: if has_name { name } else { String::new() },
            expires_after: day.map(Day),
            context: context.map(|(campaign_id, metadata)| Context { campaign_id, metadata }),
            engagement: match kind {
                0 => Engagement::Open,
                1 => Engagement::InitialOpen,
                2 => Engagement::Click { target_url: target },
                3 => Engagement::Unsubscribe { target_url: target },
                _ => Engagement::ListUnsubscribe { target_url: target },
            },
        };
        let token = seal(&sealed, host.as_deref());
        prop_assert_eq!(open(&token, host.as_deref().unwrap_or("other")), Ok(sealed));
    }

    #[test]
    fn flipped_bits_never_open(bits in proptest::collection::vec(0..8_000_usize, 1..5), host: bool) {
        let token = seal(&click(CAMPAIGN_URL), host.then_some("t.example"));
        let mut octets = URL_SAFE_NO_PAD.decode(&token).expect("base64");
        let whole = octets.clone();
        for bit in bits {
            let bit = bit % (octets.len() * 8);
            octets[bit / 8] ^= 1 << (bit % 8);
        }
        prop_assume!(octets != whole);
        prop_assert!(open(&URL_SAFE_NO_PAD.encode(&octets), "t.example").is_err());
    }

    #[test]
    fn truncated_or_longer_tokens_never_open(keep in 0..100_usize, more in "[A-Za-z0-9_-]{1,40}") {
        let token = seal(&click(CAMPAIGN_URL), None);
        prop_assume!(keep < token.len());
        prop_assert!(open(&token[..keep], "").is_err());
        prop_assert!(open(&[&token, more.as_str()].concat(), "").is_err());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_=-]{0,200}") {
        prop_assert!(open(&text, "t.example").is_err());
    }
}
