use super::*;
use crate::{context::Lifetime, copy::Terms, decision::Decision};

mod precedence;

fn scope(name: &str, layer: Layer) -> Scope {
    Scope { origin: Origin::Table(name.into()), layer }
}

fn url(text: &str) -> Option<TrackingUrl> {
    Some(text.parse().expect("a tracking URL"))
}

fn domain(text: &str) -> TrackingDomain {
    text.parse().expect("a tracking domain")
}

/// Where pixels and links lead, with the layers of one test: the most specific comes first.
fn check_urls(layers: &[Layer], open: &str, click: &str) {
    let scopes: Vec<Scope> = layers.iter().map(|layer| scope("x", layer.clone())).collect();
    let scopes: Vec<&Scope> = scopes.iter().collect();
    let urls = effective(&scopes).settings.tracking_urls;
    assert_eq!((urls.open.as_str(), urls.click.as_str()), (open, click), "{layers:?}");
}

#[test]
fn url_is_scheme_host_and_path_at_once() {
    let url = |text| Layer { tracking_url: url(text), ..Layer::default() };
    let domain = |text| Layer { tracking_domain: Some(domain(text)), ..Layer::default() };
    let schemes = Layer {
        open_tracking_scheme: Some(Scheme::Http),
        click_tracking_scheme: Some(Scheme::Https),
        ..Layer::default()
    };
    let here = "http://localhost:8080/";
    check_urls(&[], here, here);
    check_urls(&[url("https://a/p/")], "https://a/p/", "https://a/p/");
    // Without a URL, it is as Momentum has it.
    check_urls(&[domain("a.example")], "http://a.example/", "http://a.example/");
    check_urls(
        &[schemes.clone(), domain("a:8"), url("http://b/p/")],
        "http://a:8/p/",
        "https://a:8/p/",
    );
    // A URL that is more specific leaves nothing of what is below it.
    let both = "https://b/q/";
    check_urls(&[url(both), schemes.clone(), domain("a"), url("http://b/p/")], both, both);
    // In one layer, what is said of a part goes before what is said of the whole.
    let all = Layer { tracking_domain: Some("c".parse().expect("a domain")), ..schemes };
    let all = Layer { tracking_url: url("http://b/p/").tracking_url, ..all };
    check_urls(&[all], "http://c/p/", "https://c/p/");
}

fn domains(by_sender: &[(&str, &str)], by_customer: &[(&str, &str)]) -> Layer {
    let by_sender = by_sender.iter().map(|(from, to)| (from.parse().expect("right"), domain(to)));
    let by_customer = by_customer.iter().map(|(from, to)| ((*from).to_owned(), domain(to)));
    Layer {
        tracking_domain_by_sender: Some(Arc::new(by_sender.collect())),
        tracking_domain_by_customer: Some(Arc::new(by_customer.collect())),
        ..Layer::default()
    }
}

#[test]
fn senders_and_customers_have_hosts_of_their_own() {
    let senders = [
        ("shop.example", "t.shop.example"),
        ("*.shop.example", "w.shop.example"),
        ("*.de.shop.example", "de.example"),
        ("müller.example", "t.xn--mller-kva.example"),
    ];
    let layer = domains(&senders, &[("acme", "acme.example:8443")]);
    let layer = Layer { tracking_url: url("https://t.example/p/"), ..layer };
    let settings = Arc::new(effective(&[&scope("x", layer)]).settings);
    for (sender, customer, host) in [
        ("shop.example", "acme", "t.shop.example"),
        ("SHOP.example.", "", "t.shop.example"),
        ("news.shop.example", "", "w.shop.example"),
        ("a.b.shop.example", "", "w.shop.example"),
        ("de.shop.example", "", "w.shop.example"),
        ("a.b.de.shop.example", "", "de.example"),
        ("müller.EXAMPLE", "", "t.xn--mller-kva.example"),
        ("workshop.example", "", "t.example"),
        ("other.example", "acme", "acme.example:8443"),
        ("other.example", "Acme", "t.example"),
        ("", "", "t.example"),
    ] {
        let urls = &settings.for_sender(sender, customer).tracking_urls;
        let wanted = format!("https://{host}/p/");
        assert_eq!((urls.open.as_str(), urls.click.as_str()), (&*wanted, &*wanted), "{sender}");
    }
    let own = settings.for_sender("shop.example", "").decision.tracking_urls.clone();
    assert_eq!(own, ["https://t.example/p/", "https://t.shop.example/p/"]);
}

