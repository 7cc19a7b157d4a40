//! The calls that Momentum documents.

use super::*;

#[test]
fn context_variables_are_text() {
    assert_eq!(eval("out = msg:context_get(msys.core.ECMESS_CTX_MESS, 'none')"), "");
    let set = "local M = msys.core.ECMESS_CTX_MESS\nmsg:context_set(M, 'a', ";
    assert_eq!(eval(&format!("{set} 1)\nout = type(msg:context_get(M, 'a'))")), "string");
    assert_eq!(eval(&format!("{set} 1.5)\nout = msg:context_get(M, 'a')")), "1.5");
    assert_eq!(eval(&format!("{set} true)\nout = msg:context_get(M, 'a')")), "true");
    assert_eq!(eval(&format!("{set} nil)\nout = msg:context_exists(M, 'a')")), "0");
    assert_eq!(eval(&format!("{set} 'x')\nout = msg:context_exists(M, 'a')")), "1");
    assert_eq!(
        eval(&format!("{set} 'x')\nlocal e, v = msg:context_exists_and_get(M, 'a') out = e .. v")),
        "1x"
    );
    assert_eq!(
        eval("local e, v = msg:context_exists_and_get(1, 'a') out = e .. tostring(v)"),
        "0nil"
    );
    assert_eq!(
        eval(&format!("{set} 1)\nout = msg:context_delete(M, 'a') .. msg:context_delete(M, 'a')")),
        "10"
    );
    assert_eq!(
        eval(
            "vctx:set(msys.core.VCTX_CONN, 'c', 'x')
             out = msg:context_get(msys.core.ECMESS_CTX_CONN, 'c') .. vctx:get(msys.core.VCTX_MESS, 'c')"
        ),
        "x"
    );
}

#[test]
fn the_envelope_is_seen_and_changed() {
    assert_eq!(eval("out = msg:rcptto()"), "Ann@Example.COM");
    assert_eq!(eval("out = msg:mailfrom()"), "news@sender.example");
    assert_eq!(eval("out = msg:routing_domain()"), "example.com");
    assert_eq!(eval("out = msg.id"), "00112233445566778899");
    assert_eq!(eval("out = accept.remote_addr"), "192.0.2.1:2525");
    assert_eq!(
        eval("out = msg:rcptto('<bo@b.example>') .. msg:routing_domain()"),
        "bo@b.exampleb.example"
    );
    assert_eq!(eval("out = '[' .. msg:mailfrom('') .. ']'"), "[]");
}

#[test]
fn an_address_that_would_end_its_line_is_refused() {
    for address in ["", "x", "a@b> SIZE=1", "a@b\\r\\nRCPT TO:<c@d>", "a@b c", "ö@b.example"] {
        let body = format!("msg:rcptto('{address}')");
        let (stagehand, subject, _) = run(Stage::DataSpoolEachRcpt, &body);
        assert_eq!((stagehand.failures(), &*subject.rcptto), (1, "Ann@Example.COM"), "{address}");
    }
}

#[test]
fn the_envelope_changes_in_the_last_stage_alone() {
    let (stagehand, subject, _) = run(Stage::DataSpool, "msg:rcptto('bo@b.example')");
    assert_eq!((stagehand.failures(), &*subject.rcptto), (1, "Ann@Example.COM"));
}

#[test]
fn fields_are_seen_decoded() {
    assert_eq!(eval("local h = msg:header('x-a') out = #h .. h[1] .. h[2]"), "21ö");
    assert_eq!(eval("out = tostring(msg:header('X-None')[1])"), "nil");
    assert_eq!(
        eval("out = table.concat(msg:address_header('From', 'domain'), ' ')"),
        "a.example b.example"
    );
    assert_eq!(eval("out = table.concat(msg:address_header('From', 'user'), ' ')"), "ann bo");
    assert_eq!(eval("out = table.concat(msg:address_header('From', 'detail'), '.')"), "x.");
    assert_eq!(
        eval("out = table.concat(msg:address_header('From'), ' ')"),
        "ann+x@a.example bo@b.example"
    );
    assert_eq!(eval("out = msys.parseRFC2822Addresses('A <a@b>', 'localpart')[1]"), "a");
}

