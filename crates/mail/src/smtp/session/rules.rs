//! What a session may do, and how it goes.

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message that is taken, in octets.
    pub message_octets_max: usize,
    /// Most recipients of one message.
    pub recipients_max: usize,
    /// Commands in a row that were refused, after which the session ends.
    pub errors_max: usize,
}

/// How a session goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// It takes one recipient in a transaction and has the client come again for others.
    pub is_one_at_a_time: bool,
    /// Whether the client may go into TLS, or must.
    pub starttls: Starttls,
    /// It is in TLS already.
    pub is_encrypted: bool,
    /// The client may authenticate itself in TLS alone.
    pub auth_requires_tls: bool,
    /// Upstream is told of the client behind EHLO, and then takes no other.
    pub is_client_told: bool,
    /// What the client may tell of others.
    pub trust: Trust,
}

/// What a client may tell of others (Postfix XCLIENT_README, XFORWARD_README), and of the
/// variables of its session (Momentum, "SMTP extensions" of ESMTP_Listener).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whose session this is.
    pub xclient: bool,
    /// From whom a message came.
    pub xforward: bool,
    /// What the variables of the connection are.
    pub xsetcontext: bool,
    /// It may read the variables.
    pub xdumpcontext: bool,
    /// The client's address.
    pub xremoteip: bool,
}

/// What a listener does of STARTTLS (RFC 3207).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Starttls {
    /// It is not offered.
    #[default]
    Unknown,
    /// It is offered.
    Offered,
    /// It is offered, and there is no mail without it.
    Required,
}
