use super::*;

const LIMITS: Limits = Limits { message_octets_max: 1_000, recipients_max: 2, errors_max: 3 };

/// Plays lines of `C:` (client), `U:` (upstream) and `S:` (what the client is told);
/// `C:` lines that upstream must get end in `->`.
fn play(session: &mut Session, dialog: &str) {
    let mut told = None;
    for line in dialog.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, text) = line.split_once(": ").expect("who: text");
        match who {
            "C" => {
                let (command, is_passed) = match text.strip_suffix(" ->") {
                    Some(command) => (command, true),
                    None => (text, false),
                };
                let step = match session.awaits_response() {
                    true => session.response(command.as_bytes()),
                    false => session.command(command.as_bytes()),
                };
                told = match step {
                    Step::Pass
                    | Step::PassSecret
                    | Step::Greet
                    | Step::Begin(_)
                    | Step::PassAndEnd => {
                        assert!(is_passed, "{line} went upstream");
                        None
                    }
                    Step::Answer(reply)
                    | Step::TakeContent(reply, _)
                    | Step::StartTls(reply)
                    | Step::Cancel(reply)
                    | Step::Swallow(_, reply)
                    | Step::End(reply) => {
                        assert!(!is_passed, "{line} did not go upstream");
                        Some(reply)
                    }
                    // The greeting is not this machine's to give.
                    Step::BeginAnew => {
                        assert!(!is_passed, "{line} did not go upstream");
                        Some(Reply::of_lines(220, ["anew"]))
                    }
                    // These are the gateway's to give, too.
                    Step::SetContext(_) | Step::DumpContext => {
                        assert!(!is_passed, "{line} did not go upstream");
                        Some(Reply::of_lines(250, ["context"]))
                    }
                    Step::TakeChunk(chunk) => panic!("{line} begins a {chunk:?}"),
                };
            }
            "U" => {
                let (code, text) = text.split_once(' ').expect("a reply");
                let reply = Reply::of_lines(code.parse().expect("a code"), text.split('|'));
                told = Some(session.upstream_replied(reply));
            }
            "S" => {
                let reply = told.take().expect("a reply");
                let reply = String::from_utf8_lossy(reply.octets()).into_owned();
                assert_eq!(reply.trim_end(), text.replace("\\r\\n", "\r\n"));
            }
            other => panic!("{other}"),
        }
    }
}

fn check(dialog: &str) -> Session {
    let mut session = Session::new(LIMITS, Rules::default(), Client::default());
    play(&mut session, dialog);
    session
}

const GREETED: &str = "C: EHLO a.example ->\nU: 250 mx.example\n";

fn check_greeted(dialog: &str) -> Session {
    check(&[GREETED, dialog].concat())
}

