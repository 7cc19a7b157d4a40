use super::*;
use crate::rewrite::{IdField, LinkRequest, Plan, Signature, TrackedCopy};
use ListUnsubscribe::{Add, Proxy};
use UnsubscribeOutcome::{Added, AddedWithoutPost, LeftAlone, NotWanted, Proxied};

/// Links that say what they stand for.
struct Fake {
    base: String,
    mailto: Option<&'static str>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { base: "https://t.example/".into(), mailto: None }
    }
}

impl Links for Fake {
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool {
        url.push_str(&format!("{}c{}", self.base, link.link_index));
        true
    }

    fn open(&mut self, _: bool, _: &mut String) -> bool {
        false
    }

    fn initial_open(&mut self, _: bool, _: &mut String) -> bool {
        false
    }

    fn list_unsubscribe(&mut self, target_url: &str, _: usize, url: &mut String) -> bool {
        url.push_str(&format!("{}u?{}", self.base, target_url.len()));
        !self.base.is_empty()
    }

    fn list_unsubscribe_mailto(&self) -> Option<String> {
        self.mailto.map(str::to_owned)
    }
}

fn decision(list_unsubscribe: ListUnsubscribe) -> Decision {
    let tracking_urls = vec!["https://t.example/".to_owned()];
    Decision { list_unsubscribe, tracking_urls, ..Decision::off() }
}

fn copy<'m>(message: &'m str, decision: &Decision, mut links: Fake) -> TrackedCopy<'m> {
    let copy = Plan::new(message.as_bytes(), decision).copy(None, &mut links);
    assert!(!copy.report.safety_net);
    copy
}

fn check_with(
    links: Fake,
    decision: &Decision,
    header: &str,
    expected: &str,
    outcome: UnsubscribeOutcome,
) {
    let message = format!("{header}From: a@b.example\r\n\r\nx");
    let copy = copy(&message, decision, links);
    assert_eq!(copy.report.list_unsubscribe, outcome, "{header:?}");
    let text = String::from_utf8_lossy(&copy.octets).into_owned();
    assert_eq!(text, format!("{expected}From: a@b.example\r\n\r\nx"), "{header:?}");
}

fn check(mode: ListUnsubscribe, header: &str, expected: &str, outcome: UnsubscribeOutcome) {
    check_with(Fake::default(), &decision(mode), header, expected, outcome);
}

fn check_kept(mode: ListUnsubscribe, header: &str, reason: UnsubscribeReason) {
    check(mode, header, header, LeftAlone(reason));
}

const OURS: &str = "List-Unsubscribe: <https://t.example/u?0>\r\n\
                    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

const POST: &str = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

#[test]
fn message_without_the_field_gets_it() {
    check(ListUnsubscribe::Off, "", "", NotWanted);
    check(Add, "", OURS, Added);
    check(Proxy, "", OURS, Added);
    let links = || Fake { mailto: Some("mailto:x@t.example"), ..Fake::default() };
    let expected = OURS.replacen(">\r\n", ">,\r\n <mailto:x@t.example>\r\n", 1);
    check_with(links(), &decision(Add), "", &expected, Added);
}

#[test]
fn one_click_is_promised_with_https_alone() {
    let links = || Fake { base: "http://t.example/".into(), ..Fake::default() };
    let expected = "List-Unsubscribe: <http://t.example/u?0>\r\n";
    check_with(links(), &decision(Add), "", expected, AddedWithoutPost);
    let own = format!("List-Unsubscribe: <https://a.example/u>\r\n{POST}");
    let kept = LeftAlone(UnsubscribeReason::NoHttps);
    check_with(links(), &decision(Proxy), &own, &own, kept);
}

#[test]
fn own_field_of_the_sender_is_left_where_only_others_are_added_to() {
    check_kept(Add, "list-unsubscribe: <https://a.example/>\r\n", UnsubscribeReason::Present);
    check_kept(Add, "List-Unsubscribe:\r\n", UnsubscribeReason::Present);
}

#[test]
fn uri_of_the_sender_gives_way_and_the_rest_stays() {
    let field = |uri: &str| {
        format!("LIST-unsubscribe : \t<mailto:a@b.example> ,\r\n\t<{uri}>,<ftp://x/>\r\n{POST}")
    };
    check(Proxy, &field("https://a.example/u?x=1"), &field("https://t.example/u?23"), Proxied);
}

#[test]
fn uri_of_mail_alone_stays_behind_ours() {
    let own = "List-Unsubscribe: <mailto:a@b.example>\r\n";
    let expected = "List-Unsubscribe: <https://t.example/u?18>,\r\n <mailto:a@b.example>\r\n";
    check(Proxy, own, &format!("{POST}{expected}"), Proxied);
    check(Proxy, &format!("{own}{POST}"), &format!("{expected}{POST}"), Proxied);
}

#[test]
fn field_that_is_not_understood_is_left_alone() {
    use UnsubscribeReason::{Malformed, NotOneClick, OwnUrl, Several};
    let both = |value: &str| format!("List-Unsubscribe: {value}\r\n{POST}");
    check_kept(Proxy, "List-Unsubscribe: <https://a.example/>\r\n", NotOneClick);
    check_kept(Proxy, &both("<http://a.example/>"), NotOneClick);
    check_kept(Proxy, &both("<ftp://a.example/>"), NotOneClick);
    check_kept(
        Proxy,
        "List-Unsubscribe: <https://a.example/>\r\nList-Unsubscribe-Post: x\r\n",
        NotOneClick,
    );
    check_kept(
        Proxy,
        "List-Unsubscribe: <mailto:a@b>\r\nList-Unsubscribe-Post: x\r\n",
        NotOneClick,
    );
    check_kept(Proxy, &both("<https://a.example/> (click)"), Malformed);
    check_kept(Proxy, &both(""), Malformed);
    check_kept(Proxy, POST, Malformed);
    check_kept(Proxy, &both("<https://a.example/>, <https://b.example/>"), Several);
    check_kept(Proxy, &both("<https://a.example/>, <http://b.example/>"), Several);
    check_kept(Proxy, &both("<https://a.example/>").repeat(2), Several);
    check_kept(Proxy, &format!("{}{POST}", both("<https://a.example/>")), Several);
    check_kept(Proxy, &both("<HTTPS://T.example/u>"), OwnUrl);
}

