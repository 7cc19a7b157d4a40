//! What a script finds in a state: Lua 5.1 without all that reaches beyond it or cannot be
//! stopped, and Momentum's `msys`.

use super::{
    message::{self, Shared, part_of, printed},
    meter::Meter,
    strings,
};
use mail::address;
use mlua::{HookTriggers, Lua, LuaOptions, StdLib, Table, Value, Variadic, VmState};
use std::sync::Arc;
use tracing::{Level, debug, info};

/// After so many instructions the hook looks whether the call may go on.
const INSTRUCTIONS_BETWEEN_LOOKS: u32 = 250;

/// The names that stay. What is not here is not there: `load` and its kin (they take
/// bytecode, which can do anything), `newproxy` (what it makes is finalised where no hook
/// runs), `getfenv` and `setfenv` (they reach the functions that are behind these).
const GLOBALS: &[&str] = &[
    "_G",
    "_VERSION",
    "assert",
    "error",
    "getmetatable",
    "ipairs",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "coroutine",
    "bit",
    "math",
    "os",
    "string",
    "table",
];

/// What stays of libraries that do not stay whole.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("os", &["clock", "date", "difftime", "time"]),
    // `dump` gives bytecode. Those that match patterns are put in again.
    ("string", &["byte", "char", "format", "len", "lower", "reverse", "sub", "upper"]),
    ("table", &["concat", "insert", "maxn", "remove", "sort"]),
];

/// Modules of Momentum that a script may require: all that they give is there already.
const MODULES: &[&str] = &["msys.extended.ac", "msys.extended.message", "msys.extended.vctx"];

/// Lua's own calls the handler where the error is, and behind an error of the hook no hook
/// runs: a handler could go on for ever. So it is called when the error has left.
const XPCALL: &str = "
local pcall = pcall
local function settle(handler, is_done, ...)
  if is_done then return true, ... end
  return false, handler(...)
end
return function(f, handler, ...) return settle(handler, pcall(f, ...)) end
";

/// Lua's own works in C, where nobody can stop it: texts take long to compare, and there are
/// orders of values that take it years. This one merges runs, in the number of comparisons
/// that it takes at most, and leaves the list as it was when one of them fails.
const SORT: &str = "
local function is_less(a, b) return a < b end
return function(list, is_before)
  is_before = is_before or is_less
  local count = #list
  local from, to = {}, {}
  for at = 1, count do from[at] = list[at] end
  local width = 1
  while width < count do
    for first = 1, count, 2 * width do
      local left, right = first, first + width
      local left_end = right <= count and right or count + 1
      local right_end = right + width <= count and right + width or count + 1
      for at = first, right_end - 1 do
        if left < left_end and (right >= right_end or not is_before(from[right], from[left])) then
          to[at], left = from[left], left + 1
        else
          to[at], right = from[right], right + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  for at = 1, count do list[at] = from[at] end
end
";

