//! What a request for a link means: the link and who asks for it come in, what has happened to the
//! message goes out.

use tracking::{
    event::{Click, Occurrence, Unsubscription, Visit},
    token::{Engagement, Link},
};

/// What happens when a link is requested, or its form is sent. What the page behind a link
/// that unsubscribes makes of it is the sender's.
pub(super) fn occurrence(link: Link, visit: Visit) -> Occurrence {
    let Link { link_index, link_name, is_amp, .. } = link;
    let click = |visit, target_link_url| Click {
        visit,
        link_index,
        target_link_name: link_name,
        target_link_url,
    };
    match link.engagement {
        Engagement::Open if is_amp => Occurrence::AmpOpen(visit),
        Engagement::Open => Occurrence::Open(visit),
        Engagement::InitialOpen if is_amp => Occurrence::AmpInitialOpen(visit),
        Engagement::InitialOpen => Occurrence::InitialOpen(visit),
        Engagement::Click { target_url } if is_amp => {
            Occurrence::AmpClick(click(visit, target_url))
        }
        Engagement::Click { target_url } => Occurrence::Click(click(visit, target_url)),
        Engagement::Unsubscribe { target_url } => {
            Occurrence::LinkUnsubscribe(click(visit, target_url))
        }
        Engagement::ListUnsubscribe { target_url } => {
            Occurrence::ListUnsubscribe(Unsubscription { visit, target_url })
        }
        Engagement::Honeypot => Occurrence::Honeypot(visit),
    }
}
