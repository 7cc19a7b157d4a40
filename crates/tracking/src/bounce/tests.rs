use super::*;
use crate::event::{Attempt, UpstreamReply};

fn reply(error_code: u16, raw_reason: &str) -> UpstreamReply {
    UpstreamReply { error_code, raw_reason: raw_reason.into(), ..UpstreamReply::default() }
}

fn of_category(category: &str) -> UpstreamReply {
    let attempt = Attempt { bounce_category: category.into(), ..Attempt::default() };
    UpstreamReply { attempt: Some(Box::new(attempt)), ..UpstreamReply::default() }
}

fn check(rules: &Rules, reply: &UpstreamReply, class: u8, rule: &str) {
    let found = rules.classify(reply);
    assert_eq!((found.class.code(), found.rule.as_str()), (class, rule), "{reply:?}");
}

#[test]
fn text_says_more_than_status_and_status_more_than_code() {
    let rules = Rules::built_in();
    check(&rules, &reply(550, "5.7.1 blocked using zen.spamhaus.org"), 51, "text/spamhaus");
    check(&rules, &reply(550, "5.2.2 sorry"), 22, "status/mailbox-full");
    check(&rules, &reply(550, "sorry"), 40, "fallback/code-permanent");
    check(&rules, &reply(0, ""), 1, "none");
}

/// Replies with the class that a reader gives them.
const LABELLED: [(&str, &str); 3] = [
    ("providers.tsv", include_str!("../../testdata/bounce/providers.tsv")),
    ("mtas.tsv", include_str!("../../testdata/bounce/mtas.tsv")),
    ("filters.tsv", include_str!("../../testdata/bounce/filters.tsv")),
];

#[test]
fn labelled_replies_get_their_class() {
    let rules = Rules::built_in();
    let (mut others, mut all) = (Vec::new(), 0);
    for (file, lines) in LABELLED {
        for line in lines.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let mut column = || columns.next().expect("class, domain and reply");
            let (class, domain, text) = (column(), column(), column());
            let found = rules.classify_for(&reply(0, text), domain);
            all += 1;
            if found.class.code().to_string() != class {
                others.push(format!(
                    "{file} {class} but {} by {}: {text}",
                    found.class.code(),
                    found.rule
                ));
            }
        }
    }
    assert!(others.is_empty(), "{} of {all}:\n{}", others.len(), others.join("\n"));
}

#[test]
fn categories_of_mtas_have_a_class_where_nothing_says_more() {
    let rules = Rules::built_in();
    check(&rules, &of_category("bad-mailbox"), 10, "category/powermta-bad-mailbox");
    check(&rules, &of_category("InvalidRecipient"), 10, "category/kumomta-recipient");
    check(&rules, &of_category("other"), 40, "fallback/category-other");
    check(&rules, &of_category("Uncategorized"), 1, "none");
    let mut told = of_category("spam-related");
    told.raw_reason = "5.2.2 sorry".into();
    check(&rules, &told, 22, "status/mailbox-full");
    told.raw_reason = "5.7.1 sorry".into();
    check(&rules, &told, 51, "category/powermta-spam");
}

/// The categories of PowerMTA and the classes of KumoMTA, as their documentation lists them.
const CATEGORIES: &str = "bad-configuration bad-connection bad-domain bad-mailbox content-related \
    inactive-mailbox invalid-sender message-expired no-answer-from-host other policy-related \
    protocol-errors quota-issues relaying-issues routing-errors spam-related virus-related \
    InvalidRecipient DNSFailure SpamBlock SpamContent ProhibitedAttachment RelayDenied AutoReply \
    TransientFailure Subscribe Unsubscribe ChallengeResponse BadConfiguration BadConnection \
    BadDomain ContentRelated InactiveMailbox InvalidSender MessageExpired NoAnswerFromHost \
    PolicyRelated ProtocolErrors QuotaIssues RelayingIssues RoutingErrors SpamRelated VirusRelated \
    AuthenticationFailed TooManyRecipients";

#[test]
fn every_category_of_powermta_and_kumomta_has_a_class() {
    let rules = Rules::built_in();
    for category in CATEGORIES.split_whitespace() {
        let found = rules.classify(&of_category(category));
        assert_ne!(found.class, Class::UNDETERMINED, "{category}");
        let found = rules.classify(&of_category(&category.to_ascii_uppercase()));
        assert_ne!(found.class, Class::UNDETERMINED, "{category}");
    }
}

#[test]
fn hard_text_is_not_believed_of_a_temporary_reply() {
    let rules = Rules::built_in();
    check(&rules, &reply(550, "User unknown"), 10, "text/invalid-recipient");
    check(&rules, &reply(450, "User unknown"), 70, "text/not-verified-yet");
    check(&rules, &reply(0, "4.1.1 User unknown"), 70, "text/not-verified-yet");
}

#[test]
fn addresses_in_a_reply_decide_nothing() {
    let rules = Rules::built_in();
    let text = "5.1.1 <spam-virus@dnsbl.example>: user unknown";
    check(&rules, &reply(550, text), 10, "text/invalid-recipient");
    check(&rules, &reply(550, "vacation@example.com"), 40, "fallback/code-permanent");
}