#[test]
fn host_of_a_more_specific_scope_goes_before_that_of_a_sender() {
    let senders = scope("below", domains(&[("a.example", "t.a.example")], &[("c", "c.example")]));
    let check = |layer: Layer, wanted: &str| {
        let settings = Arc::new(effective(&[&scope("above", layer), &senders]).settings);
        for sender in [("a.example", ""), ("", "c")] {
            let settings = settings.for_sender(sender.0, sender.1);
            assert_eq!(settings.tracking_urls.click.host(), wanted);
        }
    };
    check(Layer { tracking_domain: Some(domain("d.example")), ..Layer::default() }, "d.example");
    check(Layer { tracking_url: url("https://u.example/"), ..Layer::default() }, "u.example");
    let schemes = Layer { open_tracking_scheme: Some(Scheme::Https), ..Layer::default() };
    let settings = Arc::new(effective(&[&scope("above", schemes), &senders]).settings);
    assert_eq!(
        settings.for_sender("a.example", "").tracking_urls.open.as_str(),
        "https://t.a.example/"
    );
}

#[test]
fn patterns_of_senders_are_names() {
    for right in ["a", "a.example", "*.a.example", "ä.example", "A.Example"] {
        assert!(right.parse::<SenderPattern>().is_ok(), "{right}");
    }
    for wrong in ["", "*", "*.", "*a.example", "a.*.example", "a@b.example", "a..b", ".a", "a/b"] {
        assert!(wrong.parse::<SenderPattern>().is_err(), "{wrong}");
    }
}

#[test]
fn no_opens_means_no_pixel_at_the_top() {
    let below = scope("below", Layer { initial_open_tracking: Some(true), ..Layer::default() });
    let check = |above: Layer, wanted: bool| {
        let above = scope("above", above);
        let effective = effective(&[&above, &below]);
        assert_eq!(effective.settings.decision.initial_open, wanted);
        let explained = effective.explain();
        let line = explained.iter().find(|line| line.key == INITIAL_OPEN_TRACKING);
        let wanted = if above.layer == Layer::default() { "below" } else { "above" };
        assert_eq!(line.map(|line| line.origin.as_str()), Some(wanted));
    };
    check(Layer::default(), true);
    check(Layer { open_tracking: Some(false), ..Layer::default() }, false);
    let both = Layer { open_tracking: Some(false), ..below.layer.clone() };
    check(both, true);
}

fn context(variables: &[(&str, &str)]) -> Context {
    let mut context = Context::default();
    for (name, value) in variables {
        context.set(Lifetime::Message, name, value).expect("there is room");
    }
    context
}

