use super::*;

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
