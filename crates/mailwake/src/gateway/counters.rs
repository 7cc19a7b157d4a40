//! What the gateway counts and measures. The values of labels are closed sets, or names
//! that the configuration gives; nothing in them comes from mail.

use crate::{
    policy,
    smtp_io::{upstream::Target, upstreams},
    telemetry::{Counter, CounterBy, Durations, Exposition, Gauge, Label, Sizes},
};
use mail::smtp::{data::DataError, reply::Reply};
use std::sync::{Arc, PoisonError, RwLock};
use tracking::rewrite::{LinkOutcome, PartOutcome, Reason, Report, UnsubscribeOutcome};

/// What the gateway has counted since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Octets of each of them, as it came.
    pub message_sizes: Sizes,
    /// Recipients, by what upstream did with their copies.
    pub recipients: CounterBy<Fate>,
    /// Sessions, commands and messages that were refused.
    pub refusals: CounterBy<RefusalReason>,
    /// Connections to upstream that could not be told of the client.
    pub clients_unknown: Counter,
    /// Messages whose pathway, by their context, is none of the configuration.
    pub pathways_unknown: Counter,
    /// Messages refused because the event log takes no events.
    pub log_refusals: Counter,
    /// Tags that were ignored because there are as many as may be.
    pub tags_ignored: Counter,
    /// New tags about which the store did not answer in time.
    pub tags_undecided: Counter,
    /// Context variables that were ignored because they have no value of their type.
    pub variables_ignored: Counter,
    /// Messages with more metadata than engagements tell.
    pub metadata_withheld: Counter,
    /// Messages whose sender wants styles put into elements, which is not done.
    pub inline_css: Counter,
    /// Copies that went out as the original because the rewrite could not be undone.
    pub safety_nets: Counter,
    /// Messages above the size that is rewritten, which went out as they came.
    pub too_large_to_rewrite: Counter,
    /// Copies no part of which was looked at.
    pub copies_untouched: CounterBy<Reason>,
    /// Parts of copies that were left as they came.
    pub parts_untouched: CounterBy<Reason>,
    /// Links of copies that were left as they came.
    pub links_untouched: CounterBy<Reason>,
    /// Copies for whose List-Unsubscribe field something was asked.
    pub list_unsubscribes: CounterBy<UnsubscribeOutcome>,
    /// How long it took to make all copies of a message.
    pub rewrites: Durations,
    /// How long upstream took for a copy, up to its last reply.
    pub upstream: Durations,
    /// What the scripts of policy have done.
    pub policy: Arc<policy::Counters>,
    listeners: RwLock<Vec<Arc<ListenerCounters>>>,
    upstreams: RwLock<Vec<Arc<Target>>>,
}

/// What one listener has counted.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// The listener's name.
    name: String,
    /// Sessions that were begun.
    pub sessions: Counter,
    /// Sessions that go on now.
    pub sessions_open: Gauge,
    /// Messages whose content was taken.
    pub messages: Counter,
}