fn transaction_of(session: &mut Session) -> Transaction {
    match session.command(b"DATA") {
        Step::TakeContent(reply, transaction) => {
            assert_eq!(reply.octets(), b"354 end data with <CR><LF>.<CR><LF>\r\n");
            assert!(!session.is_in_transaction());
            transaction
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn helo_goes_upstream_once_and_its_reply_comes_back() {
    check("C: HELO a.example ->\nU: 250 mx.example\nS: 250 mx.example");
}

#[test]
fn mail_before_ehlo_is_answered_here() {
    check("C: MAIL FROM:<a@a.example>\nS: 503 5.5.1 say EHLO first");
}

#[test]
fn refused_greeting_greets_nobody() {
    check(
        "C: EHLO a.example ->\nU: 550 no\nS: 550 no\nC: MAIL FROM:<a@a.example>\nS: 503 5.5.1 say EHLO first",
    );
}

#[test]
fn recipients_that_upstream_accepted_are_kept() {
    let mut session = check_greeted(
        "C: MAIL FROM:<a@a.example> SIZE=10 ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok
         C: RCPT TO:<c@b.example> ->
         U: 550 unknown
         S: 550 unknown
         C: RCPT TO:<d@b.example> NOTIFY=NEVER ->
         U: 250 ok",
    );
    let transaction = transaction_of(&mut session);
    assert_eq!(transaction.reverse_path.line, "MAIL FROM:<a@a.example> SIZE=16399");
    let recipients: Vec<_> = transaction.recipients.iter().map(|r| r.mailbox.as_str()).collect();
    assert_eq!(recipients, ["b@b.example", "d@b.example"]);
    assert_eq!(transaction.recipients[1].line, "RCPT TO:<d@b.example> NOTIFY=NEVER");
}

#[test]
fn data_without_recipients_never_reaches_upstream() {
    check_greeted("C: DATA\nS: 503 5.5.1 need MAIL before DATA");
    check_greeted("C: MAIL FROM:<> ->\nU: 250 ok\nC: DATA\nS: 554 5.5.1 no valid recipients");
}

#[test]
fn rcpt_without_mail_is_answered_here() {
    check_greeted("C: RCPT TO:<b@b.example>\nS: 503 5.5.1 need MAIL before RCPT");
    check_greeted(
        "C: MAIL FROM:<x> ->\nU: 550 no\nC: RCPT TO:<b@b.example>\nS: 503 5.5.1 need MAIL before RCPT",
    );
}

#[test]
fn rset_and_ehlo_end_the_transaction() {
    for command in ["RSET", "EHLO a.example", "HELO a.example"] {
        let session =
            check_greeted(&format!("C: MAIL FROM:<> ->\nU: 250 ok\nC: {command} ->\nU: 250 ok"));
        assert!(!session.is_in_transaction(), "{command}");
    }
}

#[test]
fn nested_mail_that_upstream_refuses_changes_nothing() {
    let mut session = check_greeted(
        "C: MAIL FROM:<a@a.example> ->\nU: 250 ok\nC: MAIL FROM:<b@a.example> ->\nU: 503 nested",
    );
    play(&mut session, "C: RCPT TO:<b@b.example> ->\nU: 250 ok");
    assert_eq!(transaction_of(&mut session).reverse_path.mailbox, "a@a.example");
}

#[test]
fn surplus_recipients_come_again_later() {
    check_greeted(
        "C: MAIL FROM:<> ->
         U: 250 ok
         C: RCPT TO:<a@b.example> ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok
         C: RCPT TO:<c@b.example>
         S: 452 4.5.3 too many recipients in one message",
    );
}

#[test]
fn one_at_a_time_takes_one_recipient() {
    let mut session = Session::new(
        LIMITS,
        Rules { is_one_at_a_time: true, ..Rules::default() },
        Client::default(),
    );
    play(&mut session, GREETED);
    play(
        &mut session,
        "C: MAIL FROM:<> ->
         U: 250 ok
         C: RCPT TO:<no@b.example> ->
         U: 550 no
         C: RCPT TO:<a@b.example> ->
         U: 250 ok
         C: RCPT TO:<b@b.example>
         S: 452 4.5.3 too many recipients in one message",
    );
}

#[test]
fn declared_size_over_the_limit_is_refused_before_the_octets() {
    check_greeted("C: MAIL FROM:<> SIZE=1000 ->\nU: 250 ok");
    for size in ["1001", "18446744073709551615"] {
        check_greeted(&format!(
            "C: MAIL FROM:<> SIZE={size}\nS: 552 5.3.4 message size exceeds the limit of this gateway"
        ));
    }
}

#[test]
fn commands_that_are_not_handled_never_reach_upstream() {
    for command in ["STARTTLS", "ATRN", "PROXY TCP4 192.0.2.7 10.0.0.1 54321 25"] {
        check_greeted(&format!("C: {command}\nS: 502 5.5.1 command not implemented"));
    }
}

#[test]
fn unknown_commands_are_upstreams_to_judge() {
    check_greeted("C: WHAT is this ->\nU: 500 5.5.2 unrecognized\nS: 500 5.5.2 unrecognized");
    check_greeted(
        "C: NOOP ->\nU: 250 ok\nC: VRFY ann ->\nU: 252 maybe\nC: HELP ->\nU: 214 see the RFC",
    );
}

#[test]
fn too_many_errors_in_a_row_end_the_session() {
    check(
        "C: STARTTLS\nC: STARTTLS\nC: STARTTLS\nS: 421 4.7.0 too many errors, closing connection",
    );
    check(
        "C: STARTTLS\nC: STARTTLS\nC: NOOP ->\nU: 250 ok\nC: STARTTLS\nS: 502 5.5.1 command not implemented",
    );
}

#[test]
fn lines_that_are_no_commands_count_as_errors() {
    let mut session = Session::new(LIMITS, Rules::default(), Client::default());
    for _ in 0..2 {
        assert!(
            matches!(session.malformed("line too long"), Step::Answer(reply) if reply.code() == 500)
        );
    }
    assert!(matches!(session.malformed("line too long"), Step::End(_)));
}

#[test]
fn line_that_is_not_utf_8_never_reaches_upstream() {
    let mut session = check_greeted("C: MAIL FROM:<> ->\nU: 250 ok");
    for line in [b"RCPT TO:<b\xe9@b.example>".as_slice(), b"EHLO \xff"] {
        let step = session.command(line);
        assert!(matches!(step, Step::Answer(reply) if reply.code() == 501), "{line:?}");
    }
}

#[test]
fn recipient_who_is_named_twice_is_kept_once() {
    let mut session = check_greeted(
        "C: MAIL FROM:<> ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok",
    );
    assert_eq!(transaction_of(&mut session).recipients.len(), 1);
}

#[test]
fn rset_that_upstream_refuses_changes_nothing() {
    let session = check_greeted("C: MAIL FROM:<> ->\nU: 250 ok\nC: RSET x ->\nU: 501 no");
    assert!(session.is_in_transaction());
}

#[test]
fn quit_goes_upstream_and_ends_the_session() {
    let mut session = check_greeted("");
    assert_eq!(session.command(b"QUIT"), Step::PassAndEnd);
    let reply = Reply::of_lines(221, ["bye"]);
    assert_eq!(session.upstream_replied(reply.clone()), reply);
}

fn session_with(starttls: Starttls) -> Session {
    Session::new(LIMITS, Rules { starttls, ..Rules::default() }, Client::default())
}

#[test]
fn starttls_is_offered_until_it_is_active() {
    let mut session = session_with(Starttls::Offered);
    play(
        &mut session,
        "C: EHLO a.example ->
         U: 250 mx.example|STARTTLS
         S: 250-mx.example\\r\\n250-PIPELINING\\r\\n250-CHUNKING\\r\\n250 STARTTLS
         C: STARTTLS now
         S: 501 5.5.4 STARTTLS takes no argument
         C: STARTTLS
         S: 220 2.0.0 ready to start TLS",
    );
    session.encrypted();
    play(
        &mut session,
        "C: STARTTLS
         S: 503 5.5.1 TLS is active already
         C: EHLO a.example ->
         U: 250 mx.example|STARTTLS
         S: 250-mx.example\\r\\n250-PIPELINING\\r\\n250 CHUNKING",
    );
}

#[test]
fn what_was_said_before_tls_does_not_count() {
    let mut session = session_with(Starttls::Offered);
    play(&mut session, GREETED);
    play(&mut session, "C: MAIL FROM:<> ->\nU: 250 ok\nC: RCPT TO:<b@b.example> ->\nU: 250 ok");
    play(&mut session, "C: STARTTLS\nS: 220 2.0.0 ready to start TLS");
    session.encrypted();
    assert!(!session.is_in_transaction());
    play(
        &mut session,
        "C: DATA
         S: 503 5.5.1 need MAIL before DATA
         C: MAIL FROM:<>
         S: 503 5.5.1 say EHLO first",
    );
}

#[test]
fn nothing_goes_on_without_tls_that_is_required() {
    let mut session = session_with(Starttls::Required);
    play(&mut session, GREETED);
    for command in ["MAIL FROM:<>", "VRFY ann"] {
        play(
            &mut session,
            &format!("C: {command}\nS: 530 5.7.0 must issue a STARTTLS command first"),
        );
    }
    play(&mut session, "C: NOOP ->\nU: 250 ok");
    session.encrypted();
    play(&mut session, GREETED);
    play(&mut session, "C: MAIL FROM:<> ->\nU: 250 ok");
}

#[test]
fn login_is_known_when_upstream_accepts_it() {
    let session = check_greeted(
        "C: AUTH PLAIN AGFubgBub3BlAA== ->
         U: 535 no
         S: 535 no
         C: AUTH LOGIN ->
         U: 334 VXNlcm5hbWU6
         S: 334 VXNlcm5hbWU6
         C: YW5u ->
         U: 334 UGFzc3dvcmQ6
         C: c2VjcmV0 ->
         U: 235 welcome
         S: 235 welcome
         C: AUTH PLAIN AGFubgBzZWNyZXQ=
         S: 503 5.5.1 already authenticated
         C: MAIL FROM:<> ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok",
    );
    assert_eq!(session.login(), Some("ann"));
}

#[test]
fn login_that_upstream_refused_is_none() {
    let session = check_greeted(
        "C: AUTH LOGIN YW5u ->
         U: 334 UGFzc3dvcmQ6
         C: * ->
         U: 501 cancelled
         C: MAIL FROM:<> ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok",
    );
    assert_eq!(session.login(), None);
}

#[test]
fn response_that_is_none_cancels_the_exchange() {
    let mut session = check_greeted("C: AUTH PLAIN ->\nU: 334 eA==");
    let step = session.response(b"MAIL FROM:<>");
    assert_eq!(step, Step::Cancel(Reply::new(501, "5.5.2", "response is not base64")));
    session.upstream_replied(Reply::of_lines(501, ["cancelled"]));
    play(&mut session, "C: AUTH PLAIN ->\nU: 334 eA==");
    let step = session.malformed("line too long");
    let text = "authentication exchange line is too long";
    assert_eq!(step, Step::Cancel(Reply::new(500, "5.5.6", text)));
    session.upstream_replied(Reply::of_lines(501, ["cancelled"]));
    assert!(!session.awaits_response());
}

#[test]
fn auth_has_its_place() {
    check("C: AUTH PLAIN\nS: 503 5.5.1 say EHLO first");
    check_greeted("C: AUTH\nS: 501 5.5.4 AUTH needs a mechanism");
    check_greeted(
        "C: MAIL FROM:<> ->\nU: 250 ok\nC: AUTH PLAIN\nS: 503 5.5.1 AUTH is not permitted in a transaction",
    );
}

#[test]
fn auth_waits_for_tls_where_it_must() {
    let rules = Rules { starttls: Starttls::Offered, auth_requires_tls: true, ..Rules::default() };
    let mut session = Session::new(LIMITS, rules, Client::default());
    let refused = "C: AUTH PLAIN AGEAYg==\nS: 538 5.7.11 encryption required for requested authentication mechanism";
    play(&mut session, GREETED);
    play(&mut session, refused);
    session.encrypted();
    play(&mut session, GREETED);
    play(&mut session, "C: AUTH PLAIN AGEAYg== ->\nU: 235 ok");
}

#[test]
fn tls_does_not_begin_behind_auth() {
    let mut session = session_with(Starttls::Offered);
    play(&mut session, GREETED);
    play(
        &mut session,
        "C: AUTH PLAIN AGEAYg== ->\nU: 235 ok\nC: STARTTLS\nS: 503 5.5.1 no STARTTLS behind AUTH",
    );
}

#[test]
fn auth_may_be_longer_than_other_commands() {
    let mut session = check_greeted("");
    let long = "x".repeat(COMMAND_OCTETS_MAX);
    assert!(matches!(session.command(format!("NOOP {long}").as_bytes()), Step::Answer(_)));
    assert_eq!(session.command(format!("AUTH PLAIN {long}").as_bytes()), Step::PassSecret);
    assert!(!format!("{session:?}").contains("xxx"));
}

const OPEN: &str = "C: MAIL FROM:<> ->\nU: 250 ok\nC: RCPT TO:<b@b.example> ->\nU: 250 ok";

#[test]
fn chunks_belong_to_one_transaction() {
    let mut session = check_greeted(OPEN);
    let chunk = |octets, is_first| Chunk { octets, is_first, last: None };
    assert_eq!(session.command(b"BDAT 10"), Step::TakeChunk(chunk(10, true)));
    assert_eq!(session.command(b"bdat 0"), Step::TakeChunk(chunk(0, false)));
    assert!(session.is_chunked() && session.is_in_transaction());
    for command in ["DATA", "MAIL FROM:<>", "RCPT TO:<c@b.example>"] {
        session.errors = 0;
        play(&mut session, &format!("C: {command}\nS: 503 5.5.1 a message has begun with BDAT"));
    }
    let Step::TakeChunk(Chunk { octets: 5, is_first: false, last: Some(transaction) }) =
        session.command(b"BDAT 5 LAST")
    else {
        panic!("the last chunk");
    };
    assert_eq!(transaction.recipients.len(), 1);
    assert!(!session.is_chunked() && !session.is_in_transaction());
}

#[test]
fn chunks_without_a_recipient_are_swallowed() {
    let need_mail = Reply::new(503, "5.5.1", "need MAIL before BDAT");
    assert_eq!(check_greeted("").command(b"BDAT 7"), Step::Swallow(7, need_mail.clone()));
    let mut session = check_greeted("C: MAIL FROM:<> ->\nU: 250 ok");
    let no_recipient = Reply::new(554, "5.5.1", "no valid recipients");
    assert_eq!(session.command(b"BDAT 7 LAST"), Step::Swallow(7, no_recipient));
    let mut session = check_greeted(OPEN);
    session.command(b"BDAT 7");
    session.chunk_refused();
    assert_eq!(session.command(b"BDAT 7 LAST"), Step::Swallow(7, need_mail));
    let mut session = session_with(Starttls::Required);
    assert!(matches!(session.command(b"BDAT 7"), Step::Swallow(7, _)));
}

#[test]
fn chunk_without_a_size_ends_the_session() {
    let mut session = check_greeted(OPEN);
    assert!(matches!(session.command(b"BDAT LAST"), Step::End(reply) if reply.code() == 501));
}

#[test]
fn rset_ends_chunks() {
    let mut session = check_greeted(OPEN);
    session.command(b"BDAT 7");
    play(&mut session, "C: RSET ->\nU: 250 ok");
    assert!(!session.is_chunked());
}

#[test]
fn binary_content_goes_with_chunks() {
    check_greeted("C: MAIL FROM:<> BODY=BINARYMIME\nS: 555 5.5.4 BODY=BINARYMIME is not offered");
    let mut session = check(
        "C: EHLO a.example ->
         U: 250 mx.example|CHUNKING|BINARYMIME
         C: MAIL FROM:<> BODY=binarymime ->
         U: 250 ok
         C: RCPT TO:<b@b.example> ->
         U: 250 ok
         C: DATA
         S: 503 5.5.1 BINARYMIME goes with BDAT",
    );
    let Step::TakeChunk(Chunk { last: Some(transaction), .. }) = session.command(b"BDAT 5 LAST")
    else {
        panic!("the last chunk");
    };
    assert!(transaction.is_binary);
}

fn peer() -> Session {
    let trust = Trust {
        xclient: true,
        xforward: true,
        xsetcontext: true,
        xdumpcontext: true,
        xremoteip: true,
    };
    let client = Client::at(([192, 0, 2, 1], 4_000).into());
    Session::new(LIMITS, Rules { trust, ..Rules::default() }, client)
}

const MAIL: &str = "C: MAIL FROM:<a@a.example> ->\nU: 250 2.1.0 Ok\n\
     C: RCPT TO:<b@b.example> ->\nU: 250 2.1.5 Ok\n";

#[test]
fn client_is_who_says_ehlo() {
    let mut session = peer();
    play(&mut session, &[GREETED, MAIL].concat());
    let transaction = transaction_of(&mut session);
    let client = Client {
        helo: Some("a.example".into()),
        protocol: Some("ESMTP".into()),
        ..Client::at(([192, 0, 2, 1], 4_000).into())
    };
    assert_eq!((transaction.client, transaction.is_forwarded), (client, false));
}

#[test]
fn xclient_puts_another_in_the_place_of_the_peer() {
    let mut session = peer();
    play(&mut session, GREETED);
    play(
        &mut session,
        "C: XCLIENT ADDR=192.0.2.7 NAME=host.example HELO=client.example LOGIN=ann\nS: 220 anew\n\
         C: MAIL FROM:<a@a.example>\nS: 503 5.5.1 say EHLO first",
    );
    session.trust(Trust::default());
    play(&mut session, &[GREETED, MAIL].concat());
    let transaction = transaction_of(&mut session);
    assert_eq!(session.login(), Some("ann"));
    let client = transaction.client;
    // Its port is not that of the peer, and its name not that which the peer calls itself.
    assert_eq!((client.address, client.port), (Some([192, 0, 2, 7].into()), None));
    assert_eq!(
        (client.name.as_deref(), client.helo.as_deref()),
        (Some("host.example"), Some("client.example"))
    );
    assert_eq!(client.protocol.as_deref(), Some("ESMTP"));
    play(&mut session, "C: XCLIENT ADDR=192.0.2.8\nS: 550 5.7.0 insufficient authorization");
}

#[test]
fn several_xclient_add_up() {
    let mut session = peer();
    play(&mut session, "C: XCLIENT HELO=client.example PROTO=SMTP\nS: 220 anew");
    play(&mut session, "C: XCLIENT ADDR=192.0.2.7 PORT=1\nS: 220 anew");
    let client = session.client();
    assert_eq!(
        (client.helo.as_deref(), client.protocol.as_deref()),
        (Some("client.example"), Some("SMTP"))
    );
    assert_eq!((client.address, client.port), (Some([192, 0, 2, 7].into()), Some(1)));
}

#[test]
fn xclient_takes_the_name_of_auth_away() {
    let mut session = peer();
    play(&mut session, GREETED);
    play(&mut session, "C: AUTH PLAIN AGFubgBzZWNyZXQ= ->\nU: 235 2.7.0 welcome");
    play(&mut session, "C: XCLIENT ADDR=192.0.2.7\nS: 220 anew");
    play(&mut session, &[GREETED, MAIL].concat());
    assert_eq!(session.login(), None);
}

#[test]
fn xforward_holds_for_one_message() {
    let mut session = peer();
    play(&mut session, GREETED);
    play(&mut session, "C: XFORWARD ADDR=192.0.2.7 IDENT=4XyZ\nS: 250 2.0.0 Ok");
    play(&mut session, "C: XFORWARD HELO=client.example\nS: 250 2.0.0 Ok");
    assert!(session.sender().1);
    play(&mut session, MAIL);
    let transaction = transaction_of(&mut session);
    let client = Client {
        address: Some([192, 0, 2, 7].into()),
        helo: Some("client.example".into()),
        ident: Some("4XyZ".into()),
        ..Client::default()
    };
    assert_eq!((transaction.client, transaction.is_forwarded), (client, true));
    play(&mut session, MAIL);
    assert!(!transaction_of(&mut session).is_forwarded);
}

#[test]
fn rset_ends_xforward() {
    let mut session = peer();
    play(&mut session, GREETED);
    play(&mut session, "C: XFORWARD ADDR=192.0.2.7\nS: 250 2.0.0 Ok\nC: RSET ->\nU: 250 2.0.0 Ok");
    assert_eq!(session.sender(), (session.client(), false));
}

#[test]
fn what_peers_tell_has_its_place_and_syntax() {
    let mut session = peer();
    play(
        &mut session,
        "C: XCLIENT\nS: 501 5.5.4 XCLIENT: needs attribute=value\n\
         C: XFORWARD ADDR\nS: 501 5.5.4 XFORWARD: attribute=value expected",
    );
    let mut session = peer();
    play(&mut session, GREETED);
    play(
        &mut session,
        "C: MAIL FROM:<a@a.example> ->\nU: 250 2.1.0 Ok\n\
         C: XCLIENT ADDR=192.0.2.7\nS: 503 5.5.1 MAIL transaction in progress\n\
         C: XFORWARD ADDR=192.0.2.7\nS: 503 5.5.1 MAIL transaction in progress",
    );
    check(
        "C: XCLIENT ADDR=192.0.2.7\nS: 550 5.7.0 insufficient authorization\n\
         C: XFORWARD ADDR=192.0.2.7\nS: 550 5.7.0 insufficient authorization",
    );
}

#[test]
fn xremoteip_changes_the_address_at_any_time() {
    let mut session = peer();
    play(&mut session, "C: XREMOTEIP 192.0.2.7\nS: 250 2.0.0 Ok");
    play(&mut session, &[GREETED, MAIL].concat());
    let client = session.client();
    assert_eq!((client.address, client.port), (Some([192, 0, 2, 7].into()), None));
    assert_eq!(client.helo.as_deref(), Some("a.example"));
    play(&mut session, "C: XREMOTEIP IPv6:2001:db8::7\nS: 250 2.0.0 Ok");
    let wanted = "2001:db8::7".parse().ok();
    assert_eq!(transaction_of(&mut session).client.address, wanted);
}

#[test]
fn xremoteip_leaves_a_forwarded_message_alone() {
    let mut session = peer();
    play(&mut session, GREETED);
    play(&mut session, "C: XFORWARD ADDR=192.0.2.9\nS: 250 2.0.0 Ok");
    play(&mut session, MAIL);
    play(&mut session, "C: XREMOTEIP 192.0.2.7\nS: 250 2.0.0 Ok");
    assert_eq!(transaction_of(&mut session).client.address, Some([192, 0, 2, 9].into()));
    assert_eq!(session.client().address, Some([192, 0, 2, 7].into()));
}

#[test]
fn xremoteip_goes_before_ehlo_where_that_tells_upstream() {
    let trust = Trust { xremoteip: true, ..Trust::default() };
    let rules = Rules { trust, is_client_told: true, ..Rules::default() };
    let mut session = Session::new(LIMITS, rules, Client::default());
    play(&mut session, "C: XREMOTEIP 192.0.2.7\nS: 250 2.0.0 Ok");
    play(&mut session, GREETED);
    play(
        &mut session,
        "C: XREMOTEIP 192.0.2.8\nS: 503 5.5.1 upstream was told of the client, XREMOTEIP goes \
         before EHLO",
    );
}

#[test]
fn context_is_trusted_peers_alone() {
    let wanted = vec![("a".to_owned(), "b c".to_owned())];
    assert_eq!(peer().command(b"XSETCONTEXT a=b+20c"), Step::SetContext(wanted));
    assert_eq!(peer().command(b"xdumpcontext"), Step::DumpContext);
    play(
        &mut peer(),
        "C: XSETCONTEXT\nS: 501 5.5.4 XSETCONTEXT: needs name=value\n\
         C: XDUMPCONTEXT all\nS: 501 5.5.4 XDUMPCONTEXT takes no argument",
    );
    play(&mut peer(), "C: XREMOTEIP host.example\nS: 501 5.5.4 XREMOTEIP: needs an IP address");
    for line in ["XSETCONTEXT a=b", "XSETCONTEXT", "XDUMPCONTEXT", "XREMOTEIP 192.0.2.7"] {
        check(&format!("C: {line}\nS: 550 5.7.0 insufficient authorization"));
    }
}

#[test]
fn auth_is_secret_whatever_stands_behind_its_verb() {
    let session = Session::new(LIMITS, Rules::default(), Client::default());
    for line in ["AUTH PLAIN x", "auth\tPLAIN x", "AUTH\x1d P x", "AUTH"] {
        assert!(session.is_secret(line.as_bytes()), "{line}");
    }
    for line in ["AUTHOR x", "AUT", "NOOP AUTH PLAIN x"] {
        assert!(!session.is_secret(line.as_bytes()), "{line}");
    }
}
