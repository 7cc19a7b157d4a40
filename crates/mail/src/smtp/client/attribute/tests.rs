use super::*;

#[track_caller]
fn check(verb: Verb, argument: &str, facts: &[Fact]) {
    assert_eq!(verb.parse(argument).as_deref(), Ok(facts));
}

#[track_caller]
fn check_refused(verb: Verb, argument: &str, error: AttributeError) {
    assert_eq!(verb.parse(argument), Err(error), "{argument}");
}

#[track_caller]
fn check_syntax(verb: Verb, argument: &str) {
    assert!(matches!(verb.parse(argument), Err(AttributeError::Syntax(_))), "{argument}");
}

fn text(value: &str) -> Option<String> {
    Some(value.into())
}

fn client() -> Client {
    Client {
        name: text("host.example"),
        helo: text("me"),
        ..Client::at(([192, 0, 2, 7], 54_321).into())
    }
}

#[test]
fn attributes_are_read_in_any_case() {
    check(
        Verb::Xclient,
        "name=host.example ADDR=192.0.2.7 Port=54321 PROTO=esmtp HELO=me LOGIN=ann",
        &[
            Fact::Name(text("host.example")),
            Fact::Address(Some([192, 0, 2, 7].into())),
            Fact::Port(Some(54_321)),
            Fact::Protocol(text("ESMTP")),
            Fact::Helo(text("me")),
            Fact::Login(text("ann")),
        ],
    );
    check(
        Verb::Xforward,
        "IDENT=4XyZ SOURCE=local PROTO=QMQP",
        &[Fact::Ident(text("4XyZ")), Fact::Source(text("LOCAL")), Fact::Protocol(text("QMQP"))],
    );
}

#[test]
fn ipv6_has_a_prefix() {
    let address = "2001:db8::7".parse().expect("an address");
    check(Verb::Xclient, "ADDR=IPV6:2001:db8::7", &[Fact::Address(Some(address))]);
    check(Verb::Xclient, "ADDR=ipv6:2001:db8::7", &[Fact::Address(Some(address))]);
    check(
        Verb::Xclient,
        "ADDR=IPV6:::ffff:192.0.2.7",
        &[Fact::Address(Some([192, 0, 2, 7].into()))],
    );
    check_syntax(Verb::Xclient, "ADDR=2001:db8::7");
    check_syntax(Verb::Xclient, "ADDR=IPV6:192.0.2.7");
}

#[test]
fn what_the_peer_does_not_know_is_none() {
    check(
        Verb::Xclient,
        "NAME=[UNAVAILABLE] ADDR=[unavailable] PORT=[Unavailable] HELO=[TEMPUNAVAIL] PROTO=[UNAVAILABLE]",
        &[
            Fact::Name(None),
            Fact::Address(None),
            Fact::Port(None),
            Fact::Helo(None),
            Fact::Protocol(None),
        ],
    );
}

#[test]
fn xtext_is_undone() {
    check(Verb::Xclient, "HELO=a+2Bb+3Dc", &[Fact::Helo(text("a+b=c"))]);
    check(Verb::Xclient, "LOGIN=Ann+20M+C3+BCller", &[Fact::Login(text("Ann Müller"))]);
    for wrong in
        ["HELO=a+", "HELO=a+2", "HELO=a+2x", "HELO=+FF", "HELO=a+0Ab", "HELO=a+00", "HELO=a+20b"]
    {
        check_syntax(Verb::Xclient, wrong);
    }
}

#[test]
fn malformed_arguments_are_refused() {
    check_refused(Verb::Xclient, "", AttributeError::Missing);
    check_refused(Verb::Xclient, "  ", AttributeError::Missing);
    check_refused(Verb::Xclient, "ADDR", AttributeError::NoValue);
    check_refused(Verb::Xclient, "ADDR=192.0.2.7 NAME", AttributeError::NoValue);
    check_refused(Verb::Xclient, "SOURCE=LOCAL", AttributeError::Unknown);
    check_refused(Verb::Xclient, "DESTADDR=192.0.2.7", AttributeError::Unknown);
    check_refused(Verb::Xforward, "LOGIN=ann", AttributeError::Unknown);
    let long = format!("NAME={}", "a".repeat(256));
    check_refused(Verb::Xforward, &long, AttributeError::TooLong);
    check_refused(Verb::Xclient, "NAME=", AttributeError::Syntax(Attribute::Name));
    for wrong in
        ["ADDR=", "ADDR=host", "ADDR=192.0.2.256", "PORT=", "PORT=-1", "PORT=65536", "PROTO=LMTP"]
    {
        check_syntax(Verb::Xclient, wrong);
    }
    check_syntax(Verb::Xforward, "SOURCE=HERE");
}

#[test]
fn an_address_that_is_none_of_ip_may_be_forwarded() {
    check(Verb::Xforward, "ADDR=local-pipe", &[Fact::Address(None)]);
}

#[test]
fn one_command_tells_what_is_offered() {
    let told = |offered: &str| {
        let offered = Verb::Xclient.offered(offered);
        Verb::Xclient.commands(&offered, &client())
    };
    assert_eq!(
        told("NAME ADDR PORT PROTO HELO LOGIN DESTADDR"),
        ["XCLIENT NAME=host.example ADDR=192.0.2.7 PORT=54321 PROTO=[UNAVAILABLE] HELO=me"]
    );
    assert_eq!(told("addr Name"), ["XCLIENT NAME=host.example ADDR=192.0.2.7"]);
    assert_eq!(told("DESTADDR"), Vec::<String>::new());
}

#[test]
fn what_is_told_is_read_as_it_was() {
    let told = Client {
        address: Some("2001:db8::7".parse().expect("an address")),
        helo: text("a+b=c"),
        login: text("Ann Müller"),
        protocol: text("ESMTP"),
        ..client()
    };
    let commands = Verb::Xclient.commands(Verb::Xclient.attributes(), &told);
    let [command] = &commands[..] else { panic!("{commands:?}") };
    let mut read = Client::default();
    let argument = command.strip_prefix("XCLIENT ").expect("the command");
    Verb::Xclient.parse(argument).expect("facts").into_iter().for_each(|fact| read.learn(fact));
    assert_eq!(read, told);
}

#[test]
fn commands_are_no_longer_than_they_may_be() {
    let long = |letter: &str| text(&letter.repeat(255));
    let client =
        Client { name: long("n"), helo: long("h"), login: long("l"), ident: long("i"), ..client() };
    let xclient = Verb::Xclient.commands(Verb::Xclient.attributes(), &client);
    let [command] = &xclient[..] else { panic!("{xclient:?}") };
    assert!(
        command.len() <= LINE_OCTETS_MAX && command.contains(" HELO=[UNAVAILABLE]"),
        "{command}"
    );
    let xforward = Verb::Xforward.commands(Verb::Xforward.attributes(), &client);
    assert!(xforward.iter().all(|command| command.len() <= LINE_OCTETS_MAX), "{xforward:?}");
    assert!(xforward.len() == 3 && xforward.concat().contains(&"h".repeat(255)), "{xforward:?}");
    // It would be longer than a value may be.
    let client = Client { helo: text(&"ü".repeat(100)), ..Client::default() };
    let commands = Verb::Xforward.commands(&[Attribute::Helo], &client);
    assert_eq!(commands, ["XFORWARD HELO=[UNAVAILABLE]"]);
}
