use super::*;

#[track_caller]
fn check(json: &str, wanted: &str) {
    let occurrence: Occurrence = serde_json::from_str(json).expect("what happened");
    assert_eq!(details(&occurrence), wanted);
}

#[test]
fn answers_of_upstream_are_told_as_they_came() {
    check(
        r#"{"type":"injection","error_code":250,"raw_reason":"2.0.0 Ok: queued as 4XyZ"}"#,
        "250 2.0.0 Ok: queued as 4XyZ",
    );
}

#[test]
fn records_tell_who_answered_and_how_long_it_took() {
    check(
        r#"{"type":"delivery","error_code":250,"raw_reason":"2.0.0 OK","attempt":
            {"remote_mta":"mx1.example.com","ip_address":"198.51.100.3","num_retries":2,
             "queue_time":61250}}"#,
        "250 2.0.0 OK by mx1.example.com [198.51.100.3], retries: 2, in queue: 61.2 s",
    );
    check(
        r#"{"type":"delay","error_code":0,"raw_reason":"4.4.1 Connection timed out",
            "attempt":{"ip_address":"2001:db8::3"}}"#,
        "4.4.1 Connection timed out by [2001:db8::3]",
    );
}

#[test]
fn complaints_and_mail_that_came_in_are_told_shortly() {
    check(
        r#"{"type":"spam_complaint","fbtype":"abuse","report_by":"fbl.example"}"#,
        "abuse by fbl.example",
    );
    check(r#"{"type":"spam_complaint","fbtype":"abuse"}"#, "abuse");
    check(
        r#"{"type":"relay_tempfail","rcpt_to":"a@in.example","msg_from":"b@example.com",
            "error_code":451,"raw_reason":"4.3.2 later"}"#,
        "from <b@example.com> to <a@in.example> 451 4.3.2 later",
    );
}