impl Counters {
    /// Each counter's name and what it has counted, as `docs/events.md` lists them.
    pub fn all(&self) -> [(&'static str, u64); 6] {
        let recipients = |fate| self.recipients.of(fate).get();
        let sum =
            |of: fn(&ListenerCounters) -> u64| self.by_listener(of).iter().map(|one| one.1).sum();
        [
            ("sessions", sum(|listener| listener.sessions.get())),
            ("messages", sum(|listener| listener.messages.get())),
            ("copies_accepted", recipients(Fate::Accepted)),
            ("copies_refused", recipients(Fate::Deferred) + recipients(Fate::Refused)),
            ("log_refusals", self.log_refusals.get()),
            ("safety_nets", self.safety_nets.get()),
        ]
    }

    /// The counters of the listener with that name. There is one for each name that the
    /// configuration has.
    pub fn listener(&self, name: &str) -> Arc<ListenerCounters> {
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = listeners.iter().find(|listener| listener.name == name) {
            return known.clone();
        }
        let listener = ListenerCounters { name: name.to_owned(), ..ListenerCounters::default() };
        let listener = Arc::new(listener);
        listeners.push(listener.clone());
        listener
    }

    /// From now on the metrics of these upstreams are told as well.
    pub fn watch(&self, upstreams: Vec<Arc<Target>>) {
        let mut watched = self.upstreams.write().unwrap_or_else(PoisonError::into_inner);
        watched.extend(upstreams);
    }

    /// A number of each listener, with its name.
    fn by_listener(&self, of: impl Fn(&ListenerCounters) -> u64) -> Vec<(String, u64)> {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().map(|listener| (listener.name.clone(), of(listener))).collect()
    }

    /// Counts what a copy was left without.
    pub(super) fn count_untouched(&self, report: &Report) {
        if let Some(reason) = report.untouched {
            self.copies_untouched.of(reason).increment();
        }
        for part in &report.parts {
            if let PartOutcome::Untouched(reason) = part.outcome {
                self.parts_untouched.of(reason).increment();
            }
        }
        for link in &report.links {
            if let LinkOutcome::LeftAlone(reason) = link.outcome {
                self.links_untouched.of(reason).increment();
            }
        }
        if report.list_unsubscribe != UnsubscribeOutcome::NotWanted {
            self.list_unsubscribes.of(report.list_unsubscribe).increment();
        }
        if report.safety_net {
            self.safety_nets.increment();
        }
    }

    /// Tells the gateway's metrics.
    pub fn expose(&self, to: &mut Exposition) {
        self.expose_intake(to);
        self.expose_requests(to);
        self.expose_rewrite(to);
        self.policy.expose(to);
        to.histogram(
            "mailwake_gateway_upstream_seconds",
            "How long upstream took for a copy, up to its last reply.",
            &self.upstream,
        );
        let watched = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        upstreams::expose(&watched, to);
    }

    fn expose_intake(&self, to: &mut Exposition) {
        to.counter_of(
            "mailwake_gateway_sessions_total",
            "Sessions that were begun.",
            "listener",
            self.by_listener(|listener| listener.sessions.get()),
        );
        to.gauge_of(
            "mailwake_gateway_sessions_open",
            "Sessions that go on now.",
            "listener",
            self.by_listener(|listener| listener.sessions_open.get()),
        );
        to.counter_of(
            "mailwake_gateway_messages_total",
            "Messages whose content was taken.",
            "listener",
            self.by_listener(|listener| listener.messages.get()),
        );
        to.histogram(
            "mailwake_gateway_message_size_bytes",
            "Octets of a message as it came.",
            &self.message_sizes,
        );
        to.counter_by(
            "mailwake_gateway_recipients_total",
            "Recipients, by what upstream did with their copies.",
            &self.recipients,
        );
        to.counter_by(
            "mailwake_gateway_refusals_total",
            "Sessions, commands and messages that were refused, by reason.",
            &self.refusals,
        );
        to.counter(
            "mailwake_gateway_clients_unknown_total",
            "Connections to upstream that could not be told of the client.",
            self.clients_unknown.get(),
        );
        to.counter(
            "mailwake_gateway_pathways_unknown_total",
            "Messages whose context chose a pathway that is not in the configuration.",
            self.pathways_unknown.get(),
        );
        to.counter(
            "mailwake_gateway_log_refusals_total",
            "Messages refused, or outcomes not recorded, because the event log takes no events.",
            self.log_refusals.get(),
        );
    }

    fn expose_requests(&self, to: &mut Exposition) {
        to.counter(
            "mailwake_gateway_tags_ignored_total",
            "Tags that were ignored: a recipient has ten, the system a hundred.",
            self.tags_ignored.get(),
        );
        to.counter(
            "mailwake_gateway_tags_undecided_total",
            "New tags about which their store did not answer in time, so the gateway decided.",
            self.tags_undecided.get(),
        );
        to.counter(
            "mailwake_gateway_variables_ignored_total",
            "Context variables that were ignored because they have no value of their type.",
            self.variables_ignored.get(),
        );
        to.counter(
            "mailwake_gateway_metadata_withheld_total",
            "Messages with more metadata than max_metadata_len, of which engagements tell none.",
            self.metadata_withheld.get(),
        );
        to.counter(
            "mailwake_gateway_inline_css_total",
            "Messages whose sender asked for inline_css, which is not done.",
            self.inline_css.get(),
        );
    }

    fn expose_rewrite(&self, to: &mut Exposition) {
        to.histogram(
            "mailwake_gateway_rewrite_seconds",
            "How long it took to make all copies of a message.",
            &self.rewrites,
        );
        to.counter(
            "mailwake_gateway_safety_nets_total",
            "Copies that went out as the original because the rewrite could not be undone.",
            self.safety_nets.get(),
        );
        to.counter(
            "mailwake_gateway_too_large_to_rewrite_total",
            "Messages above message_mib_rewritten_max, which went out as they came.",
            self.too_large_to_rewrite.get(),
        );
        to.counter_by(
            "mailwake_gateway_copies_untouched_total",
            "Copies no part of which was looked at, by reason.",
            &self.copies_untouched,
        );
        to.counter_by(
            "mailwake_gateway_parts_untouched_total",
            "Parts of copies that were left as they came, by reason.",
            &self.parts_untouched,
        );
        to.counter_by(
            "mailwake_gateway_links_untouched_total",
            "Links of copies that were left as they came, by reason.",
            &self.links_untouched,
        );
        to.counter_by(
            "mailwake_gateway_list_unsubscribe_total",
            "Copies for whose List-Unsubscribe field something was asked, by what became of it.",
            &self.list_unsubscribes,
        );
    }
}

/// What upstream did with the copy for a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It took the copy.
    Accepted,
    /// It did not take the copy now; the sender may come again.
    Deferred,
    /// It will never take it.
    Refused,
}