/// Lua's own takes any place for one to begin at, and makes room from there on.
const INSERT: &str = "
local insert, select, tonumber, error = table.insert, select, tonumber, error
return function(list, ...)
  if select('#', ...) == 2 then
    local place = tonumber((...))
    if not (place and place >= 1 and place < 2^31) then
      error(\"bad argument #2 to 'insert' (position out of bounds)\", 2)
    end
  end
  return insert(list, ...)
end
";

/// A state without a script. What it may use of memory is still without a limit.
pub(super) fn state(shared: &Shared, meter: &Arc<Meter>, print_level: Level) -> mlua::Result<Lua> {
    // Without the library `jit` nothing is compiled: compiled code calls no hook.
    let libraries = StdLib::TABLE | StdLib::OS | StdLib::STRING | StdLib::BIT | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    let globals = lua.globals();
    for (name, kept) in LIBRARIES {
        keep(&globals.get(*name)?, kept)?;
    }
    keep(&globals, GLOBALS)?;
    let string: Table = globals.get("string")?;
    strings::replace(&lua, &string, meter)?;
    // All texts share one metatable.
    let of_texts: Option<Table> = globals.get::<mlua::Function>("getmetatable")?.call("")?;
    if let Some(of_texts) = of_texts {
        of_texts.set("__metatable", false)?;
    }
    globals.set("xpcall", lua.load(XPCALL).set_name("=xpcall").eval::<Value>()?)?;
    let table: Table = globals.get("table")?;
    table.set("insert", lua.load(INSERT).set_name("=insert").eval::<Value>()?)?;
    table.set("sort", lua.load(SORT).set_name("=sort").eval::<Value>()?)?;
    let (shared_of_print, own) = (shared.clone(), meter.clone());
    globals.set(
        "print",
        lua.create_function(move |lua, values: Variadic<Value>| {
            // It calls `tostring`, which may call it again without an instruction between.
            if !own.look() {
                return Err(exhausted(&own, ""));
            }
            let text = printed(lua, values)?;
            let script = shared_of_print.lock().script.clone();
            let script = script.as_deref().unwrap_or_default();
            match print_level {
                Level::INFO => info!(script, "{text}"),
                _ => debug!(script, "{text}"),
            }
            Ok(())
        })?,
    )?;
    // The sizes are nobody's business, and the rest would stop or overwork the collector.
    globals.set(
        "collectgarbage",
        lua.create_function(|lua, what: Option<String>| {
            Ok(match what.as_deref() {
                Some("count") => lua.used_memory() as f64 / 1024.0,
                _ => 0.0,
            })
        })?,
    )?;
    let msys = msys(&lua)?;
    globals.set("require", require(&lua, &msys)?)?;
    globals.set("msys", msys)?;
    limit(&lua, meter)?;
    Ok(lua)
}

/// Takes everything out of a table but what is named.
fn keep(table: &Table, names: &[&str]) -> mlua::Result<()> {
    for pair in table.pairs::<Value, Value>() {
        let (name, _) = pair?;
        let is_kept = name
            .as_string()
            .is_some_and(|name| names.iter().any(|kept| kept.as_bytes() == &*name.as_bytes()));
        if !is_kept {
            table.set(name, Value::Nil)?;
        }
    }
    Ok(())
}

/// `msys`, but for `registerModule`, which there is while scripts are loaded.
fn msys(lua: &Lua) -> mlua::Result<Table> {
    let core = lua.create_table()?;
    core.set("VALIDATE_CONT", Answer::Continue as u8)?;
    core.set("VALIDATE_DONE", Answer::Done as u8)?;
    core.set("VALIDATE_AGAIN", Answer::Again as u8)?;
    for of_message in ["ECMESS_CTX_MESS", "VCTX_MESS"] {
        core.set(of_message, message::OF_MESSAGE)?;
    }
    for of_connection in ["ECMESS_CTX_CONN", "VCTX_CONN"] {
        core.set(of_connection, message::OF_CONNECTION)?;
    }
    let msys = lua.create_table()?;
    msys.set("core", core)?;
    msys.set(
        "parseRFC2822Addresses",
        lua.create_function(|_, (value, part): (String, Option<String>)| {
            let part = part.as_deref().unwrap_or("all");
            let found = address::list::addresses(&value);
            found.iter().map(|address| part_of(address, part)).collect::<Result<Vec<_>, _>>()
        })?,
    )?;
    Ok(msys)
}

/// What a function of a script gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// `VALIDATE_CONT`: the next script is asked.
    Continue = 1,
    /// `VALIDATE_DONE`: no further script is asked.
    Done = 2,
    /// `VALIDATE_AGAIN`: the script is not ready, which it always must be here.
    Again = 3,
}

fn require(lua: &Lua, msys: &Table) -> mlua::Result<mlua::Function> {
    let msys = msys.clone();
    lua.create_function(move |lua, name: String| match name.as_str() {
        "msys" => Ok(msys.clone()),
        "msys.core" => msys.get("core"),
        name if MODULES.contains(&name) => lua.create_table(),
        "bit" | "math" | "os" | "string" | "table" => lua.globals().get(name),
        other => Err(mlua::Error::runtime(format!(
            "module {other:?} is not there: of Momentum's there are msys.core, {}",
            MODULES.join(", ")
        ))),
    })
}

/// Ends a call that does too much, or nests too deeply. From then on each further instruction ends it again, so
/// that a script which catches the error does not go on.
fn limit(lua: &Lua, meter: &Arc<Meter>) -> mlua::Result<()> {
    let meter = meter.clone();
    let triggers = |instructions| HookTriggers::new().every_nth_instruction(instructions);
    lua.set_global_hook(triggers(INSTRUCTIONS_BETWEEN_LOOKS), move |lua, debug| {
        if meter.spend(INSTRUCTIONS_BETWEEN_LOOKS.into()) && meter.look() {
            return Ok(VmState::Continue);
        }
        let line = debug.current_line().unwrap_or_default();
        let file = debug.source().short_src.map(|file| format!("{file}:{line}: "));
        let place: Arc<str> = file.unwrap_or_default().into();
        let error = exhausted(&meter, &place);
        let again = meter.clone();
        lua.set_global_hook(triggers(1), move |_, _| Err(exhausted(&again, &place)))?;
        Err(error)
    })
}

/// The error of a call that does too much, and where it was.
pub(super) fn exhausted(meter: &Meter, place: &str) -> mlua::Error {
    mlua::Error::runtime(format!("{place}{}", meter.excess()))
}