#[test]
fn class_of_the_record_counts_before_the_rules() {
    let mut record = of_category("bad-mailbox");
    record.raw_reason = "552 mailbox full".into();
    let rules = Rules::built_in();
    let class_of = |record: &mut UpstreamReply, class| {
        record.attempt.as_mut().expect("it has one").bounce_class = Some(class);
    };
    class_of(&mut record, 25);
    check(&rules, &record, 25, "record");
    class_of(&mut record, 1);
    check(&rules, &record, 22, "text/over-quota");
    class_of(&mut record, 99);
    check(&rules, &record, 22, "text/over-quota");
}

#[test]
fn rules_of_the_site_count_before_all_others() {
    let site = r#"
        [[text]]
        name = "partner"
        class = 25
        domains = ["example.com", "*.example.com"]
        any = ["mailbox|full"]

        [[fallback]]
        name = "all-521"
        class = 90
        codes = ["521"]
    "#;
    let rules = Rules::built_in().with_site(site).expect("right rules");
    let full = reply(552, "5.2.2 Mailbox of user is FULL");
    let of = |domain| rules.classify_for(&full, domain);
    assert_eq!(of("Example.com").rule, "site/text/partner");
    assert_eq!(of("mx.example.com").class.code(), 25);
    assert_eq!(of("notexample.com").rule, "status/mailbox-full");
    check(&rules, &reply(521, "user unknown"), 90, "site/fallback/all-521");
    let mut told = of_category("");
    told.attempt.as_mut().expect("it has one").bounce_class = Some(10);
    told.error_code = 521;
    check(&rules, &told, 90, "site/fallback/all-521");
}

#[test]
fn domain_of_the_record_is_known() {
    let rules = Rules::built_in();
    let mut told = of_category("");
    told.raw_reason = "550 5.5.0 Requested action not taken: mailbox unavailable".into();
    told.error_code = 550;
    told.attempt.as_mut().expect("it has one").rcpt_to = "user@HOTMAIL.com".into();
    check(&rules, &told, 10, "text/outlook-unavailable");
}

#[test]
fn overrides_of_momentum_are_rules() {
    let lines =
        "# domain,bounce_code,rule\n\nexample.com,10,go|away, please\n,51,Cease\n54,no mdn\n";
    let rules = Rules::built_in().with_momentum_overrides(lines).expect("right rules");
    let of = |text, domain| rules.classify_for(&reply(550, text), domain);
    assert_eq!(of("GO far AWAY, please", "example.com").rule, "site/momentum-3");
    assert_eq!(of("go far away, please", "mx.example.com").class.code(), 10);
    assert_eq!(of("go far away, please", "example.org").class.code(), 40);
    assert_eq!(of("cease", "example.org").rule, "site/momentum-4");
    assert_eq!(of("no mdn", "").class.code(), 54);
}

#[test]
fn all_mistakes_in_rules_are_told() {
    let wrong = r#"
        [[text]]
        name = "Wrong Name"
        class = 11
        any = ["|", "x"]
        but = []
        [[text]]
        name = "twice"
        class = 10
        codes = ["550"]
        [[status]]
        name = "twice"
        class = 10
        status = ["6.1.1", "5.1", "5.x.x"]
        reply = "never"
        [[status]]
        name = "twice"
        class = 10
        status = ["x.1.1"]
        domains = ["user@example.com"]
        [[txt]]
    "#;
    let found = Rules::built_in().with_site(wrong).expect_err("they are wrong");
    let wanted = [
        "txt is no list of rules; there are [[text]], [[status]], [[category]] and [[fallback]]",
        "rule 1 of [[text]] (Wrong Name) needs a name of at most 64 lower-case letters, digits and \
         hyphens",
        "rule 1 of [[text]] (Wrong Name) needs a class: one of the numbers in docs/bounces.md",
        "rule 1 of [[text]] (Wrong Name) has in any \"|\"; each must be a text of at most 500 \
         octets with a letter or digit",
        "rule 1 of [[text]] (Wrong Name) needs in but a list of 1 to 1000 texts",
        "rule 2 of [[text]] (twice) has a key that is none of [[text]]: codes",
        "rule 2 of [[text]] (twice) needs any",
        "rule 1 of [[status]] (twice) has a reply that is neither \"temporary\" nor \"permanent\"",
        "rule 1 of [[status]] (twice) has in status \"6.1.1\"; each must be like 5.1.1 or x.2.x",
        "rule 1 of [[status]] (twice) has in status \"5.1\"; each must be like 5.1.1 or x.2.x",
        "rule 2 of [[status]] (twice) has the name of another rule",
        "rule 2 of [[status]] (twice) has in domains \"user@example.com\"; each must be a domain, or \
         *. and a domain",
    ];
    assert_eq!(found.mistakes, wanted);
    assert!(Rules::built_in().with_site("= no toml").is_err());
    let found = Rules::built_in().with_momentum_overrides("a.example,10\n10,\nx,999,y\n10,||\n");
    assert_eq!(found.expect_err("they are wrong").mistakes.len(), 4);
}
