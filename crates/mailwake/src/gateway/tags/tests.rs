use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).into()).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn ignored(ignored: usize) -> Admission {
    Admission { ignored, undecided: 0 }
}

#[tokio::test]
async fn tags_beyond_the_hundredth_are_ignored() {
    let tags = Tags::default();
    tags.learn(&numbers(98));
    let mut said = texts(&["a", "0", "b", "c", "a"]);
    assert_eq!(tags.admit(&mut said).await, ignored(1));
    assert_eq!(said, texts(&["a", "0", "b", "a"]));
    let mut later = texts(&["97", "d", "b"]);
    assert_eq!(tags.admit(&mut later).await, ignored(1));
    assert_eq!(later, texts(&["97", "b"]));
}

#[tokio::test]
async fn what_others_have_said_is_known_and_leaves_no_room() {
    let tags = Tags::default();
    tags.learn(&numbers(120));
    assert_eq!(tags.admit(&mut texts(&["0", "119", "120"])).await, ignored(1));
}

#[tokio::test]
async fn the_keeper_is_asked_about_new_tags_alone() {
    let (tags, mut asked) = Tags::kept(Duration::from_secs(60));
    tags.learn(&texts(&["old"]));
    let keeper = async {
        let ask = asked.recv().await.expect("a question");
        assert_eq!(ask.tag, "new");
        // Another gateway was there first, and the last place is gone.
        tags.learn(&numbers(SYSTEM_TAGS_MAX));
        ask.answered.send(()).expect("somebody waits");
        asked.try_recv().expect_err("nothing else was asked");
    };
    let mut said = texts(&["new", "old", "new"]);
    let (admission, ()) = tokio::join!(tags.admit(&mut said), keeper);
    assert_eq!((admission, said), (ignored(2), texts(&["old"])));
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_so_long_and_no_longer() {
    let (tags, mut asked) = Tags::kept(Duration::from_millis(50));
    let began = Instant::now();
    let mut said = texts(&["a", "b"]);
    assert_eq!(tags.admit(&mut said).await, Admission { ignored: 0, undecided: 2 });
    let waited = began.elapsed().as_millis();
    assert!((50..60).contains(&waited), "{waited} ms");
    assert_eq!(said, texts(&["a", "b"]), "what is known here decides");
    assert_eq!(tags.admit(&mut said).await, ignored(0));
    // A keeper that cannot say says so at once.
    asked.close();
    while asked.try_recv().is_ok() {}
    let began = Instant::now();
    assert_eq!(tags.admit(&mut texts(&["c"])).await, Admission { ignored: 0, undecided: 1 });
    assert!(began.elapsed().as_millis() < 10);
    assert_eq!(tags.missing_in(&["a".to_owned(), "b".to_owned()].into()), texts(&["c"]));
}
