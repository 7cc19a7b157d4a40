//! Fills the sites of a plan with the links and pixels of one copy.

use super::{
    LinkOutcome, LinkRequest, Links, PartOutcome, Plan, Reason, Report, Work,
    safety_net::EditedPart,
    site::{LinkForm, Site, SiteKind, is_url, pixels},
};
use mail::message::{
    content_type::TransferEncoding,
    edit::{Edit, EditList},
    encoding::{LineEnd, LineLimit},
};

/// What links leave of a line, so that a pixel of several lines can begin and end in it.
const PIXEL_ROOM: usize = 8;

impl Plan<'_> {
    /// Asks for the links and pixels of a copy, and gives the parts that they change.
    pub(super) fn fill(&self, links: &mut dyn Links, report: &mut Report) -> Vec<EditedPart<'_>> {
        let mut edited = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let Ok(work) = &part.work else { continue };
            let node = &self.tree.parts()[part.index];
            let body = &self.message[node.body.clone()];
            let line_end = self.line_end.of_new_lines(body);
            let mut filling = Filling::new(work, node.content.encoding, line_end);
            for site in &work.sites {
                match site.kind {
                    SiteKind::Link { index, form } => {
                        let link = &self.links[index];
                        let reported = &mut report.links[index];
                        let url = links.click(&LinkRequest {
                            target_url: &link.target,
                            link_index: reported.index,
                            name: link.control.name.as_deref(),
                            is_unsubscribe: link.control.is_unsubscribe,
                            sublink: link.control.sublink.as_deref(),
                        });
                        reported.outcome = filling.link(site, form, url);
                    }
                    SiteKind::Words(words) => filling.words(site, words),
                    SiteKind::Open => filling.pixel(site, links.open()),
                    SiteKind::InitialOpen => filling.pixel(site, links.initial_open()),
                }
            }
            if !filling.edits.is_empty() {
                let Filling { edits, links, pixels, .. } = filling;
                report.parts[at].outcome = PartOutcome::Rewritten { links, pixels };
                edited.push(EditedPart { index: part.index, decoded: &work.decoded, edits });
            }
        }
        edited
    }
}

/// The edits of one part, as they are made.
struct Filling<'a> {
    edits: EditList,
    /// Watches the lines of a part that is not encoded.
    limit: Option<LineLimit<'a>>,
    line_end: LineEnd,
    links: u32,
    pixels: u32,
}

impl<'a> Filling<'a> {
    fn new(work: &'a Work<'_>, encoding: TransferEncoding, line_end: LineEnd) -> Self {
        let limit = encoding.is_identity().then(|| LineLimit::new(&work.decoded));
        Self { edits: EditList::new(work.decoded.len()), limit, line_end, links: 0, pixels: 0 }
    }

    fn link(&mut self, site: &Site, form: LinkForm, url: Option<String>) -> LinkOutcome {
        let Some(url) = url.filter(|url| is_url(url)) else {
            return LinkOutcome::LeftAlone(Reason::NotSigned);
        };
        let line_break = self.line_end.octets();
        let breaks: [[&[u8]; 2]; 4] =
            [[b"", b""], [line_break, b""], [b"", line_break], [line_break, line_break]];
        let ways = if form.may_be_broken() { &breaks[..] } else { &breaks[..1] };
        let is_made = ways.iter().any(|breaks| {
            let replacement = form.write(&url, *breaks);
            self.make(Edit { range: site.range.clone(), replacement }, PIXEL_ROOM)
        });
        if !is_made {
            return LinkOutcome::LeftAlone(Reason::LongLine);
        }
        self.links += 1;
        LinkOutcome::Tracked
    }

    fn words(&mut self, site: &Site, words: &str) {
        let made = self.edits.as_slice().last();
        if made.is_none_or(|link| link.range.end <= site.range.start) {
            self.make(Edit { range: site.range.clone(), replacement: words.into() }, 0);
        }
    }

    fn pixel(&mut self, site: &Site, url: Option<String>) {
        let Some(url) = url.filter(|url| is_url(url)) else { return };
        let ways = pixels(site.range.start, &url, self.line_end);
        let is_made = ways.into_iter().any(|edit| self.make(edit, 0));
        self.pixels += u32::from(is_made);
    }

    fn make(&mut self, edit: Edit, spare: usize) -> bool {
        let is_allowed = self.limit.as_mut().is_none_or(|limit| limit.allows(&edit, spare));
        is_allowed && self.edits.push(edit).is_ok()
    }
}