#[test]
fn context_variables_are_texts() {
    let check = |name: &str, value: &str, wanted: Option<Layer>| {
        let (layer, wrong) = Layer::of_context(&context(&[(name, value)]));
        let wrong: Vec<_> = wrong.iter().map(|wrong| wrong.name).collect();
        match wanted {
            Some(wanted) => assert_eq!((layer, wrong), (wanted, vec![]), "{name} = {value}"),
            None => assert_eq!((layer, wrong), (Layer::default(), vec![name]), "{name} = {value}"),
        }
    };
    for (value, is_on) in
        [("1", true), ("true", true), ("TRUE", true), (" 1 ", true), ("0", false), ("False", false)]
    {
        let open = Layer { open_tracking: Some(is_on), ..Layer::default() };
        check("smtpapi_open_tracking", value, Some(open));
        let click = Layer { click_tracking: Some(is_on), ..Layer::default() };
        check("smtpapi_click_tracking", value, Some(click));
    }
    for (value, days) in [("1", 1), ("86400", 1), ("86401", 2), ("31536000", 365)] {
        let layer = Layer { link_expiry_days: Some(days), ..Layer::default() };
        check("smtpapi_tracking_link_expiry", value, Some(layer));
    }
    let https = Some(Scheme::Https);
    let layer = Layer { open_tracking_scheme: https, ..Layer::default() };
    check("smtpapi_open_tracking_scheme", "https", Some(layer));
    let layer = Layer { click_tracking_scheme: https, ..Layer::default() };
    check("smtpapi_click_tracking_scheme", "HTTPS", Some(layer));
    let layer = Layer { tracking_domain: Some(domain("t.example:80")), ..Layer::default() };
    check("smtpapi_tracking_domain", "t.example:80", Some(layer));
    for (name, value) in [
        ("smtpapi_open_tracking", "yes"),
        ("smtpapi_click_tracking", "2"),
        ("smtpapi_open_tracking_scheme", "ftp"),
        ("smtpapi_click_tracking_scheme", "https://"),
        ("smtpapi_tracking_domain", "http://t.example"),
        ("smtpapi_tracking_link_expiry", "0"),
        ("smtpapi_tracking_link_expiry", "-1"),
        ("smtpapi_tracking_link_expiry", "1.5"),
        ("smtpapi_tracking_link_expiry", "99999999999999999999"),
    ] {
        check(name, value, None);
    }
    check("smtpapi_unknown", "x", Some(Layer::default()));
    check("smtpapi_open_tracking", "", Some(Layer::default()));
    check("smtpapi_tracking_domain", "", Some(Layer::default()));
}

#[test]
fn every_key_is_explained_as_the_configuration_writes_it() {
    let layer = domains(&[("*.a.example", "t.a.example")], &[]);
    let layer = Layer {
        tracking_url: url("https://b.example/p/"),
        excluded_domains: Some(vec!["c.example".parse().expect("a domain")]),
        excluded_links: Some(vec!["*.PDF*".parse().expect("a pattern")]),
        ..layer
    };
    let base = scope("[engagement]", layer);
    let header = Layer { click_tracking: Some(false), ..Layer::default() };
    let header = Scope { origin: Origin::Header, layer: header };
    let variables = context(&[("smtpapi_tracking_link_expiry", "86400")]);
    let policy = Scope { origin: Origin::Context, layer: Layer::of_context(&variables).0 };
    let effective = effective(&[&policy, &header, &base]);
    assert!(effective.has_tracking_domain());
    let lines: Vec<_> = effective
        .explain()
        .into_iter()
        .filter(|line| line.origin != "default")
        .map(|Explained { key, value, origin }| format!("{key} = {value}  # {origin}"))
        .collect();
    assert_eq!(
        lines,
        [
            "tracking_url = \"https://b.example/p/\"  # [engagement]",
            "tracking_domain = \"b.example\"  # [engagement]",
            "tracking_domain_by_sender = { \"*.a.example\" = \"t.a.example\" }  # [engagement]",
            "tracking_domain_by_customer = {}  # [engagement]",
            "click_tracking_scheme = \"https\"  # [engagement]",
            "open_tracking_scheme = \"https\"  # [engagement]",
            "click_tracking = false  # X-MSYS-API",
            "excluded_domains = [\"c.example\"]  # [engagement]",
            "excluded_links = [\"*.pdf*\"]  # [engagement]",
            "link_expiry_days = 1  # context variable smtpapi_tracking_link_expiry",
        ]
    );
    assert!(!super::effective(&[&header]).has_tracking_domain());
}

