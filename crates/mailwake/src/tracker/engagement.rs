//! What a request for a link means: the link and who asks for it come in, what has happened to the
//! message goes out.

use tracking::{
    event::{Click, Occurrence, Visit},
    token::{Engagement, Link},
};

/// What happens when a link is requested; nothing for one that leads nowhere. What the page
/// behind a link that unsubscribes makes of it is the sender's.
pub(super) fn occurrence(link: Link, visit: Visit) -> Option<Occurrence> {
    let Link { link_index, link_name, is_amp, .. } = link;
    let click = |target_link_url| Click {
        visit: visit.clone(),
        link_index,
        target_link_name: link_name,
        target_link_url,
    };
    match link.engagement {
        Engagement::Open if is_amp => Some(Occurrence::AmpOpen(visit)),
        Engagement::Open => Some(Occurrence::Open(visit)),
        Engagement::InitialOpen if is_amp => Some(Occurrence::AmpInitialOpen(visit)),
        Engagement::InitialOpen => Some(Occurrence::InitialOpen(visit)),
        Engagement::Unsubscribe { target_url } if target_url.is_empty() => None,
        Engagement::Click { target_url } if is_amp => Some(Occurrence::AmpClick(click(target_url))),
        Engagement::Click { target_url } => Some(Occurrence::Click(click(target_url))),
        // No message has such a link yet.
        Engagement::ListUnsubscribe { .. } => None,
        Engagement::Unsubscribe { target_url } => {
            Some(Occurrence::LinkUnsubscribe(click(target_url)))
        }
    }
}
