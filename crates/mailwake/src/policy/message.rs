//! What scripts get: `msg`, `vctx` and `accept`, with the methods that Momentum documents.
//! They stand for the subject of the call that is under way, and for nothing behind it.

use super::{
    header::Mode,
    subject::{self, Stage, Subject},
};
use mail::address;
use mlua::{Lua, UserData, UserDataFields, UserDataMethods, Value, Variadic};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracking::context::Lifetime;

/// `ECMESS_CTX_MESS` and `VCTX_MESS`.
pub(super) const OF_MESSAGE: i64 = 1;

/// `ECMESS_CTX_CONN` and `VCTX_CONN`.
pub(super) const OF_CONNECTION: i64 = 2;

/// What a state is busy with.
#[derive(Debug, Default)]
pub(super) struct Current {
    /// The subject of the call that is under way.
    pub(super) subject: Option<(Stage, Subject)>,
    /// The script that runs.
    pub(super) script: Option<Arc<str>>,
}

/// What a state is busy with, for all who ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Current>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the subject. Its error is the script's.
    fn with<T>(
        &self,
        act: impl FnOnce(Stage, &mut Subject) -> Result<T, String>,
    ) -> mlua::Result<T> {
        let mut current = self.lock();
        let Some((stage, subject)) = &mut current.subject else {
            let text = "msg, accept and vctx are of use in the function that gets them alone";
            return Err(mlua::Error::runtime(text));
        };
        act(*stage, subject).map_err(mlua::Error::runtime)
    }
}

/// `msg`.
pub(super) struct Message(pub(super) Shared);

/// `vctx`.
pub(super) struct ValidateContext(pub(super) Shared);

/// `accept`.
pub(super) struct Accept(pub(super) Shared);

impl UserData for Message {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("id", |_, this| {
            this.0.with(|_, subject| Ok(subject.message_id.clone()))
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("context_set", |lua, this, args: (i64, String, Value)| {
            set_variable(lua, &this.0, args)
        });
        methods.add_method("context_get", |_, this, (of, name): (i64, String)| {
            get_variable(&this.0, of, &name)
        });
        methods.add_method("context_exists", |_, this, (of, name): (i64, String)| {
            this.0.with(|_, subject| {
                Ok(u8::from(subject.context.get(lifetime(of)?, &name).is_some()))
            })
        });
        methods.add_method("context_exists_and_get", |_, this, (of, name): (i64, String)| {
            this.0.with(|_, subject| {
                let value = subject.context.get(lifetime(of)?, &name).map(str::to_owned);
                Ok((u8::from(value.is_some()), value))
            })
        });
        methods.add_method("context_delete", |_, this, (of, name): (i64, String)| {
            this.0.with(|_, subject| Ok(u8::from(subject.context.delete(lifetime(of)?, &name))))
        });
        methods.add_method("rcptto", |_, this, new: Option<String>| {
            this.0.with(|stage, subject| rcptto(stage, subject, new))
        });
        methods.add_method("mailfrom", |_, this, new: Option<String>| {
            this.0.with(|stage, subject| mailfrom(stage, subject, new))
        });
        methods.add_method("routing_domain", |_, this, ()| {
            this.0.with(|_, subject| Ok(address::domain(&subject.rcptto)))
        });
        methods.add_method("header", |lua, this, args: (String, Value, Option<String>)| {
            header(lua, &this.0, args)
        });
        methods.add_method("address_header", |_, this, args: (String, Option<String>)| {
            let (name, part) = args;
            let values = this.0.with(|_, subject| {
                Ok(subject.header.as_ref().map(|header| header.raw_values(&name)))
            })?;
            let values = values.unwrap_or_default();
            let found = values.iter().flat_map(|value| address::list::addresses(value));
            let part = part.as_deref().unwrap_or("all");
            found.map(|address| part_of(&address, part)).collect::<Result<Vec<_>, _>>()
        });
        methods.add_method("code", |_, this, (code, text): (Option<String>, Option<String>)| {
            this.0.with(|_, subject| {
                if let Some(code) = code {
                    subject.set_code(&code, &text.unwrap_or_default())?;
                }
                Ok(subject.said.code.clone().unwrap_or_default())
            })
        });
    }
}

impl UserData for ValidateContext {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("set", |lua, this, args: (i64, String, Value)| {
            set_variable(lua, &this.0, args)
        });
        methods.add_method("get", |_, this, (of, name): (i64, String)| {
            get_variable(&this.0, of, &name)
        });
        methods.add_method("set_code", |_, this, (code, text): (String, Option<String>)| {
            this.0.with(|_, subject| subject.set_code(&code, &text.unwrap_or_default()))
        });
        methods.add_method("disconnect", |_, this, (code, text): (String, Option<String>)| {
            this.0.with(|_, subject| subject.disconnect(&code, &text.unwrap_or_default()))
        });
    }
}

impl UserData for Accept {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("remote_addr", |_, this| {
            this.0.with(|_, subject| {
                Ok(subject.client.map(|client| client.to_string()).unwrap_or_default())
            })
        });
    }
}

