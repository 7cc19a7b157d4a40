//! One Lua state with all scripts loaded. It serves one call at a time; what scripts keep in
//! globals stays in it, and other states know nothing of it.

use super::{
    PolicyConfig,
    message::{Accept, Message, Shared, ValidateContext},
    meter::Meter,
    sandbox::{self, Answer, exhausted},
    scripts::Script,
    subject::{Stage, Subject},
};
use mlua::{AnyUserData, Function, IntoLuaMulti, Lua, Table, Value};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// Loading, and `init`, may take so many times what a call may.
const LOADING_FACTOR: u32 = 20;

/// A script that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name of its file.
    pub script: Arc<str>,
    /// What went wrong, with the line where that is known.
    pub text: String,
}

/// A state that is ready for calls.
#[derive(Debug)]
pub(super) struct State {
    lua: Lua,
    shared: Shared,
    meter: Arc<Meter>,
    config: PolicyConfig,
    modules: Vec<Module>,
    message: AnyUserData,
    context: AnyUserData,
    accept: AnyUserData,
    /// A call took too much. What was going on in it is not known.
    is_worn_out: bool,
}

/// What a script has registered.
#[derive(Debug)]
struct Module {
    script: Arc<str>,
    table: Table,
    /// Its functions, in the order of `Stage::EVERY`.
    functions: [Option<Function>; Stage::EVERY.len()],
}

impl State {
    /// Loads the scripts, in order, and has them begin.
    pub(super) fn new(scripts: &[Script], config: &PolicyConfig) -> Result<Self, Failure> {
        let (shared, meter) = (Shared::default(), Arc::new(Meter::new()));
        let made = (|| {
            let lua = sandbox::state(&shared, &meter, config.print_level)?;
            let message = lua.create_userdata(Message(shared.clone()))?;
            let context = lua.create_userdata(ValidateContext(shared.clone()))?;
            let accept = lua.create_userdata(Accept(shared.clone()))?;
            // What was made so far is ours.
            lua.set_memory_limit(lua.used_memory() + config.memory_octets_max)?;
            Ok((lua, message, context, accept))
        })();
        let (lua, message, context, accept) = made.map_err(|error: mlua::Error| Failure {
            script: scripts.first().map(|script| script.name.clone()).unwrap_or_default(),
            text: described(&error, ""),
        })?;
        let (config, modules) = (config.clone(), Vec::new());
        let mut state = Self {
            lua,
            shared,
            meter,
            config,
            modules,
            message,
            context,
            accept,
            is_worn_out: false,
        };
        for script in scripts {
            state.load(script)?;
        }
        Ok(state)
    }

    /// Does a script have a function for it?
    pub(super) fn has(&self, stage: Stage) -> bool {
        self.modules.iter().any(|module| module.functions[stage as usize].is_some())
    }

    /// Is it of no use any more?
    pub(super) fn is_worn_out(&self) -> bool {
        self.is_worn_out
    }

    /// Asks the scripts, in the order in which they were registered. Gives the subject back
    /// as they have left it, and what failed.
    pub(super) fn ask(
        &mut self,
        stage: Stage,
        text: &str,
        subject: Subject,
    ) -> (Subject, Vec<Failure>) {
        let mut failures = Vec::new();
        self.shared.lock().subject = Some((stage, subject));
        for module in &self.modules {
            let Some(function) = &module.functions[stage as usize] else { continue };
            self.shared.lock().script = Some(module.script.clone());
            self.meter.fill(self.config.instructions_max, self.config.time_max);
            let answer =
                self.call(module, function, stage, text).and_then(|answer| answer_of(&answer));
            let answer = if self.meter.is_empty() {
                answer.and(Err(exhausted(&self.meter, "")))
            } else {
                answer
            };
            match answer {
                Ok(Answer::Done) => break,
                Ok(_) => {}
                Err(error) => {
                    self.is_worn_out |= self.meter.is_empty() || is_out_of_memory(&error);
                    failures.push(failure(&module.script, &error));
                    if self.is_worn_out {
                        break;
                    }
                }
            }
        }
        self.tidy();
        let mut current = self.shared.lock();
        current.script = None;
        let subject = current.subject.take().map(|(_, subject)| subject).unwrap_or_default();
        (subject, failures)
    }

    fn call(
        &self,
        module: &Module,
        function: &Function,
        stage: Stage,
        text: &str,
    ) -> mlua::Result<Value> {
        let (table, accept, context) = (&module.table, &self.accept, &self.context);
        match (stage.has_message(), stage.has_text()) {
            (false, false) => function.call((table, accept, context)),
            (false, true) => function.call((table, text, accept, context)),
            (true, false) => function.call((table, &self.message, accept, context)),
            (true, true) => function.call((table, &self.message, text, accept, context)),
        }
    }

    /// What a script has left behind is collected before the next call needs the room.
    fn tidy(&mut self) {
        let limit = self.config.memory_octets_max / 4 * 3;
        if !self.is_worn_out && self.lua.used_memory() > limit {
            let collected = self.lua.gc_collect().is_ok();
            self.is_worn_out = !collected || self.lua.used_memory() > limit;
        }
    }

