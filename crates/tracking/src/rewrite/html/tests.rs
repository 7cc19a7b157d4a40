use super::*;
use crate::decision::Decision;

/// Marks the places of both pixels with `{` and `}` and those of links with `@`.
fn check(html: &str, expected: &str) {
    let decision = Decision { initial_open: true, ..Decision::default() };
    let mut marked = html.to_owned();
    let mut sites = sites(html.as_bytes(), Charset::UTF_8, Kind::Html, &decision, &mut Vec::new());
    sites.sort_by_key(Site::order);
    for site in sites.iter().rev() {
        let mark = match site.kind {
            SiteKind::Link { .. } => "@",
            SiteKind::Open => "}",
            SiteKind::InitialOpen => "{",
            SiteKind::Honeypot => "h",
            SiteKind::Words(words) => words,
        };
        marked.replace_range(site.range.clone(), mark);
    }
    assert_eq!(marked, expected);
}

#[test]
fn pixels_stand_in_the_body() {
    check("<html><body>\n<p>x</p>\n</body></html>", "<html><body>\n{<p>x</p>\n}</body></html>");
}

#[test]
fn last_body_end_counts() {
    check("<body>x</body> y</body>", "<body>{x</body> y}</body>");
}

#[test]
fn end_of_html_counts_without_a_body_end() {
    check("<p>x</html>", "{<p>x}</html>");
}

#[test]
fn fragment_has_its_pixel_at_the_end() {
    check("<p>x</p>", "{<p>x</p>}");
    check("x", "{x}");
    check("<p>x</p>\n\r\n", "{<p>x</p>\n}\r\n");
    check("<title>x</title>\n", "<title>x</title>\n}");
}

#[test]
fn byte_order_mark_stays_first() {
    check("\u{FEFF} <p>x", "\u{FEFF} {<p>x}");
}

#[test]
fn head_holds_no_pixel() {
    check(
        "<head><title>t</title>\n<style>s</style></head><p>x",
        "<head><title>t</title>\n<style>s</style></head>{<p>x}",
    );
    check("<head><title>t</title></head></html>", "<head><title>t</title></head>}</html>");
    check("<head><title>t", "<head><title>t");
}

#[test]
fn frameset_takes_the_place_of_a_body_that_shows_nothing() {
    for body in ["<p></p>", "<div> <a></a>", "<!-- x --><b></b><script>x</script> "] {
        let html = format!("{body}<frameset><frame></frameset>");
        check(&html, &html);
    }
    for body in ["<p>x</p>", "<p><style>x</style>y", "<img>", "<p></br>", "<input>", "<pre></pre>"]
    {
        let html = format!("{body}<frameset><frame></frameset>");
        check(&html, &format!("{{{html}}}"));
    }
    check("<body><frameset></frameset>", "<body>{<frameset></frameset>}");
    check("<hr><p></p><frameset></frameset>", "{<hr><p></p><frameset></frameset>}");
}

#[test]
fn frameset_has_no_pixel() {
    check("<html><frameset><frame></frameset></html>", "<html><frameset><frame></frameset></html>");
}

#[test]
fn body_end_in_raw_text_or_comment_does_not_count() {
    check("<p>x<!--</body>--><style></body></style>", "{<p>x<!--</body>--><style></body></style>}");
}

#[test]
fn pixel_stands_before_what_is_cut_off() {
    check("<p>x<a href='https://a.example/", "{<p>x}<a href='https://a.example/");
    check("<p>x<!-- y", "{<p>x}<!-- y");
    check("<p>x<script>y</body>", "{<p>x}<script>y</body>");
    check("<p>x<plaintext>y", "{<p>x}<plaintext>y");
    check("<p>x</", "{<p>x}</");
}

#[test]
fn pixel_stands_before_an_open_element_that_hides_it() {
    check("<p>x<select><option>y", "{<p>x}<select><option>y");
    check("<p>x<svg><g>y</body>", "{<p>x}<svg><g>y</body>");
    check("<p>x<object><video></video>y", "{<p>x}<object><video></video>y");
}

#[test]
fn pixel_opens_nothing_again_that_was_left_open() {
    check("<p><b>x</p></body>", "{<p><b>x}</p></body>");
    check("<p><b>x</p>\n</body>", "{<p><b>x</p>\n}</body>");
    check("<b><i>x</b></body>", "{<b><i>x}</b></body>");
    check("<p><b>x</b></p></body>", "{<p><b>x</b></p>}</body>");
}

#[test]
fn first_href_counts() {
    check(
        "<a href=https://a.example href='https://b.example'>",
        "{<a href=@ href='https://b.example'>}",
    );
    check(
        "<a href='mailto:x' href='https://b.example'>",
        "{<a href='mailto:x' href='https://b.example'>}",
    );
}

#[test]
fn only_links_of_html_count() {
    check(
        "<area href='http://a.example'><link href='http://a.example'>",
        "{<area href='@'><link href='http://a.example'>}",
    );
    check(
        "<svg><a href='http://a.example'></a></svg>",
        "{<svg><a href='http://a.example'></a></svg>}",
    );
}

#[test]
fn target_is_decoded_from_its_charset() {
    let html = b"<a href='https://a.example/\x83\x41&amp;'>";
    let charset = Charset::of_label(b"shift_jis").expect("it is known");
    let mut links = Vec::new();
    sites(html, charset, Kind::Html, &Decision::default(), &mut links);
    assert_eq!(&*links[0].target, "https://a.example/ア&");
}

#[test]
fn target_that_is_no_text_is_left_alone() {
    for html in [&b"<a href='https://a.example/\xFF'>"[..], b"<a href='https://a.example/\0'>"] {
        let mut links = Vec::new();
        sites(html, Charset::UTF_8, Kind::Html, &Decision::default(), &mut links);
        assert_eq!(links[0].left_alone, Some(Reason::Undecodable));
    }
}
