//! The string functions of Lua that match patterns, each within the budget of its call.

use super::{
    meter::Meter,
    pattern::{self, Captured, Found, PatternError},
    sandbox::exhausted,
};
use mlua::{Function, IntoLua, Lua, LuaString, MultiValue, Table, Value};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Most octets that `string.rep` and `string.gsub` make.
const RESULT_OCTETS_MAX: usize = 16 << 20;

/// Puts them in the place of Lua's own.
pub(super) fn replace(lua: &Lua, string: &Table, meter: &Arc<Meter>) -> mlua::Result<()> {
    let own = meter.clone();
    let find = lua.create_function(
        move |lua,
              (subject, pattern, from, is_plain): (
            LuaString,
            LuaString,
            Option<i64>,
            Option<bool>,
        )| {
            find(lua, &own, &subject.as_bytes(), &pattern.as_bytes(), from, is_plain == Some(true))
        },
    )?;
    string.set("find", find)?;
    let own = meter.clone();
    let matching = lua.create_function(
        move |lua, (subject, pattern, from): (LuaString, LuaString, Option<i64>)| {
            let subject = subject.as_bytes();
            let from = start(from, subject.len());
            match search(&own, &subject, &pattern.as_bytes(), from, true)? {
                Some(found) => captures(lua, &subject, &found),
                None => Ok(MultiValue::from_iter([Value::Nil])),
            }
        },
    )?;
    string.set("match", matching)?;
    let own = meter.clone();
    let gmatch = lua.create_function(move |lua, (subject, pattern): (LuaString, LuaString)| {
        iterator(lua, &own, subject, pattern)
    })?;
    string.set("gmatch", gmatch)?;
    let own = meter.clone();
    let gsub = lua.create_function(
        move |lua, (subject, pattern, with, most): (LuaString, LuaString, Value, Option<i64>)| {
            let substitution = Substitution { lua, meter: &own, with: &with };
            substitution.make(&subject.as_bytes(), &pattern.as_bytes(), most)
        },
    )?;
    string.set("gsub", gsub)?;
    let own = meter.clone();
    let rep = lua.create_function(move |lua, args: (LuaString, i64, Option<LuaString>)| {
        repeat(lua, &own, args)
    })?;
    string.set("rep", rep)
}

/// Where a search begins: a place counted from 1, or from the end if it is negative.
fn start(from: Option<i64>, len: usize) -> usize {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from = match from.unwrap_or(1) {
        from @ ..0 => len.saturating_add(from),
        from => from - 1,
    };
    usize::try_from(from.clamp(0, len)).unwrap_or_default()
}

fn search(
    meter: &Meter,
    subject: &[u8],
    pattern: &[u8],
    from: usize,
    has_anchor: bool,
) -> mlua::Result<Option<Found>> {
    pattern::find(subject, pattern, from, has_anchor, meter).map_err(mlua::Error::external)
}

fn find(
    lua: &Lua,
    meter: &Meter,
    subject: &[u8],
    pattern: &[u8],
    from: Option<i64>,
    is_plain: bool,
) -> mlua::Result<MultiValue> {
    let from = start(from, subject.len());
    let found = match is_plain || !pattern::has_specials(pattern) {
        true => {
            spend(meter, subject.len() / 64)?;
            let at = memchr::memmem::find(&subject[from..], pattern);
            at.map(|at| Found {
                start: from + at,
                end: from + at + pattern.len(),
                captures: Vec::new(),
            })
        }
        false => search(meter, subject, pattern, from, true)?,
    };
    let Some(found) = found else { return Ok(MultiValue::from_iter([Value::Nil])) };
    let mut values = MultiValue::with_capacity(2 + found.captures.len());
    values.push_back((found.start + 1).into_lua(lua)?);
    values.push_back(found.end.into_lua(lua)?);
    for capture in &found.captures {
        values.push_back(captured(lua, subject, *capture)?);
    }
    Ok(values)
}

fn captured(lua: &Lua, subject: &[u8], capture: Captured) -> mlua::Result<Value> {
    match capture {
        Captured::Range(start, end) => lua.create_string(&subject[start..end])?.into_lua(lua),
        Captured::Position(at) => (at + 1).into_lua(lua),
    }
}

/// The captures of a match; where it has none, the match.
fn captures(lua: &Lua, subject: &[u8], found: &Found) -> mlua::Result<MultiValue> {
    match found.captures[..] {
        [] => captured(lua, subject, Captured::Range(found.start, found.end))
            .map(|whole| MultiValue::from_iter([whole])),
        _ => found.captures.iter().map(|capture| captured(lua, subject, *capture)).collect(),
    }
}

fn iterator(
    lua: &Lua,
    meter: &Arc<Meter>,
    subject: LuaString,
    pattern: LuaString,
) -> mlua::Result<Function> {
    let (meter, next) = (meter.clone(), AtomicUsize::new(0));
    lua.create_function(move |lua, ()| {
        let octets = subject.as_bytes();
        let from = next.load(Ordering::Relaxed);
        let found = match from <= octets.len() {
            true => search(&meter, &octets, &pattern.as_bytes(), from, false)?,
            false => None,
        };
        let Some(found) = found else { return Ok(MultiValue::from_iter([Value::Nil])) };
        // Behind an empty match the next one begins a character later.
        let is_empty = found.end == found.start;
        next.store(found.end + usize::from(is_empty), Ordering::Relaxed);
        captures(lua, &octets, &found)
    })
}

