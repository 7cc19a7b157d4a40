use super::*;
use proptest::prelude::*;

/// The tokens, each as a letter and its octets; the cut-off rest at the end.
fn outline(html: &str) -> Vec<String> {
    let mut tokenizer = Tokenizer::new(html.as_bytes());
    let mut outline = Vec::new();
    for token in tokenizer.by_ref() {
        let (letter, range) = match &token {
            Token::Text(range) => ("T", range),
            Token::StartTag(tag) => ("S", &tag.range),
            Token::EndTag(tag) => ("E", &tag.range),
            Token::Comment(range) => ("C", range),
            Token::Doctype(range) => ("D", range),
        };
        outline.push(format!("{letter} {}", &html[range.clone()]));
    }
    if let Some((start, what)) = tokenizer.unfinished() {
        outline.push(format!("{what:?} {}", &html[start..]));
    }
    outline
}

fn check(html: &str, expected: &[&str]) {
    assert_eq!(outline(html), expected);
}

/// The attributes of the first tag as `name=value`, with the quotes they have.
fn check_attributes(html: &str, expected: &[&str]) {
    let Some(Token::StartTag(tag)) = Tokenizer::new(html.as_bytes()).next() else {
        panic!("{html} starts with a tag");
    };
    let text = |attribute: Attribute| {
        let (name, value) = (&html[attribute.name.clone()], &html[attribute.value.clone()]);
        match attribute.quote {
            Quote::NoValue => name.to_owned(),
            Quote::Unquoted => format!("{name}={value}"),
            Quote::Single => format!("{name}='{value}'"),
            Quote::Double => format!("{name}=\"{value}\""),
        }
    };
    let found: Vec<_> = tag.attributes(html.as_bytes()).map(text).collect();
    assert_eq!(found, expected);
}

#[test]
fn text_and_tags_take_turns() {
    check("a<b>c</b>d", &["T a", "S <b>", "T c", "E </b>", "T d"]);
}

#[test]
fn less_than_without_a_name_is_text() {
    check("1 < 2 <3 << <", &["T 1 < 2 <3 << ", "Tag <"]);
}

#[test]
fn greater_than_in_a_value_ends_no_tag() {
    check("<a b='>' c=\">\">x", &["S <a b='>' c=\">\">", "T x"]);
}

#[test]
fn end_tag_without_a_name_is_a_comment() {
    check("</><//x></ x>", &["C </>", "C <//x>", "C </ x>"]);
}

#[test]
fn comment_ends_at_two_hyphens_and_greater_than() {
    check("<!-- > -- -> --->x", &["C <!-- > -- -> --->", "T x"]);
}

#[test]
fn comment_may_be_closed_at_once() {
    check("<!-->x<!--->y<!---->z", &["C <!-->", "T x", "C <!--->", "T y", "C <!---->", "T z"]);
}

#[test]
fn comment_may_end_with_a_bang() {
    check("<!-- --!>x<!--->-->", &["C <!-- --!>", "T x", "C <!--->", "T -->"]);
}

#[test]
fn declaration_and_instruction_are_comments_up_to_greater_than() {
    check("<!x '>'><?php '>'?>", &["C <!x '>", "T '>", "C <?php '>", "T '?>"]);
}

#[test]
fn downlevel_revealed_condition_is_a_comment_around_live_markup() {
    check("<![if !mso]><a><![endif]>", &["C <![if !mso]>", "S <a>", "C <![endif]>"]);
}

#[test]
fn doctype_is_told() {
    check("<!DOCTYPE html>", &["D <!DOCTYPE html>"]);
}

#[test]
fn cdata_is_a_comment_in_html_and_text_in_svg() {
    check("<![CDATA[<a>]]>", &["C <![CDATA[<a>", "T ]]>"]);
    check("<svg><![CDATA[<a>]]></svg>", &["S <svg>", "T <![CDATA[<a>]]>", "E </svg>"]);
}

#[test]
fn raw_text_ends_at_its_own_end_tag() {
    for name in ["title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script"] {
        let html = format!("<{name}><a></a></{name}x></{name} >");
        check(
            &html,
            &[&format!("S <{name}>"), &format!("T <a></a></{name}x>"), &format!("E </{name} >")],
        );
    }
}

#[test]
fn noscript_is_live_markup() {
    check("<noscript><a></noscript>", &["S <noscript>", "S <a>", "E </noscript>"]);
}

#[test]
fn script_in_a_commented_script_hides_its_end_tag() {
    check(
        "<script><!--<script></script>--></script>x",
        &["S <script>", "T <!--<script></script>-->", "E </script>", "T x"],
    );
}

#[test]
fn end_tag_in_a_commented_script_ends_it() {
    check("<script><!--</script>x", &["S <script>", "T <!--", "E </script>", "T x"]);
}

