use super::*;
use crate::context::Lifetime;

fn check(name: &str, customer_id: &str, subaccount_id: &str) {
    let wanted = Account { customer_id: customer_id.into(), subaccount_id: subaccount_id.into() };
    assert_eq!(Account::of_login(name), wanted);
}

#[test]
fn name_is_the_customer() {
    check("ann@shop.example", "ann@shop.example", "");
    check("", "", "");
}

#[test]
fn subaccount_stands_behind_the_name() {
    check("SMTP_Injection:X-MSYS-SUBACCOUNT=123", "SMTP_Injection", "123");
}

#[test]
fn subaccount_is_a_number() {
    for name in [
        "SMTP_Injection:X-MSYS-SUBACCOUNT=",
        "SMTP_Injection:X-MSYS-SUBACCOUNT=1a",
        "SMTP_Injection:X-MSYS-SUBACCOUNT=12345678901",
    ] {
        check(name, name, "");
    }
}

#[test]
fn context_names_the_account_and_the_message_goes_before_the_connection() {
    let mut context = Context::default();
    assert_eq!(Account::of_context(&context), Account::default());
    let mut set = |of, name: &str| {
        context.set(of, CUSTOMER_VARIABLE, name).expect("room");
        Account::of_context(&context)
    };
    let seven = set(Lifetime::Connection, "ann:X-MSYS-SUBACCOUNT=7");
    assert_eq!((seven.customer_id.as_str(), seven.subaccount_id.as_str()), ("ann", "7"));
    assert_eq!(set(Lifetime::Message, "12"), Account::of_login("12"));
    assert_eq!(set(Lifetime::Message, &"x".repeat(256)), Account::default());
}