#[test]
fn links_of_all_scopes_are_left_alone() {
    let layer = |text| Layer { tracking_url: url(text), ..Layer::default() };
    let check = |layers: &[Layer], wanted: &[&str]| assert_eq!(own_links(layers), wanted);
    check(&[], &[]);
    check(
        &[layer("https://a/"), layer("https://b/"), Layer::default()],
        &["https://a/", "https://b/"],
    );
    // Other pages of a host are not the tracker's.
    check(&[layer("https://shop/t/"), layer("http://b/")], &["http://b/", "https://shop/t/"]);
    let alone = Layer { tracking_domain: Some(domain("c")), ..Layer::default() };
    check(std::slice::from_ref(&alone), &["http://c/"]);
    check(
        &[layer("https://a/p/"), Layer { open_tracking_scheme: Some(Scheme::Http), ..alone }],
        &["http://a/p/", "http://c/p/", "https://a/p/", "https://c/p/"],
    );
    let senders = domains(&[("x", "d")], &[("y", "e")]);
    check(&[layer("https://a/"), senders], &["https://a/", "https://d/", "https://e/"]);
}

#[test]
fn a_message_has_the_terms_of_its_context() {
    let settings = Arc::new(Settings::new(url("https://t.example/").expect("a URL")));
    let variables = [("smtpapi_click_tracking", "0"), ("smtpapi_tracking_domain", "c.example")];
    let request = Request { click_tracking: Some(true), ..Request::default() };
    let terms = Terms::new(&settings, Some(&request), &context(&variables)).expect("right");
    assert!(!terms.settings.decision.click && terms.settings.decision.open);
    assert_eq!(terms.settings.tracking_urls.open.as_str(), "https://c.example/");
    assert_eq!(terms.settings.decision.tracking_urls, ["https://t.example/", "https://c.example/"]);
    let terms = Terms::new(&settings, None, &Context::default()).expect("right");
    assert!(Arc::ptr_eq(&terms.settings, &settings), "nothing is copied where nothing is said");
}

/// The header counts as a layer does.
#[test]
fn request_is_a_layer() {
    for number in 0..27 {
        let said = |place: u32| [None, Some(false), Some(true)][number / 3_usize.pow(place) % 3];
        let request = Request {
            open_tracking: said(0),
            initial_open: said(1),
            click_tracking: said(2),
            ..Request::default()
        };
        let mut settings = Settings::default();
        settings.decision.initial_open = true;
        let applied = Decision {
            open: said(0).unwrap_or(true),
            // A sender who wants no opens means both pixels.
            initial_open: said(1).unwrap_or(said(0) != Some(false)),
            click: said(2).unwrap_or(true),
            removes_smtpapi: true,
            ..settings.decision.clone()
        };
        let terms = Terms::new(&Arc::new(settings), Some(&request), &Context::default());
        assert_eq!(terms.expect("no variable is wrong").settings.decision, applied);
    }
}

#[test]
fn sender_domain_is_that_of_from() {
    let check = |header: &str, wanted: &str| {
        let message =
            format!("{header}\r\nSender: x@sender.example\r\n\r\nFrom: y@body.example\r\n");
        assert_eq!(sender_domain(message.as_bytes(), "b@Bounces.example"), wanted, "{header}");
    };
    check("From: Ann <a@Shop.example>", "shop.example");
    check("From: \"x@y.example, z\"\r\n <a@shop.example>, b@other.example", "shop.example");
    check("FROM: a@m\u{fc}ller.example", "m\u{fc}ller.example");
    check("Subject: none", "bounces.example");
    check("From: nobody", "bounces.example");
    check("From: ", "bounces.example");
    check(&format!("From: {} <a@b.example>", "x".repeat(5_000)), "bounces.example");
    assert_eq!(sender_domain(b"From: \xff <a@\xff.example>\r\n\r\n", ""), "\u{fffd}.example");
    assert_eq!(sender_domain(b"", ""), "");
}
