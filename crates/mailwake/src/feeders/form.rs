//! Events as SparkPost writes them, for every sink whose far side reads that: one behind the
//! other, each with what its sink puts behind it.

use super::sink::{FedEvent, Form};
use crate::stores::user_agents::UserAgents;
use std::sync::Arc;
use tracking::{
    bounce::Rules,
    sparkpost::{self, Context},
};

/// Writes SparkPost's JSON.
pub struct SparkPost {
    rules: Arc<Rules>,
    form: sparkpost::Form,
    end: &'static str,
    agents: UserAgents,
}

impl SparkPost {
    /// Writes events in this form, and `end` behind each: a line feed, or nothing.
    pub fn new(rules: Arc<Rules>, form: sparkpost::Form, end: &'static str) -> Self {
        Self { rules, form, end, agents: UserAgents::default() }
    }
}

impl Form for SparkPost {
    fn append(&mut self, fed: FedEvent<'_>, body: &mut Vec<u8>) -> bool {
        if sparkpost::group(&fed.event.occurrence).is_none() {
            return false;
        }
        let visit = fed.event.occurrence.visit();
        let agent = visit.and_then(|visit| self.agents.of_visit(visit, None));
        let context = Context {
            message: fed.message,
            rules: &self.rules,
            user_agent_parsed: agent.as_ref(),
            form: self.form,
        };
        let is_known = sparkpost::append(fed.event, &context, body);
        if is_known {
            body.extend_from_slice(self.end.as_bytes());
        }
        is_known
    }
}
