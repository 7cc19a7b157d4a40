//! The context variables that carry data of a message (Momentum's policy): campaign,
//! metadata and tags. They go before what the sender says in X-MSYS-API, each by itself.
//! How the message is tracked, other variables say: `scope::Layer` reads them.
//!
//! All values are text. An empty one says nothing: scripts cannot tell it from a variable
//! that is not set.

use super::{ARRAY, OBJECT, Refusal, Request};
use crate::context::Context;
use serde_json::Value;

const METADATA: &str = "smtpapi_metadata";
const TAGS: &str = "smtpapi_tags";

impl Request {
    /// The request with what context variables say in the place of what it says itself. An
    /// error is a reason to refuse the message.
    pub fn under(mut self, context: &Context) -> Result<Self, Refusal> {
        let text = |name| context.variable(name).filter(|value| !value.is_empty());
        if let Some(id) = text("smtpapi_campaign_id") {
            self.set_campaign_id(id.into())?;
        }
        if let Some(metadata) = text(METADATA) {
            let set = match serde_json::from_str(metadata) {
                Ok(Value::Object(metadata)) => self.set_metadata(metadata),
                _ => Err(Refusal::WrongVariable { variable: METADATA, expected: OBJECT }),
            };
            set.map_err(|refusal| refusal.of_variable(METADATA))?;
        }
        if let Some(tags) = text(TAGS) {
            let set = match serde_json::from_str(tags) {
                Ok(Value::Array(tags)) => self.set_tags(tags),
                _ => Err(Refusal::WrongVariable { variable: TAGS, expected: ARRAY }),
            };
            set.map_err(|refusal| refusal.of_variable(TAGS))?;
        }
        Ok(self)
    }
}

impl Refusal {
    /// The same, said of the variable that is wrong.
    fn of_variable(self, variable: &'static str) -> Self {
        match self {
            Self::TooLong { octets_max, .. } => Self::LongVariable { variable, octets_max },
            Self::TooDeep { levels_max, .. } => Self::DeepVariable { variable, levels_max },
            Self::WrongType { expected, .. } => Self::WrongVariable { variable, expected },
            other => other,
        }
    }
}