impl Label for Fate {
    const NAME: &'static str = "outcome";

    const ALL: &'static [Self] = &[Self::Accepted, Self::Deferred, Self::Refused];

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
        }
    }
}

impl Label for Reason {
    const NAME: &'static str = "reason";

    const ALL: &'static [Self] = &Reason::ALL;

    fn name(self) -> &'static str {
        Reason::name(self)
    }
}

impl Label for UnsubscribeOutcome {
    const NAME: &'static str = "outcome";

    const ALL: &'static [Self] = &Self::EVERY;

    fn name(self) -> &'static str {
        UnsubscribeOutcome::name(self)
    }
}

/// Why a session, a command or a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// A session: there are as many as may be.
    TooManySessions,
    /// A session: its address has as many as it may.
    TooManySessionsOfAddress,
    /// A session: there is no upstream.
    UpstreamUnavailable,
    /// A session: no PROXY header came from a load balancer.
    NoProxyHeader,
    /// A session: too many commands of it were refused.
    TooManyErrors,
    /// A command that the gateway does not allow, now or ever.
    Command,
    /// A recipient: the message has as many as may be.
    TooManyRecipients,
    /// A message, or its MAIL, above the size that is taken.
    TooLarge,
    /// A message with a bare LF.
    BareLineFeed,
    /// A message with a bare CR.
    BareCarriageReturn,
    /// A message with a NUL.
    Nul,
    /// A message with more Received fields than any way has.
    Loop,
    /// A message for which there is no memory.
    Memory,
    /// A message with a wrong X-MSYS-API field.
    XMsysApi,
    /// A session, a command, a message or its copies, by a policy script.
    Policy,
    /// A message of which the event log takes no events.
    EventLog,
    /// A message for which the system has no randomness to make an id.
    NoId,
    /// A message that upstream did not take now, for some recipient at least.
    UpstreamDeferred,
    /// A message that upstream refused for good, for every recipient.
    UpstreamRefused,
    /// A message in which the connection to upstream was lost.
    UpstreamLost,
}

impl RefusalReason {
    /// Why a command was refused by the gateway itself.
    pub(super) fn of_command(reply: &Reply) -> Self {
        match reply.code() {
            421 => Self::TooManyErrors,
            452 => Self::TooManyRecipients,
            552 => Self::TooLarge,
            _ => Self::Command,
        }
    }

    /// Why content was refused.
    pub(super) fn of_content(error: &DataError) -> Self {
        match error {
            DataError::BareLineFeed => Self::BareLineFeed,
            DataError::BareCarriageReturn => Self::BareCarriageReturn,
            DataError::Nul => Self::Nul,
            DataError::TooManyHops => Self::Loop,
            DataError::NoMemory => Self::Memory,
            DataError::TooLarge => Self::TooLarge,
        }
    }
}

impl Label for RefusalReason {
    const NAME: &'static str = "reason";

    const ALL: &'static [Self] = &[
        Self::TooManySessions,
        Self::TooManySessionsOfAddress,
        Self::UpstreamUnavailable,
        Self::NoProxyHeader,
        Self::TooManyErrors,
        Self::Command,
        Self::TooManyRecipients,
        Self::TooLarge,
        Self::BareLineFeed,
        Self::BareCarriageReturn,
        Self::Nul,
        Self::Loop,
        Self::Memory,
        Self::XMsysApi,
        Self::Policy,
        Self::EventLog,
        Self::NoId,
        Self::UpstreamDeferred,
        Self::UpstreamRefused,
        Self::UpstreamLost,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TooManySessions => "too_many_sessions",
            Self::TooManySessionsOfAddress => "too_many_sessions_of_address",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::NoProxyHeader => "no_proxy_header",
            Self::TooManyErrors => "too_many_errors",
            Self::Command => "command",
            Self::TooManyRecipients => "too_many_recipients",
            Self::TooLarge => "too_large",
            Self::BareLineFeed => "bare_lf",
            Self::BareCarriageReturn => "bare_cr",
            Self::Nul => "nul",
            Self::Loop => "loop",
            Self::Memory => "memory",
            Self::XMsysApi => "x_msys_api",
            Self::Policy => "policy",
            Self::EventLog => "event_log",
            Self::NoId => "no_id",
            Self::UpstreamDeferred => "upstream_deferred",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamLost => "upstream_lost",
        }
    }
}
