//! Fills the sites of a plan with the links and pixels of one copy.

use super::{
    LinkOutcome, LinkRequest, Links, PartOutcome, Plan, Reason, Report,
    safety_net::EditedPart,
    select::Kind,
    site::{LinkForm, PixelForm, Site, SiteKind, is_url, write_honeypot},
};
use mail::message::{
    edit::{Edit, EditList},
    encoding::{LineEnd, LineLimit},
};
use std::ops::Range;

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
            let is_identity = node.content.encoding.is_identity();
            let is_amp = work.kind == Kind::Amp;
            let mut filling = Filling {
                edits: work.body.edits(),
                limit: is_identity.then(|| LineLimit::new(body)),
                line_end: self.line_end.of_new_lines(body),
                pixel_form: if is_amp { PixelForm::Amp } else { PixelForm::Html },
                url: String::new(),
                replacement: Vec::new(),
                links: 0,
                pixels: 0,
                pixels_left_out: 0,
            };
            for site in &work.sites {
                filling.url.clear();
                match site.kind {
                    SiteKind::Link { index, form } => {
                        let link = &self.links[index];
                        let reported = &mut report.links[index];
                        let request = LinkRequest {
                            target_url: &link.target,
                            link_index: reported.index,
                            name: link.control.name.as_deref(),
                            is_unsubscribe: link.control.is_unsubscribe,
                            sublink: link.control.sublink.as_deref(),
                            is_amp,
                        };
                        let is_given = links.click(&request, &mut filling.url);
                        reported.outcome = filling.link(site, form, is_given);
                    }
                    SiteKind::Words(words) => filling.words(site, words),
                    SiteKind::Open => {
                        let is_given = links.open(is_amp, &mut filling.url);
                        filling.pixel(site, is_given);
                    }
                    SiteKind::Honeypot => {
                        let is_given = links.honeypot(&mut filling.url);
                        filling.honeypot(site, is_given);
                    }
                    SiteKind::InitialOpen => {
                        let is_given = links.initial_open(is_amp, &mut filling.url);
                        filling.pixel(site, is_given);
                    }
                }
            }
            let Filling { mut edits, links, pixels, pixels_left_out, .. } = filling;
            let reported = &mut report.parts[at];
            reported.pixels_left_out = pixels_left_out;
            if !edits.is_empty() {
                edits.shrink_to_fit();
                reported.outcome = PartOutcome::Rewritten { links, pixels };
                edited.push(EditedPart { index: part.index, body: &work.body, edits });
            } else if pixels_left_out > 0 {
                reported.outcome = PartOutcome::Untouched(Reason::LongLine);
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
    pixel_form: PixelForm,
    /// The URL that was given for the site at hand, and what is made of it.
    url: String,
    replacement: Vec<u8>,
    links: u32,
    pixels: u32,
    pixels_left_out: usize,
}

impl Filling<'_> {
    fn link(&mut self, site: &Site, form: LinkForm, is_given: bool) -> LinkOutcome {
        if !is_given || !is_url(&self.url) {
            return LinkOutcome::LeftAlone(Reason::NotSigned);
        }
        let line_break = self.line_end.octets();
        let breaks: [[&[u8]; 2]; 4] =
            [[b"", b""], [line_break, b""], [b"", line_break], [line_break, line_break]];
        let ways = if form.may_be_broken() { &breaks[..] } else { &breaks[..1] };
        let is_made = ways.iter().any(|breaks| {
            self.replacement.clear();
            form.write(&self.url, *breaks, &mut self.replacement);
            self.make(site.range.clone(), PIXEL_ROOM)
        });
        if !is_made {
            return LinkOutcome::LeftAlone(Reason::LongLine);
        }
        self.links += 1;
        LinkOutcome::Tracked
    }

    fn words(&mut self, site: &Site, words: &str) {
        let made = self.edits.last_end();
        if made.is_none_or(|link_end| link_end <= site.range.start) {
            self.replacement.clear();
            self.replacement.extend_from_slice(words.as_bytes());
            self.make(site.range.clone(), 0);
        }
    }

    /// In one line, or in three for a place in a line that has no room left.
    fn pixel(&mut self, site: &Site, is_given: bool) {
        if !is_given || !is_url(&self.url) || !self.pixel_form.takes(&self.url) {
            return;
        }
        let is_made = [b" ", self.line_end.octets()].into_iter().any(|space| {
            self.replacement.clear();
            self.pixel_form.write(&self.url, space, &mut self.replacement);
            self.make(site.range.clone(), 0)
        });
        self.pixels += u32::from(is_made);
        self.pixels_left_out += usize::from(!is_made);
    }

    /// As a pixel; where there is no room at all, there is none.
    fn honeypot(&mut self, site: &Site, is_given: bool) {
        let is_fit = is_given && is_url(&self.url);
        for space in [b" ", self.line_end.octets()].into_iter().filter(|_| is_fit) {
            self.replacement.clear();
            write_honeypot(&self.url, space, &mut self.replacement);
            if self.make(site.range.clone(), PIXEL_ROOM) {
                return;
            }
        }
    }

    /// Puts the replacement in the place of a range, if its line has so much room.
    fn make(&mut self, range: Range<usize>, spare: usize) -> bool {
        let edit = Edit { range: range.clone(), replacement: &self.replacement };
        let is_allowed = self.limit.as_mut().is_none_or(|limit| limit.allows(&edit, spare));
        is_allowed && self.edits.push(range, &self.replacement).is_ok()
    }
}
