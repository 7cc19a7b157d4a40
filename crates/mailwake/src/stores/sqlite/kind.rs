//! What is counted, and the numbers under which it is stored.

/// What is counted. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Open = 1,
    InitialOpen = 2,
    Rendered = 3,
    Click = 4,
    /// A click per message and link; counted in the rollups of links.
    LinkClick = 5,
    ConfirmedOpen = 6,
    /// By a link or by the field of the header: who does both leaves once.
    Unsubscribe = 7,
    Reception = 10,
    Injection = 11,
    PolicyRejection = 12,
    /// Upstream, or policy, refused it for good.
    Bounce = 13,
    /// Upstream, or policy, refused it for now.
    Delay = 14,
    /// At the first attempt.
    DeliveryFirst = 15,
    /// At a later one.
    DeliverySubsequent = 16,
    /// Milliseconds in the queue until then.
    DeliveryTimeFirst = 17,
    DeliveryTimeSubsequent = 18,
    /// Octets that were delivered.
    DeliveredVolume = 19,
    /// An MTA gave it up, as its record says.
    InbandBounce = 20,
    OutOfBand = 21,
    /// An MTA could not deliver it yet: at the first attempt, and later.
    DeferralFirst = 22,
    DeferralSubsequent = 23,
    SpamComplaint = 24,
    GenerationFailure = 25,
    GenerationRejection = 26,
    RelayInjection = 27,
    RelayRejection = 28,
    RelayDelivery = 29,
    RelayTempfail = 30,
    RelayPermfail = 31,
    /// A bounce by its class, which stands in the place of a link; counted in the rollups of
    /// bounces.
    BounceClass = 32,
}

impl Kind {
    pub(super) const ALL: [Self; 30] = [
        Self::Open,
        Self::InitialOpen,
        Self::Rendered,
        Self::Click,
        Self::LinkClick,
        Self::ConfirmedOpen,
        Self::Unsubscribe,
        Self::Reception,
        Self::Injection,
        Self::PolicyRejection,
        Self::Bounce,
        Self::Delay,
        Self::DeliveryFirst,
        Self::DeliverySubsequent,
        Self::DeliveryTimeFirst,
        Self::DeliveryTimeSubsequent,
        Self::DeliveredVolume,
        Self::InbandBounce,
        Self::OutOfBand,
        Self::DeferralFirst,
        Self::DeferralSubsequent,
        Self::SpamComplaint,
        Self::GenerationFailure,
        Self::GenerationRejection,
        Self::RelayInjection,
        Self::RelayRejection,
        Self::RelayDelivery,
        Self::RelayTempfail,
        Self::RelayPermfail,
        Self::BounceClass,
    ];

    /// The kind that is stored under a number.
    pub(super) fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}