#[test]
fn fields_are_changed() {
    let check = |body: &str, wanted: &str| {
        let (stagehand, subject, _) = run(Stage::DataSpool, body);
        assert_eq!(stagehand.failures(), 0, "{body}");
        let message = b"X-A: 1\r\nSubject: Hi\r\n\r\nbody";
        let mut header = Header::of(message);
        let changed = subject.header.expect("a header");
        assert!(changed.is_changed());
        // The same changes to a shorter message.
        let stagehand = Stagehand::new(&[("test.lua", &script(Stage::DataSpool, body))]);
        let mut subject = Subject { header: Some(header.clone()), ..Subject::default() };
        stagehand.load().expect("a script").ask(Stage::DataSpool, "", &mut subject);
        header = subject.header.expect("a header");
        assert_eq!(String::from_utf8_lossy(&header.apply(message)), wanted, "{body}");
    };
    check("msg:header('X-B', 'v')", "X-A: 1\r\nSubject: Hi\r\nX-B: v\r\n\r\nbody");
    check("msg:header('x-a', '2')", "Subject: Hi\r\nx-a: 2\r\n\r\nbody");
    check("msg:header('X-A', '2', 'append')", "X-A: 1\r\nSubject: Hi\r\nX-A: 2\r\n\r\nbody");
    check("msg:header('X-A', '2', 'prepend')", "X-A: 2\r\nX-A: 1\r\nSubject: Hi\r\n\r\nbody");
    check("msg:header('X-A', '')", "Subject: Hi\r\n\r\nbody");
    check(
        "msg:header('X-B', {'v', 'w'}, 'append')",
        "X-A: 1\r\nSubject: Hi\r\nX-B: v\r\nX-B: w\r\n\r\nbody",
    );
    check("msg:header('X-B', 'ö')", "X-A: 1\r\nSubject: Hi\r\nX-B: =?UTF-8?B?w7Y=?=\r\n\r\nbody");
    check("msg:header('X-B', 'a\\n b')", "X-A: 1\r\nSubject: Hi\r\nX-B: a\r\n b\r\n\r\nbody");
    check(
        "msg:header('X-B', 'v') msg:header('X-A', msg:header('X-B')[1]) msg:header('X-B', '')",
        "Subject: Hi\r\nX-A: v\r\n\r\nbody",
    );
}

#[test]
fn no_script_writes_another_field_or_into_the_body() {
    for value in ["a\\r\\nBcc: x@y", "a\\n\\nbody", "a\\0b", "a\\n"] {
        let (stagehand, subject, _) =
            run(Stage::DataSpool, &format!("msg:header('X-B', '{value}')"));
        assert_eq!(stagehand.failures(), 1, "{value}");
        assert!(!subject.header.expect("a header").is_changed());
    }
    for name in ["", "a b", "a:b", "a\\nb", "ö"] {
        let (stagehand, ..) = run(Stage::DataSpool, &format!("msg:header('{name}', 'x')"));
        assert_eq!(stagehand.failures(), 1, "{name}");
    }
}

#[test]
fn codes_refuse() {
    let check = |body: &str, wanted: Option<(Reply, bool)>| {
        let (stagehand, _, refusal) = run(Stage::DataSpool, body);
        assert_eq!(stagehand.failures(), 0, "{body}");
        let refusal = refusal.map(|refusal| (refusal.reply, refusal.ends_session));
        assert_eq!(refusal, wanted, "{body}");
    };
    check("vctx:set_code(550, '5.7.1 no')", Some((reply(550, "5.7.1 no"), false)));
    check("vctx:set_code('451', 'later')", Some((reply(451, "later"), false)));
    check("msg:code(0, '554 no')", Some((reply(554, "no"), false)));
    check("vctx:set_code(421, 'bye')", Some((reply(421, "bye"), true)));
    check("vctx:disconnect(550, 'bye')", Some((reply(550, "bye"), true)));
    check(
        "vctx:set_code(550, 'one\\ntwo\\n')",
        Some((Reply::of_lines(550, ["one", "two"]), false)),
    );
    check(
        "vctx:set_code(550, 'a\\r\\n250 b\\001')",
        Some((Reply::of_lines(550, ["a", "250 b "]), false)),
    );
    check("vctx:set_code(250, 'fine')", None);
    check("vctx:set_code(550, 'no') vctx:set_code(250, 'well')", None);
    check("assert(msg:code() == '') msg:code(250, 'x') assert(msg:code() == '250 x')", None);
}