#[test]
fn script_comment_that_is_closed_at_once_hides_nothing() {
    check(
        "<script><!--><script></script>x",
        &["S <script>", "T <!--><script>", "E </script>", "T x"],
    );
}

#[test]
fn plaintext_is_never_ended() {
    check(
        "<plaintext></plaintext>",
        &["S <plaintext>", "T </plaintext>", "RawText <plaintext></plaintext>"],
    );
}

#[test]
fn cut_off_markup_is_told_with_its_start() {
    check("a<b c='>", &["T a", "Tag <b c='>"]);
    check("a</", &["T a", "Tag </"]);
    check("a</b", &["T a", "Tag </b"]);
    check("a<!-- ->", &["T a", "Comment <!-- ->"]);
    check("a<!x", &["T a", "Comment <!x"]);
    check("a<style>b", &["T a", "S <style>", "T b", "RawText <style>b"]);
    check("<title>b</title x", &["S <title>", "T b</title x", "RawText <title>b</title x"]);
    check("<script>", &["S <script>", "RawText <script>"]);
}

#[test]
fn style_in_svg_is_markup() {
    check("<svg><style><a></style>", &["S <svg>", "S <style>", "S <a>", "E </style>"]);
}

#[test]
fn html_in_svg_ends_it() {
    check("<svg><p><style><a></style>", &["S <svg>", "S <p>", "S <style>", "T <a>", "E </style>"]);
}

#[test]
fn integration_point_holds_html() {
    check(
        "<svg><foreignObject><style><a></style></foreignObject><style><a>",
        &[
            "S <svg>",
            "S <foreignObject>",
            "S <style>",
            "T <a>",
            "E </style>",
            "E </foreignObject>",
            "S <style>",
            "S <a>",
        ],
    );
}

#[test]
fn link_in_svg_is_told_from_one_in_html() {
    let namespaces = |html: &str| -> Vec<Namespace> {
        let tags = Tokenizer::new(html.as_bytes()).filter_map(|token| match token {
            Token::StartTag(tag) => Some(tag.namespace),
            _ => None,
        });
        tags.collect()
    };
    use Namespace::{Html, MathMl, Svg};
    assert_eq!(namespaces("<svg><a></svg><a>"), [Svg, Svg, Html]);
    assert_eq!(
        namespaces("<svg/><a><math><mi><a></mi><a>"),
        [Svg, Html, MathMl, MathMl, Html, MathMl]
    );
}

#[test]
fn attributes_have_quotes_or_none() {
    check_attributes("<a b=\"1\" c='2' d=3 e f= >", &["b=\"1\"", "c='2'", "d=3", "e", "f="]);
}

#[test]
fn slash_separates_attributes_but_not_within_a_value() {
    check_attributes("<a/b=1/c/d='2'/e>", &["b=1/c/d='2'/e"]);
    check_attributes("<a/b='1'/c/d=2/>", &["b='1'", "c", "d=2/"]);
}

#[test]
fn white_space_around_the_equals_sign_is_passed_over() {
    check_attributes("<a b\r\n=\t'1'c = 2\x0Cd>", &["b='1'", "c=2", "d"]);
}

#[test]
fn equals_sign_first_begins_a_name() {
    check_attributes("<a =b=c ==d>", &["=b=c", "==d"]);
}

#[test]
fn duplicate_attributes_are_all_told() {
    check_attributes("<a b=1 b=2>", &["b=1", "b=2"]);
}

#[test]
fn self_closing_needs_the_slash_before_the_end() {
    let is_self_closing = |html: &str| match Tokenizer::new(html.as_bytes()).next() {
        Some(Token::StartTag(tag)) => tag.is_self_closing,
        _ => false,
    };
    for (html, expected) in [
        ("<a/>", true),
        ("<a b />", true),
        ("<a b='/'>", false),
        ("<a b=/>", false),
        ("<a / >", false),
    ] {
        assert_eq!(is_self_closing(html), expected, "{html}");
    }
}

proptest! {
    #[test]
    fn tokens_leave_no_gap(html in "(<|>|</|<!--|-->|--!>|!|-|a|script|title|svg|math|mi|p|style|=|'|\"| |/|<!\\[CDATA\\[|]]>|é){0,40}") {
        let mut tokenizer = Tokenizer::new(html.as_bytes());
        let mut position = 0;
        for token in tokenizer.by_ref() {
            let range = match token {
                Token::Text(range) | Token::Comment(range) | Token::Doctype(range) => range,
                Token::StartTag(tag) | Token::EndTag(tag) => tag.range,
            };
            prop_assert_eq!(range.start, position);
            prop_assert!(range.end > position);
            position = range.end;
        }
        match tokenizer.unfinished() {
            Some((start, _)) => prop_assert!(start <= html.len()),
            None => prop_assert_eq!(position, html.len()),
        }
    }

    #[test]
    fn any_octets_are_read(html in prop::collection::vec(any::<u8>(), 0..200)) {
        Tokenizer::new(&html).count();
    }
}
