//! The HTML tokenizer beside two others: html5ever with its tree builder, which decides
//! as a browser does what is raw text and what is SVG, and lol_html. They must see the
//! same tags, attributes, comments and text: in the messages of the tests, in cases for
//! each rule, and in HTML that is made at random. Where ours differs it does so for a
//! reason, which `KNOWN` tells.

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag as TreeTag, TagKind, Token as TreeToken, TokenSink, TokenSinkResult,
        Tokenizer as TreeTokenizer,
    },
    tree_builder::{TreeBuilder, TreeBuilderOpts},
};
use lol_html::{HtmlRewriter, Settings, doc_comments, element};
use mail::{
    html::{
        attribute,
        tokenizer::{Tag, Token, Tokenizer, Unfinished},
    },
    message::{encoding, part},
};
use markup5ever_rcdom::{Handle, RcDom};
use std::{
    cell::RefCell,
    env, fs,
    path::{Path, PathBuf},
};

/// What a tokenizer saw, up to what the end cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Start {
        name: String,
        attributes: Vec<(String, String)>,
        is_self_closing: bool,
    },
    End(String),
    Comment(String),
    /// Characters, those that stand side by side as one.
    Text(String),
}

/// HTML that ours takes for something else than html5ever does, and why that may be.
/// Each line must differ: one that does not any more has no place here.
const KNOWN: [(&str, &str); 5] = [
    (
        "<frameset><style><a></style></frameset>",
        "a frameset drops all but frames; a message with one has no links and gets no pixel",
    ),
    (
        "<div><svg></div><style><a></style>",
        "HTML elements are not followed, so the end tag of one does not end the SVG in it",
    ),
    (
        "<svg><title></foreignObject><title><a>",
        "the end tag of any integration point ends the innermost one",
    ),
    (
        "<math><annotation-xml><mrow><svg><title><style><a></style>",
        "other elements of MathML are not followed, so an svg element in one of them is SVG",
    ),
    (
        "<svg><title><![CDATA[<a>]]></title></svg>",
        "an integration point holds HTML, but CDATA right in it is still text",
    ),
];

/// HTML for each rule of the tokenizer.
const CASES: [&str; 38] = [
    "a<b>c</b>d",
    "1 < 2 <3 << x",
    "<a b='>' c=\">\">x",
    "</><//x></ x>",
    "<!-- > -- -> --->x",
    "<!-->x<!--->y<!---->z",
    "<!-- --!>x<!--->-->",
    "<!-- <!-- --><!-- a --!b -- > -->",
    "<!x '>'><?php '>'?>",
    "<![if !mso]><a><![endif]>",
    "<!--[if mso]><a href='x'><![endif]-->",
    "<!DOCTYPE html><p>",
    "<![CDATA[<a>]]>",
    "<svg><![CDATA[<a>]]></svg><![CDATA[<a>]]>",
    "<title><a></a></titlex></title >x",
    "<textarea><a></textarea/>x",
    "<style><!--</style><a>--></style>",
    "<xmp><a></xmp><iframe><a></iframe><noembed><a></noembed><noframes><a></noframes>",
    "<script><!--<script></script>--></script>x",
    "<script><!--</script>x",
    "<script><!--><script></script>x",
    "<script><!-- <scriptx></script>x",
    "<script><!-- <script/></script> --!> --></script>x",
    "<plaintext></plaintext><a>",
    "<svg><style><a></style></svg>",
    "<svg><p><style><a></style>",
    "<svg><font><style><a></style></font></svg><svg><font color=x><style><a></style>",
    "<svg><foreignObject><style><a></style></foreignObject><style><a></style></svg>",
    "<svg><title><b></title><desc><style><a></style></desc></svg>",
    "<math><mi><style><a></style></mi><style><a></style></math>",
    "<math><annotation-xml><style><a></style><p><style><a></style>",
    "<math><annotation-xml encoding=Text/HTML><style><a></style></annotation-xml><style><a>",
    "<math><annotation-xml encoding='application/XHTML+xml'><style><a></style>",
    "<math><annotation-xml><svg><title><b></b></title></svg><style><a></style></annotation-xml></math>",
    "<a b=\"1\" c='2' d=3 e f= ><a/b=1/c/d='2'/e><a/b='1'/c/d=2/>",
    "<a b\r\n=\t'1'c = 2\x0Cd><a =b=c ==d><a b=1 B=2><a/><a b /><a / >",
    "<a b='&amp;&copy=1&copy;&notit;&notin;&#128;&#x41;&#0;&amp' c=&lt;&gt d='&#x110000;'>",
    "<noscript><a href='x'></noscript>",
];

