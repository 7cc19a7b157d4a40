//! Scripts that do what they must not: each is contained, and the next call goes on.

use super::*;
use std::time::Instant;

/// A body that must fail, soon; a state behind it works.
#[track_caller]
fn contained(body: &str) -> Subject {
    let mut stagehand = Stagehand::new(&[("test.lua", &script(Stage::Data, body))]);
    stagehand.config.instructions_max = 200_000;
    stagehand.config.memory_octets_max = 8 << 20;
    let scripts = stagehand.load().unwrap_or_else(|error| panic!("{error}"));
    let mut subject = subject();
    for number in 1..=2 {
        let began = Instant::now();
        assert_eq!(scripts.ask(Stage::Data, "", &mut subject), None);
        assert!(began.elapsed() < Duration::from_secs(20), "{body}");
        assert_eq!(stagehand.failures(), number, "{body}");
    }
    subject
}

#[test]
fn endless_loops() {
    contained("while true do end");
    contained("repeat until false");
    contained("local function f() return f() end f()");
    contained("while true do pcall(function() while true do end end) end");
    contained("local function f() return pcall(f) end while true do f() end");
    contained("xpcall(function() while true do end end, function() while true do end end)");
    contained("while true do xpcall(error, function() while true do end end) end");
    contained("coroutine.wrap(function() while true do end end)()");
    contained(
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    );
    contained(
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
    );
    contained("return tostring(setmetatable({}, {__tostring = function() while true do end end}))");
    contained("print(setmetatable({}, {__tostring = function() while true do end end}))");
    contained(
        "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    );
    contained("error(setmetatable({}, {__tostring = function() while true do end end}))");
    contained("table.sort({3, 2, 1}, function() while true do end end)");
    contained("('x'):gsub('x', function() while true do end end)");
    contained("return pcall(function() while true do end end)");
}

#[test]
fn patterns_that_never_end() {
    contained("(('a'):rep(5000)):find('.-.-.-.-.-.-b')");
    contained("(('a'):rep(5000)):match(('a*'):rep(30) .. 'b')");
    contained("(('a'):rep(5000)):gsub('.-.-.-.-.-.-b', '')");
    contained("for x in (('a'):rep(5000)):gmatch('.-.-.-.-.-.-b') do end");
    contained("while true do pcall(string.find, ('a'):rep(5000), '.-.-.-.-b') end");
}

#[test]
fn memory_eaters() {
    contained("local t = {} while true do t[#t + 1] = {} end");
    contained("local s = 'x' while true do s = s .. s end");
    contained("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) end");
    contained("return ('x'):rep(1e10)");
    contained("return ('x'):rep(1e9, 'y')");
    contained("local s = ('x'):rep(1e6) s = s:gsub('x', s)");
    contained("local t = {} for i = 1, 1e8 do t[i] = i end return table.concat(t)");
    contained(
        "hoard = hoard or {} while true do hoard[#hoard + 1] = ('x'):rep(1000) .. #hoard end",
    );
    contained("for i = 1, 1e6 do msg:context_set(1, 'k' .. i, ('x'):rep(1000)) end");
    contained("for i = 1, 1e6 do msg:header('X-A', ('x '):rep(400), 'append') end");
}

#[test]
fn slow_functions_of_the_library() {
    contained("local t = {} for i = 1, 1e9 do table.insert(t, 1, i) end");
    contained(
        "local t = {} for i = 1, 1e9 do t[i] = 0 if i % 100 == 0 then table.remove(t, 1) end end",
    );
    contained("local s = ('x'):rep(4e6) while true do s:upper() end");
    contained("while true do collectgarbage() end");
    contained("while true do (''):rep(2e9) end");
    contained("table.insert({}, -2147483647, 1)");
    contained("table.insert({}, 0 / 0, 1)");
    contained(
        "local a = ('a'):rep(2e6) local b, t = a .. 'b', {} \
         for i = 1, 20000 do t[i] = i % 2 == 0 and a or b end table.sort(t)",
    );
}

#[test]
fn what_reaches_outside_is_not_there() {
    for body in [
        "io.open('/etc/passwd')",
        "os.execute('true')",
        "os.exit()",
        "os.remove('/tmp/x')",
        "os.getenv('HOME')",
        "os.rename('a', 'b')",
        "os.tmpname()",
        "os.setlocale('C')",
        "dofile('/etc/passwd')",
        "loadfile('/etc/passwd')",
        "loadstring('return 1')",
        "load(function() end)",
        "string.dump(function() end)",
        "debug.getinfo(1)",
        "package.loadlib('x', 'y')",
        "require('ffi')",
        "require('jit')",
        "require('debug')",
        "require('io')",
        "require('package')",
        "require('/tmp/x')",
        "jit.on()",
        "newproxy(true)",
        "getfenv(0)",
        "setfenv(1, {})",
        "module('x')",
        "getmetatable(msg).__index.context_set = nil",
        "setmetatable(msg, {})",
        "getmetatable('').__index = function() end",
        "msys.registerModule('again', {})",
    ] {
        contained(body);
    }
}

#[test]
fn bytecode_is_not_loaded() {
    // What LuaJIT writes of an empty function.
    let stagehand = Stagehand::new(&[("test.lua", "")]);
    let path = &stagehand.config.scripts[0];
    fs::write(path, b"\x1bLJ\x02\x02\x15\x02\x00\x01\x00\x00\x00\x01K\x00\x01\x00\x00")
        .expect("a file");
    assert!(stagehand.load().is_err());
}

#[test]
fn errors_of_any_kind() {
    contained("error('oh')");
    contained("error({})");
    contained("error()");
    contained("error(msg)");
    contained("return msg.nothing.nothing");
    contained("msg:nothing()");
    contained("msg.context_set()");
    contained("msg.context_set({}, 1, 2, 3)");
    contained("vctx.set_code(msg, 550, 'x')");
    contained("local function f() return f() + 1 end f()");
    contained("setmetatable(_G, {__index = function(_, k) return k.x.y end}) return nothing.x()");
}

#[test]
fn what_was_set_before_a_failure_stays() {
    let subject = contained("msg:context_set(1, 'a', 'b') error('oh')");
    assert_eq!(get(&subject, "a"), Some("b"));
}

#[test]
fn globals_are_kept_in_a_state_until_it_is_worn_out() {
    let body = "seen = (seen or 0) + 1 msg:context_set(1, 'seen', seen) \
                if seen == 3 then while true do end end";
    let stagehand = Stagehand::new(&[("test.lua", &script(Stage::Data, body))]);
    let scripts = stagehand.load().expect("a script");
    let seen: Vec<_> = (0..5)
        .map(|_| {
            let mut subject = subject();
            scripts.ask(Stage::Data, "", &mut subject);
            get(&subject, "seen").unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(seen, ["1", "2", "3", "1", "2"]);
}

#[test]
fn a_message_is_not_kept_from_call_to_call() {
    let source = "local mod, kept = {}\n\
        function mod:validate_data(msg) kept = msg return msys.core.VALIDATE_CONT end\n\
        function mod:validate_connect() return kept:rcptto() and msys.core.VALIDATE_CONT end\n\
        function mod:deinit() kept:rcptto() return true end\n\
        msys.registerModule('x', mod)";
    let stagehand = Stagehand::new(&[("test.lua", source)]);
    let scripts = stagehand.load().expect("a script");
    scripts.ask(Stage::Data, "", &mut subject());
    assert_eq!(stagehand.failures(), 0);
}

#[test]
fn a_failure_is_described_in_one_line_with_its_place() {
    let describe = |body: &str| {
        let stagehand = Stagehand::new(&[("test.lua", &script(Stage::Data, body))]);
        let scripts = stagehand.load().expect("a script");
        let mut state = scripts.state().expect("a state");
        let (_, failures) = state.ask(Stage::Data, "", subject());
        failures[0].text.clone()
    };
    assert_eq!(describe("error('oh')"), "test.lua:5: oh");
    assert_eq!(
        describe("\nmsg:rcptto('x@y')"),
        "test.lua:6: the envelope is changed in \
        validate_data_spool_each_rcpt, not in validate_data"
    );
    assert_eq!(
        describe("local x = nil\nx.y = 1"),
        "test.lua:6: attempt to index local 'x' (a nil value)"
    );
    assert_eq!(
        describe("while true do end"),
        "test.lua:5: a call took more than \
        policy.instructions_max or call_ms_max"
    );
    assert_eq!(
        describe("return 7"),
        "it returned another number, and not VALIDATE_CONT or VALIDATE_DONE"
    );
}

#[test]
fn recursion_through_functions_of_the_library() {
    contained("local function f() return (('x'):gsub('x', f)) end f()");
    contained(
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return (k:gsub('x', t)) end return ('x'):gsub('x', t)",
    );
    contained("local function f() coroutine.wrap(f)() end f()");
    contained("local function f() coroutine.resume(coroutine.create(f)) end f() error('caught')");
    contained(
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() print(t) end print(t)",
    );
    contained("local t = setmetatable({}, {}) getmetatable(t).__tostring = print print(t)");
    contained("local function f() table.sort({3, 2, 1}, f) end f()");
    contained("local function f() pcall(f) end f() error('caught')");
    contained("local function f() pcall(function() return ('x'):gsub('x', f) end) f() end f()");
}