#[test]
fn transactional_mail_is_left_alone() {
    let decision = Decision { is_transactional: true, ..decision(Proxy) };
    let left = LeftAlone(UnsubscribeReason::Transactional);
    for own in ["", &format!("List-Unsubscribe: <https://a.example/>\r\n{POST}")] {
        check_with(Fake::default(), &decision, own, own, left);
    }
}

#[test]
fn signed_field_is_touched_only_where_the_signature_goes() {
    let signed = |names: &str, mode| {
        let message = format!("DKIM-Signature: v=1; h={names}; b=x\r\nA: b\r\n\r\nx");
        let decision = Decision { signed_mail: mode, ..decision(Add) };
        let copy = copy(&message, &decision, Fake::default());
        let has_signature = copy.octets.windows(4).any(|octets| octets == b"DKIM");
        (copy.report.list_unsubscribe, copy.report.signature, has_signature)
    };
    let left = LeftAlone(UnsubscribeReason::DkimSigned);
    let names = "from:list-unsubscribe";
    assert_eq!(signed(names, SignedMail::Rewrite), (left, Signature::Kept, true));
    assert_eq!(signed(names, SignedMail::Bypass), (left, Signature::Kept, true));
    assert_eq!(signed(names, SignedMail::Strip), (Added, Signature::Stripped, false));
    assert_eq!(signed("List-Unsubscribe-Post", SignedMail::Rewrite).0, left);
    assert_eq!(signed("from", SignedMail::Rewrite), (Added, Signature::Kept, true));
    assert_eq!(signed("from", SignedMail::Bypass), (left, Signature::Kept, true));
    assert_eq!(signed("from", SignedMail::Strip), (Added, Signature::Kept, true));
}

#[test]
fn protected_mail_is_left_alone() {
    let message = "Content-Type: application/pkcs7-mime\r\n\r\nx";
    let decision = Decision { open: true, click: true, ..decision(Add) };
    let copy = copy(message, &decision, Fake::default());
    assert_eq!(copy.report.list_unsubscribe, LeftAlone(UnsubscribeReason::Protected));
    assert_eq!(copy.octets, message.as_bytes());
}

#[test]
fn no_line_passes_998_octets() {
    let uri = "https://a.example/u";
    let path = |octets: usize| "x".repeat(octets);
    let base = |octets: usize| format!("https://t.example/{}", path(octets));
    // Beside another URI, ours has no room in their line.
    let own = format!("List-Unsubscribe: <mailto:{}@b.example>, <{uri}>\r\n{POST}", path(900));
    let links = Fake { base: base(100), ..Fake::default() };
    let ours = format!("\r\n <{}u?19", base(100));
    let expected = own.replace(&format!("<{uri}"), &ours);
    check_with(links, &decision(Proxy), &own, &expected, Proxied);
    for (octets, outcome) in [(955, Added), (957, LeftAlone(UnsubscribeReason::LongLine))] {
        let links = Fake { base: base(octets), ..Fake::default() };
        let message = "A: b\r\n\r\nx";
        let copy = copy(message, &decision(Add), links);
        assert_eq!(copy.report.list_unsubscribe, outcome);
        assert!(copy.octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
    }
    let behind = format!("List-Unsubscribe: <{uri}>,<mailto:{}@b.example>\r\n{POST}", path(900));
    let links = Fake { base: base(100), ..Fake::default() };
    let left = LeftAlone(UnsubscribeReason::LongLine);
    check_with(links, &decision(Proxy), &behind, &behind, left);
    let alone = format!("List-Unsubscribe: <mailto:{}@b.example>\r\n", path(100));
    let links = Fake { base: base(950), ..Fake::default() };
    let expected = format!(
        "{POST}List-Unsubscribe: <{}u?117>,\r\n <mailto:{}@b.example>\r\n",
        base(950),
        path(100)
    );
    check_with(links, &decision(Proxy), &alone, &expected, Proxied);
}

#[test]
fn url_that_cannot_be_made_leaves_the_field_alone() {
    let links = Fake { base: String::new(), ..Fake::default() };
    check_with(links, &decision(Add), "", "", LeftAlone(UnsubscribeReason::NotSigned));
}

#[test]
fn each_copy_has_its_id_and_its_field_in_its_own_line_ends() {
    let plan = Plan::new(b"A: b\n\nx", &decision(Add));
    let id = IdField { name: "X-Id", value: "1" };
    let copy = plan.copy(Some(id), &mut Fake::default());
    let expected = format!("X-Id: 1\n{}A: b\n\nx", OURS.replace("\r\n", "\n"));
    assert_eq!(String::from_utf8_lossy(&copy.octets), expected);
}

#[test]
fn outcomes_have_names_of_their_own_and_are_documented() {
    let mut names = UnsubscribeOutcome::EVERY.map(UnsubscribeOutcome::name);
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/unsubscribe.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} has no line");
    }
}