/// What HTML is made of at random. SVG and MathML are whole, after the known differences.
const PIECES: [&str; 60] = [
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "--!>",
    "--",
    "-",
    "!",
    "<!",
    "<?",
    "]]>",
    "<![CDATA[",
    "=",
    "'",
    "\"",
    " ",
    "\n",
    "\r\n",
    "/",
    "a",
    "b",
    "x y",
    "é",
    "&",
    "&amp;",
    "&lt",
    "&copy=",
    "&#65",
    "<a ",
    "<a href='",
    "<a href=\"",
    "<a href=",
    "https://a.example/?x=1&y=2",
    "<b>",
    "</b>",
    "<p>",
    "</p>",
    "<br/>",
    "<div class=x>",
    "</div>",
    "<script>",
    "</script>",
    "<title>",
    "</title>",
    "<style>",
    "</style>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp>",
    "<!DOCTYPE html>",
    "<hr>",
    "<svg><p>",
    "<svg><style><a></style></svg>",
    "<svg><g><![CDATA[<a>]]></g></svg>",
    "<svg><title>x</title><title></title></svg>",
    "<svg><foreignObject><style><a></style></foreignObject><style><b></style></svg>",
    "<math><mi><style><a></style></mi><style><b></style></math>",
];
const DOCUMENTS: u64 = 20_000;

#[test]
fn messages_are_read_as_others_read_them() {
    let mut found = 0;
    for path in messages() {
        let message = fs::read(&path).expect("a message can be read");
        let Ok(tree) = part::split(&message) else { continue };
        for part in
            tree.parts().iter().filter(|part| part.content.media_type.essence == "text/html")
        {
            let body = encoding::decode(&message[part.body.clone()], part.content.encoding);
            let Ok(html) = body else { continue };
            // Neither of the others takes octets that are no UTF-8.
            let Ok(html) = std::str::from_utf8(&html) else { continue };
            // A byte order mark is for the decoder; html5ever passes over it.
            let html = html.strip_prefix('\u{FEFF}').unwrap_or(html);
            // In tags a NUL is read as this (13.2.5), by those who copy what they read.
            let html = html.replace('\0', "\u{FFFD}");
            check(&html, &path.display().to_string());
            found += 1;
        }
    }
    assert!(found > 10, "only {found} parts of HTML");
}

#[test]
fn html_with_golden_tokens_is_read_as_others_read_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/html");
    let mut found = 0;
    for entry in fs::read_dir(folder).expect("the folder of HTML is there") {
        let path = entry.expect("an entry of it").path();
        let is_html = path.extension().is_some_and(|ending| ending == "html");
        let octets = fs::read(&path).expect("a file can be read");
        let Ok(html) = String::from_utf8(octets) else { continue };
        if is_html {
            check(&html.replace('\0', "\u{FFFD}"), &path.display().to_string());
            found += 1;
        }
    }
    assert!(found > 15, "only {found} files of HTML");
}

#[test]
fn each_rule_is_read_as_others_read_it() {
    for html in CASES {
        check(html, html);
    }
}

#[test]
fn known_differences_are_differences() {
    for (html, reason) in KNOWN {
        let (seen, _) = ours(html, lf);
        assert_ne!(seen, html5ever(html), "{html}: {reason}");
    }
}

