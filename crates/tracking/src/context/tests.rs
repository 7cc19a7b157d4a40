use super::*;

#[test]
fn the_variable_of_a_message_goes_before_that_of_its_connection() {
    let mut context = Context::default();
    context.set(Lifetime::Connection, "color", "red").expect("room");
    assert_eq!(context.variable("color"), Some("red"));
    context.set(Lifetime::Message, "color", "blue").expect("room");
    assert_eq!(context.variable("color"), Some("blue"));
    context.forget_message();
    assert_eq!(context.variable("color"), Some("red"));
}

#[test]
fn a_full_context_takes_no_more_and_keeps_what_it_has() {
    let mut context = Context::default();
    let value = "v".repeat(CONTEXT_OCTETS_MAX - 1);
    assert_eq!(context.set(Lifetime::Message, "a", &value), Ok(()));
    assert_eq!(context.set(Lifetime::Connection, "b", ""), Err(ContextFull));
    assert_eq!(context.set(Lifetime::Message, "a", "short"), Ok(()));
    assert_eq!(context.set(Lifetime::Connection, "b", ""), Ok(()));
    assert!(context.delete(Lifetime::Message, "a"));
    assert!(!context.delete(Lifetime::Message, "a"));
    context.set(Lifetime::Message, "c", "c").expect("room");
    context.forget_message();
    assert_eq!(context.octets, "b".len());
}
