//! What it costs to ask scripts about the copy for one recipient; and what Lua itself takes
//! for the work of one of them, with its compiler and without, as policy runs it.
//!
//! `cargo bench -p mailwake --bench policy`

use anyhow::{Context, Result};
use mailwake::policy::{Header, Policy, PolicyConfig, Stage, Subject};
use mlua::{Function, Lua, LuaOptions, StdLib};
use std::{
    hint::black_box,
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALLS: u32 = 100_000;

/// The median of so many rounds is told.
const ROUNDS: usize = 5;

const MESSAGE: &[u8] = b"From: News <news@sender.example>\r\nTo: ann@rcpt.example\r\n\
    Subject: hello\r\nX-Campaign: spring\r\nX-Tag: cat\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/html; charset=utf-8\r\n\r\nbody\r\n";

/// A function that decides by the recipient's domain, with values in place of objects.
const DECIDES: &str = "
local no_opens = { ['private.example'] = true }
return function(rcptto)
  local domain = rcptto:sub(rcptto:find('@', 1, true) + 1):lower()
  local variables = {}
  if no_opens[domain] then variables.smtpapi_open_tracking = 'false' end
  return variables
end";

fn main() -> Result<()> {
    for script in ["tracking_by_domain", "campaign_from_header", "recipients"] {
        let microseconds = asked(script)?;
        tell(&format!("{script}: {microseconds:.2} us a recipient"))?;
    }
    for (name, libraries) in [
        ("without its compiler", StdLib::STRING),
        ("with its compiler", StdLib::STRING | StdLib::JIT),
    ] {
        let microseconds = lua_alone(libraries)?;
        tell(&format!("Lua alone, {name}: {microseconds:.2} us a call"))?;
    }
    Ok(())
}

fn asked(script: &str) -> Result<f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/policy");
    let path = folder.join(script).with_extension("lua");
    let config = PolicyConfig { scripts: vec![path], ..PolicyConfig::default() };
    let policy = Policy::load(config, Arc::default())?;
    let scripts = policy.current().context("there is a script")?;
    let header = Header::of(MESSAGE);
    Ok(microseconds(|| {
        let mut subject = Subject {
            mailfrom: "news@sender.example".into(),
            rcptto: "ann@private.example".into(),
            header: Some(header.clone()),
            ..Subject::default()
        };
        let refusal = scripts.ask(Stage::DataSpoolEachRcpt, "", &mut subject);
        black_box((refusal, subject));
    }))
}

fn lua_alone(libraries: StdLib) -> Result<f64> {
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    let decide: Function = lua.load(DECIDES).eval()?;
    // The loop is in Lua, so that its compiler has something to compile, and its calls differ
    // and count, so that none is left out.
    let many = "local decide, calls = ...
        local rcptto, off = { 'ann@private.example', 'bob@public.example' }, 0
        for call = 1, calls do
          if decide(rcptto[call % 2 + 1]).smtpapi_open_tracking then off = off + 1 end
        end
        return off";
    let many = lua.load(many).into_function()?;
    let mut times = Vec::new();
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        let off: u32 = many.call((&decide, CALLS))?;
        times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
        anyhow::ensure!(off == CALLS / 2, "half of the recipients want no pixels, not {off}");
    }
    Ok(median(times))
}

/// How long a call takes; the first round warms up.
fn microseconds(mut call: impl FnMut()) -> f64 {
    let mut times = Vec::new();
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        (0..CALLS).for_each(|_| call());
        times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
    }
    median(times.split_off(1))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn tell(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