/// `DIFFERENTIAL_SEED` makes other documents.
#[test]
fn random_html_is_read_as_others_read_it() {
    let seed = env::var("DIFFERENTIAL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(20_261_121);
    println!("DIFFERENTIAL_SEED={seed}");
    let mut random = Random(seed);
    for _ in 0..DOCUMENTS {
        let pieces = 1 + random.below(24);
        let html: String = (0..pieces).map(|_| PIECES[random.below(PIECES.len())]).collect();
        check(&html, &format!("DIFFERENTIAL_SEED={seed}"));
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % limit as u64).expect("below a usize")
    }
}

fn messages() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracking/testdata")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder of messages is there") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "eml") {
                found.push(path);
            }
        }
    }
    found
}

fn check(html: &str, place: &str) {
    let (seen, unfinished) = ours(html, |value| attribute::decode(&lf(value)).into_owned());
    let mut expected = html5ever(html);
    pop_cut_off(&mut expected, &seen, unfinished);
    // Text is compared where it stands as it is, and up to an end that cuts nothing off.
    let has_text = unfinished.is_none() && !html.contains('&') && !html.contains("<![CDATA[");
    let keep = |seen: &Seen| has_text || !matches!(seen, Seen::Text(_));
    let kept = |list: Vec<Seen>| list.into_iter().filter(keep).collect::<Vec<_>>();
    assert_eq!(kept(seen), kept(expected), "{place}: html5ever (right) reads {html:?} otherwise");
    // lol_html takes the content of noscript for text, as a browser that runs scripts.
    if !html.contains("<noscript") {
        let (seen, _) = ours(html, lf);
        let is_told = |seen: &Seen| matches!(seen, Seen::Start { .. } | Seen::Comment(_));
        let seen: Vec<_> = seen.into_iter().filter(is_told).collect();
        let mut expected = lol_html(html);
        pop_cut_off(&mut expected, &seen, unfinished);
        assert_eq!(seen, expected, "{place}: lol_html (right) reads {html:?} otherwise");
    }
}

/// The others take a comment that the end cuts off for a whole one.
fn pop_cut_off(expected: &mut Vec<Seen>, seen: &[Seen], unfinished: Option<Unfinished>) {
    let comments = |list: &[Seen]| list.iter().filter(|seen| is_comment(seen)).count();
    let is_one_more = comments(expected) > comments(seen);
    if unfinished == Some(Unfinished::Comment) && is_one_more {
        expected.pop_if(|last| is_comment(last));
    }
}

fn is_comment(seen: &Seen) -> bool {
    matches!(seen, Seen::Comment(_))
}

/// What our tokenizer sees, with the values of attributes as `value_of` gives them.
fn ours(html: &str, value_of: fn(&str) -> String) -> (Vec<Seen>, Option<Unfinished>) {
    let mut tokenizer = Tokenizer::new(html.as_bytes());
    let mut seen = Vec::new();
    for token in tokenizer.by_ref() {
        match token {
            Token::StartTag(tag) => {
                let attributes = attributes(html, &tag, value_of);
                seen.push(start_tag(html, &tag, attributes));
            }
            Token::EndTag(tag) => seen.push(Seen::End(html[tag.name].to_ascii_lowercase())),
            Token::Comment(range) => seen.extend(comment(&lf(&html[range]))),
            Token::Text(range) => push_text(&mut seen, &lf(&html[range])),
            Token::Doctype(_) => {}
        }
    }
    (seen, tokenizer.unfinished().map(|(_, what)| what))
}

/// The line ends as a tokenizer sees them (HTML standard, 13.2.3.5).
fn lf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn start_tag(html: &str, tag: &Tag, attributes: Vec<(String, String)>) -> Seen {
    let name = html[tag.name.clone()].to_ascii_lowercase();
    Seen::Start { name, attributes, is_self_closing: tag.is_self_closing }
}