fn lifetime(of: i64) -> Result<Lifetime, String> {
    match of {
        OF_MESSAGE => Ok(Lifetime::Message),
        OF_CONNECTION => Ok(Lifetime::Connection),
        other => Err(format!(
            "{other} is no type of context: there are msys.core.ECMESS_CTX_MESS and \
             ECMESS_CTX_CONN, VCTX_MESS and VCTX_CONN"
        )),
    }
}

/// A variable is text; one that is set to nil is forgotten.
fn set_variable(
    lua: &Lua,
    shared: &Shared,
    (of, name, value): (i64, String, Value),
) -> mlua::Result<()> {
    let value = text(lua, value)?;
    shared.with(|_, subject| {
        match value {
            Some(value) => subject
                .context
                .set(lifetime(of)?, &name, &value)
                .map_err(|error| error.to_string())?,
            None => drop(subject.context.delete(lifetime(of)?, &name)),
        }
        Ok(())
    })
}

fn get_variable(shared: &Shared, of: i64, name: &str) -> mlua::Result<String> {
    shared.with(|_, subject| {
        Ok(subject.context.get(lifetime(of)?, name).unwrap_or_default().to_owned())
    })
}

/// What Lua makes of a value where it needs text; `None` for nil.
fn text(lua: &Lua, value: Value) -> mlua::Result<Option<String>> {
    Ok(match value {
        Value::Nil => None,
        Value::Boolean(value) => Some(value.to_string()),
        other => {
            let name = other.type_name();
            let text = lua.coerce_string(other)?;
            let text = text.ok_or_else(|| mlua::Error::runtime(format!("{name} is no text")))?;
            Some(text.to_string_lossy())
        }
    })
}

/// Momentum allows a change of the recipient "in validate_data_spool_each_rcpt or later",
/// and before that there is no copy whose envelope it would be.
fn of_a_copy(stage: Stage) -> Result<(), String> {
    match stage {
        Stage::DataSpoolEachRcpt => Ok(()),
        _ => Err(format!(
            "the envelope is changed in validate_data_spool_each_rcpt, not in {}",
            stage.callout()
        )),
    }
}

fn rcptto(stage: Stage, subject: &mut Subject, new: Option<String>) -> Result<String, String> {
    if let Some(new) = new {
        of_a_copy(stage)?;
        subject.rcptto = subject::path(&new, false)?;
    }
    Ok(subject.rcptto.clone())
}

fn mailfrom(stage: Stage, subject: &mut Subject, new: Option<String>) -> Result<String, String> {
    if let Some(new) = new {
        of_a_copy(stage)?;
        subject.mailfrom = subject::path(&new, true)?;
    }
    Ok(subject.mailfrom.clone())
}

/// `msg:header(name)` gives values; with a value it sets, and with an empty one it deletes.
fn header(
    lua: &Lua,
    shared: &Shared,
    (name, value, mode): (String, Value, Option<String>),
) -> mlua::Result<Value> {
    if value.is_nil() {
        let values = shared
            .with(|_, subject| Ok(subject.header.as_ref().map(|header| header.values(&name))))?;
        return Ok(Value::Table(lua.create_sequence_from(values.unwrap_or_default())?));
    }
    let values = match value {
        Value::Table(values) => values.sequence_values::<Value>().collect::<Result<_, _>>()?,
        one => vec![one],
    };
    let values = values.into_iter().map(|value| Ok(text(lua, value)?.unwrap_or_default()));
    let values = values.collect::<mlua::Result<Vec<String>>>()?;
    let mode = match mode.as_deref() {
        None | Some("replace") => Mode::Replace,
        Some("append") => Mode::Append,
        Some("prepend") => Mode::Prepend,
        Some(other) => {
            let text = format!("{other:?} is no mode: there are replace, append and prepend");
            return Err(mlua::Error::runtime(text));
        }
    };
    shared.with(|stage, subject| match &mut subject.header {
        Some(header) => header.set(&name, &values, mode),
        None => Err(format!("there is no header yet in {}", stage.callout())),
    })?;
    Ok(Value::Boolean(true))
}

/// The part of an address that a script asks for.
pub(super) fn part_of(address: &str, part: &str) -> mlua::Result<String> {
    let (local_part, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let (user, detail) = local_part.split_once('+').unwrap_or((local_part, ""));
    Ok(match part {
        "all" => address,
        "localpart" => local_part,
        "user" => user,
        "detail" => detail,
        "domain" => domain,
        other => {
            let text = format!(
                "{other:?} is no part of an address: there are all, localpart, user, detail and \
                 domain"
            );
            return Err(mlua::Error::runtime(text));
        }
    }
    .to_owned())
}

/// What `print` writes.
pub(super) fn printed(lua: &Lua, values: Variadic<Value>) -> mlua::Result<String> {
    const CHARACTERS_MAX: usize = 1_000;
    let tostring: mlua::Function = lua.globals().get("tostring")?;
    let mut line = String::new();
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            line.push('\t');
        }
        line.push_str(&tostring.call::<mlua::LuaString>(value)?.to_string_lossy());
    }
    Ok(line.chars().take(CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect())
}