struct Substitution<'s> {
    lua: &'s Lua,
    meter: &'s Meter,
    with: &'s Value,
}

impl Substitution<'_> {
    fn make(
        &self,
        subject: &[u8],
        pattern: &[u8],
        most: Option<i64>,
    ) -> mlua::Result<(LuaString, usize)> {
        let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
        let is_anchored = pattern.first() == Some(&b'^');
        let (mut result, mut at, mut count) = (Vec::new(), 0, 0);
        while count < most && at <= subject.len() {
            let Some(found) = search(self.meter, subject, pattern, at, true)? else { break };
            count += 1;
            result.extend_from_slice(&subject[at..found.start]);
            self.substitute(subject, &found, &mut result)?;
            at = found.end;
            if found.end == found.start {
                result.extend(subject.get(at));
                at += 1;
            }
            if result.len() > RESULT_OCTETS_MAX {
                return Err(mlua::Error::runtime("resulting string too large"));
            }
            if is_anchored {
                break;
            }
        }
        result.extend_from_slice(subject.get(at..).unwrap_or_default());
        Ok((self.lua.create_string(&result)?, count))
    }

    fn substitute(&self, subject: &[u8], found: &Found, to: &mut Vec<u8>) -> mlua::Result<()> {
        // What is called here may come here again, on the same stack.
        if !self.meter.look() {
            return Err(exhausted(self.meter, ""));
        }
        let with = match self.with {
            Value::Table(table) => table.get::<Value>(self.first(subject, found)?)?,
            Value::Function(function) => {
                function.call::<Value>(captures(self.lua, subject, found)?)?
            }
            template => {
                let name = template.type_name();
                let template = self.lua.coerce_string(template.clone())?;
                let template = template.ok_or_else(|| {
                    mlua::Error::runtime(format!("string/function/table expected, got {name}"))
                })?;
                spend(self.meter, template.as_bytes().len() / 16)?;
                return self.expand(&template.as_bytes(), subject, found, to);
            }
        };
        match with {
            Value::Nil | Value::Boolean(false) => {
                to.extend_from_slice(&subject[found.start..found.end]);
            }
            with => {
                let name = with.type_name();
                let text = self.lua.coerce_string(with)?;
                let text = text.ok_or_else(|| {
                    mlua::Error::runtime(format!("invalid replacement value (a {name})"))
                })?;
                to.extend_from_slice(&text.as_bytes());
            }
        }
        Ok(())
    }

    fn first(&self, subject: &[u8], found: &Found) -> mlua::Result<Value> {
        let whole = Captured::Range(found.start, found.end);
        captured(self.lua, subject, found.captures.first().copied().unwrap_or(whole))
    }

    /// `%0` to `%9` stand for captures, `%` before anything else for that.
    fn expand(
        &self,
        template: &[u8],
        subject: &[u8],
        found: &Found,
        to: &mut Vec<u8>,
    ) -> mlua::Result<()> {
        let mut octets = template.iter();
        while let Some(octet) = octets.next() {
            if *octet != b'%' {
                to.push(*octet);
                continue;
            }
            let whole = Captured::Range(found.start, found.end);
            let capture = match octets.next() {
                Some(b'0') => whole,
                Some(digit @ b'1'..=b'9') => {
                    let index = usize::from(digit - b'1');
                    let only = (index == 0 && found.captures.is_empty()).then_some(whole);
                    let capture = found.captures.get(index).copied().or(only);
                    capture.ok_or_else(|| mlua::Error::external(PatternError::NoSuchCapture))?
                }
                other => {
                    to.extend(other);
                    continue;
                }
            };
            match capture {
                Captured::Range(start, end) => to.extend_from_slice(&subject[start..end]),
                Captured::Position(at) => to.extend_from_slice((at + 1).to_string().as_bytes()),
            }
        }
        Ok(())
    }
}

fn repeat(
    lua: &Lua,
    meter: &Meter,
    (text, times, between): (LuaString, i64, Option<LuaString>),
) -> mlua::Result<LuaString> {
    let times = usize::try_from(times).unwrap_or(0);
    let between = between.map(|between| between.as_bytes().to_vec()).unwrap_or_default();
    let text = text.as_bytes();
    let octets = (text.len() + between.len()).saturating_mul(times);
    if times == 0 || octets == 0 {
        return lua.create_string("");
    }
    if octets > RESULT_OCTETS_MAX {
        return Err(mlua::Error::runtime("resulting string too large"));
    }
    spend(meter, octets / 64)?;
    let mut result = Vec::with_capacity(octets);
    for number in 0..times {
        if number > 0 {
            result.extend_from_slice(&between);
        }
        result.extend_from_slice(&text);
    }
    lua.create_string(&result)
}

fn spend(meter: &Meter, steps: usize) -> mlua::Result<()> {
    match meter.spend(steps as u64) {
        true => Ok(()),
        false => Err(mlua::Error::external(PatternError::Exhausted)),
    }
}