fn attributes(html: &str, tag: &Tag, value_of: fn(&str) -> String) -> Vec<(String, String)> {
    let named = tag.attributes(html.as_bytes()).map(|attribute| {
        (html[attribute.name].to_ascii_lowercase(), value_of(&html[attribute.value]))
    });
    first_of_each_name(named)
}

/// HTML standard, 13.2.5.33: the first of a name counts.
fn first_of_each_name(found: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    found.fold(Vec::new(), |mut told, (name, value)| {
        if !told.iter().any(|(known, _)| *known == name) {
            told.push((name, value));
        }
        told
    })
}

/// A comment without what begins and ends it. `</>` is none, though nobody sees it.
fn comment(whole: &str) -> Option<Seen> {
    let text = match whole.strip_prefix("<!--") {
        Some(">" | "->") => "",
        Some(rest) => {
            let ends = ["--!>", "-->"];
            ends.iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest)
        }
        None => {
            let rest = whole.strip_suffix('>').unwrap_or(whole);
            rest.strip_prefix("<!").or(rest.strip_prefix("</")).unwrap_or(&rest[1..])
        }
    };
    (whole != "</>").then(|| Seen::Comment(text.to_owned()))
}

fn push_text(seen: &mut Vec<Seen>, text: &str) {
    if let Some(Seen::Text(before)) = seen.last_mut() {
        before.push_str(text);
    } else {
        seen.push(Seen::Text(text.to_owned()));
    }
}

/// Writes down what goes from html5ever's tokenizer to its tree builder.
struct Recorder {
    tree: TreeBuilder<Handle, RcDom>,
    seen: RefCell<Vec<Seen>>,
}

impl TokenSink for Recorder {
    type Handle = Handle;

    fn process_token(&self, token: TreeToken, line: u64) -> TokenSinkResult<Handle> {
        match &token {
            TreeToken::TagToken(tag) => self.seen.borrow_mut().push(of_tree(tag)),
            TreeToken::CommentToken(text) => {
                self.seen.borrow_mut().push(Seen::Comment(text.to_string()));
            }
            TreeToken::CharacterTokens(text) => push_text(&mut self.seen.borrow_mut(), text),
            _ => {}
        }
        self.tree.process_token(token, line)
    }

    fn end(&self) {
        self.tree.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.tree.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn of_tree(tag: &TreeTag) -> Seen {
    if tag.kind == TagKind::EndTag {
        return Seen::End(tag.name.to_string());
    }
    let told =
        tag.attrs.iter().map(|found| (found.name.local.to_string(), found.value.to_string()));
    Seen::Start {
        name: tag.name.to_string(),
        attributes: told.collect(),
        is_self_closing: tag.self_closing,
    }
}

fn html5ever(html: &str) -> Vec<Seen> {
    // A mail client runs no script, so noscript is live markup.
    let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let tree = TreeBuilder::new(RcDom::default(), options);
    let recorder = Recorder { tree, seen: RefCell::default() };
    let tokenizer = TreeTokenizer::new(recorder, html5ever::tokenizer::TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // The tokenizer stops behind each script, for it to be run.
    while !input.is_empty() {
        let _script = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.seen.into_inner()
}

fn lol_html(html: &str) -> Vec<Seen> {
    let seen = RefCell::new(Vec::new());
    let on_element = element!("*", |element| {
        let told = element.attributes().iter().map(|found| (found.name(), lf(&found.value())));
        seen.borrow_mut().push(Seen::Start {
            name: element.tag_name(),
            attributes: first_of_each_name(told),
            is_self_closing: element.is_self_closing(),
        });
        Ok(())
    });
    let on_comment = doc_comments!(|comment| {
        seen.borrow_mut().push(Seen::Comment(lf(&comment.text())));
        Ok(())
    });
    let settings = Settings::new()
        .append_element_content_handler(on_element)
        .append_document_content_handler(on_comment)
        .with_strict(false);
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(html.as_bytes()).expect("there is memory enough");
    rewriter.end().expect("there is memory enough");
    seen.into_inner()
}