    fn load(&mut self, script: &Script) -> Result<(), Failure> {
        let failed = |error: mlua::Error| failure(&script.name, &error);
        self.shared.lock().script = Some(script.name.clone());
        let registered = self.run(script).map_err(failed)?;
        for table in registered {
            let mut functions = [const { None }; Stage::EVERY.len()];
            for stage in Stage::EVERY {
                functions[stage as usize] = table.get(stage.callout()).map_err(failed)?;
            }
            let module = Module { script: script.name.clone(), table, functions };
            if let Some(init) = module.table.get::<Option<Function>>("init").map_err(failed)? {
                let is_ready = self.limited(&init, &module.table).map_err(failed)?;
                if is_ready != Value::Boolean(true) {
                    let text = format!("{}: init did not return true", script.name);
                    return Err(Failure { script: script.name.clone(), text });
                }
            }
            self.modules.push(module);
        }
        self.shared.lock().script = None;
        Ok(())
    }

    /// Runs a file, and gives what it has registered.
    fn run(&self, script: &Script) -> mlua::Result<Vec<Table>> {
        let registered = Arc::new(Mutex::new(Vec::new()));
        let list = registered.clone();
        let register = self.lua.create_function(move |_, (_, module): (String, Table)| {
            list.lock().unwrap_or_else(PoisonError::into_inner).push(module);
            Ok(())
        })?;
        let msys: Table = self.lua.globals().get("msys")?;
        msys.set("registerModule", register)?;
        let chunk = self.lua.load(&script.source).set_name(format!("={}", script.name));
        let chunk = chunk.set_mode(mlua::chunk::ChunkMode::Text).into_function()?;
        self.limited(&chunk, ())?;
        msys.set("registerModule", Value::Nil)?;
        Ok(std::mem::take(&mut *registered.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Calls a function of the load.
    fn limited(&self, function: &Function, arguments: impl IntoLuaMulti) -> mlua::Result<Value> {
        let steps = self.config.instructions_max.saturating_mul(LOADING_FACTOR.into());
        self.meter.fill(steps, self.config.time_max * LOADING_FACTOR);
        let value = function.call(arguments)?;
        if self.meter.is_empty() { Err(exhausted(&self.meter, "")) } else { Ok(value) }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.is_worn_out {
            return;
        }
        for module in self.modules.iter().rev() {
            let deinit = module.table.get::<Option<Function>>("deinit").unwrap_or(None);
            let ended = deinit.map(|deinit| self.limited(&deinit, &module.table));
            if let Some(Err(error)) = ended {
                let error = described(&error, &module.script);
                warn!(script = &*module.script, error, "deinit of a script failed");
            }
        }
    }
}

fn answer_of(value: &Value) -> mlua::Result<Answer> {
    match value.as_i64() {
        Some(1) => Ok(Answer::Continue),
        Some(2) => Ok(Answer::Done),
        Some(3) => Err(mlua::Error::runtime(
            "it returned VALIDATE_AGAIN, and nothing here is worth waiting for",
        )),
        _ => Err(mlua::Error::runtime(format!(
            "it returned {}, and not VALIDATE_CONT or VALIDATE_DONE",
            match value {
                Value::Integer(_) | Value::Number(_) => "another number",
                other => other.type_name(),
            }
        ))),
    }
}

fn failure(script: &Arc<str>, error: &mlua::Error) -> Failure {
    Failure { script: script.clone(), text: described(error, script) }
}

fn is_out_of_memory(error: &mlua::Error) -> bool {
    match error {
        mlua::Error::MemoryError(_) => true,
        mlua::Error::CallbackError { cause, .. } => is_out_of_memory(cause),
        _ => false,
    }
}

/// What an error says in one line, with the line of the script where that is known.
fn described(error: &mlua::Error, script: &str) -> String {
    const CHARACTERS_MAX: usize = 500;
    let cause = match error {
        mlua::Error::CallbackError { cause, .. } => innermost(cause),
        other => other.to_string(),
    };
    let first = cause.lines().next().unwrap_or_default();
    let prefixes = ["runtime error: ", "syntax error: ", "memory error: "];
    let first = prefixes.iter().find_map(|prefix| first.strip_prefix(prefix)).unwrap_or(first);
    let place = place(&error.to_string(), script).filter(|place| !first.contains(place.as_str()));
    let text = match place {
        Some(place) => format!("{place}: {first}"),
        None => first.to_owned(),
    };
    text.chars().take(CHARACTERS_MAX).collect()
}

fn innermost(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => innermost(cause),
        other => other.to_string(),
    }
}

/// The first place in the script that a traceback names, such as `segments.lua:12`.
fn place(traceback: &str, script: &str) -> Option<String> {
    let head = format!("{script}:");
    traceback.match_indices(&head).filter(|_| !script.is_empty()).find_map(|(at, _)| {
        let behind = &traceback[at + head.len()..];
        let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        (digits > 0).then(|| format!("{head}{}", &behind[..digits]))
    })
}