#[test]
fn codes_that_are_none_are_failures() {
    for body in [
        "vctx:set_code(354, 'go')",
        "vctx:set_code('x', 'y')",
        "vctx:set_code(99999, 'y')",
        "vctx:set_code(550, string.rep('x', 600))",
        "vctx:disconnect(250, 'bye')",
        "vctx:set_code()",
    ] {
        let (stagehand, _, refusal) = run(Stage::DataSpool, body);
        assert_eq!((stagehand.failures(), refusal), (1, None), "{body}");
    }
}

#[test]
fn answers_that_are_none_are_failures() {
    for answer in ["nil", "true", "7", "'x'", "msys.core.VALIDATE_AGAIN"] {
        let (stagehand, ..) = run(Stage::Data, &format!("return {answer}"));
        assert_eq!(stagehand.failures(), 1, "{answer}");
    }
}

#[test]
fn a_failure_may_defer() {
    let source = script(Stage::MailFrom, "error('oh')");
    let mut stagehand = Stagehand::new(&[("test.lua", &source)]);
    stagehand.config.on_error = OnError::Defer;
    let refusal = stagehand.load().expect("a script").ask(Stage::MailFrom, "", &mut subject());
    assert_eq!(refusal.map(|refusal| refusal.reply.code()), Some(451));
}

#[test]
fn strings_are_those_of_lua() {
    assert_eq!(eval("out = ('hello world'):gsub('o', '0')"), "hell0 w0rld");
    assert_eq!(eval("out = ('abc'):gsub('%w', '%0%0')"), "aabbcc");
    assert_eq!(eval("out = ('abc'):gsub('', '-')"), "-a-b-c-");
    assert_eq!(eval("out = ('x = 1, y = 2'):gsub('(%w+) = (%w+)', '%2 = %1')"), "1 = x, 2 = y");
    assert_eq!(eval("out = ('$a $b'):gsub('%$(%w+)', {a = 'x'})"), "x $b");
    assert_eq!(
        eval("out = ('abc'):gsub('.', function(c) if c == 'b' then return 'B' end end)"),
        "aBc"
    );
    assert_eq!(eval("local _, n = ('abc'):gsub('.', '', 2) out = n"), "2");
    assert_eq!(
        eval("out = '' for k, v in ('a=1,b=2'):gmatch('(%w+)=(%w+)') do out = out .. v .. k end"),
        "1a2b"
    );
    assert_eq!(
        eval("out = '' for w in ('ab c'):gmatch('%a*') do out = out .. '<' .. w .. '>' end"),
        "<ab><><c><>"
    );
    assert_eq!(eval("out = ('a.b'):find('.', 1, true)"), "2");
    assert_eq!(eval("out = ('key = value'):match('^(%w+)%s*=%s*(%w+)$')"), "key");
    assert_eq!(eval("out = ('ab'):rep(3, ',')"), "ab,ab,ab");
}

#[test]
fn lists_are_sorted_and_made_longer() {
    let sorted = |list: &str, arguments: &str| {
        eval(&format!("local t = {list} table.sort(t{arguments}) out = table.concat(t, ' ')"))
    };
    assert_eq!(sorted("{}", ""), "");
    assert_eq!(sorted("{1}", ""), "1");
    assert_eq!(sorted("{3, 1, 2, 10, 5, 4, 9, 8, 7, 6, 0}", ""), "0 1 2 3 4 5 6 7 8 9 10");
    assert_eq!(sorted("{'b', 'c', 'a'}", ", function(a, b) return a > b end"), "c b a");
    assert_eq!(
        sorted("{'bb', 'a', 'cc', 'd'}", ", function(a, b) return #a < #b end"),
        "a d bb cc"
    );
    let wrong = eval("out = select(2, pcall(table.sort, {1, 'x'}))");
    assert!(wrong.contains("attempt to compare"), "{wrong}");
    let list = "local t = {'b'} table.insert(t, 'd') table.insert(t, 1, 'a') table.insert(t, 3, 'c') \
                out = table.concat(t)";
    assert_eq!(eval(list), "abcd");
    let wrong = eval("out = select(2, pcall(table.insert, {}, -1, 'x'))");
    assert!(wrong.contains("position out of bounds"), "{wrong}");
}
