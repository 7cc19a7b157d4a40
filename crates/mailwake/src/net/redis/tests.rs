use super::*;

fn check(url: &str, wanted: Option<&str>) {
    let read: Result<ServerUrl, _> = url.parse();
    assert_eq!(read.ok().map(|url| url.to_string()).as_deref(), wanted, "{url}");
}

#[test]
fn servers_are_told_by_url() {
    check("redis://127.0.0.1:6379", Some("redis://127.0.0.1:6379"));
    check("redis://redis.example", Some("redis://redis.example:6379"));
    check("valkeys://[2001:db8::7]:6380/3", Some("rediss://[2001:db8::7]:6380/3"));
    check("rediss://redis.example/", Some("rediss://redis.example:6379"));
}

#[test]
fn urls_with_a_secret_are_refused() {
    check("redis://:secret@127.0.0.1", None);
    check("redis://name:secret@127.0.0.1:6379", None);
}

#[test]
fn what_is_no_server_is_refused() {
    for url in [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://a:0",
        "redis://a:66000",
        "redis://a:b",
        "redis://a/b",
        "redis://[a]:1",
        "redis://[::1]1",
        "redis://a b",
    ] {
        check(url, None);
    }
}

#[test]
fn keys_beside_another_have_its_tag() {
    assert_eq!(beside("trk_queue", ":malformed"), "{trk_queue}:malformed");
    assert_eq!(beside("trk:{3}", ":sent"), "trk:{3}:sent");
}

fn check_failure(answer: &str, wanted: Failure, told: &str) {
    let error = redis::parse_redis_value(answer.as_bytes())
        .and_then(Value::extract_error)
        .expect_err("an error");
    let error = RedisError::from(error);
    assert_eq!((error.failure(), error.to_string().as_str()), (wanted, told), "{answer}");
}

#[test]
fn servers_that_cannot_now_are_asked_again() {
    check_failure(
        "-OOM command not allowed when used memory > 'maxmemory'. script: 7f, on @user_script:1.\r\n",
        Failure::Away,
        "Redis: \"OOM\": command not allowed when used memory > 'maxmemory'.",
    );
    check_failure("-LOADING loading\r\n", Failure::Away, "Redis: BusyLoading: loading");
    check_failure("-READONLY a replica\r\n", Failure::Away, "Redis: ReadOnly: a replica");
    check_failure("-CLUSTERDOWN down\r\n", Failure::Away, "Redis: ClusterDown: down");
    check_failure("-MISCONF no disk\r\n", Failure::Away, "Redis: \"MISCONF\": no disk");
    check_failure(
        "-ERR max number of clients reached\r\n",
        Failure::Away,
        "Redis: ResponseError: max number of clients reached",
    );
}

#[test]
fn what_an_operator_has_to_do_is_told() {
    check_failure("-NOAUTH first\r\n", Failure::Denied, "Redis: \"NOAUTH\": first");
    check_failure("-WRONGPASS no\r\n", Failure::Denied, "Redis: \"WRONGPASS\": no");
    check_failure("-NOPERM no\r\n", Failure::Denied, "Redis: NoPerm: no");
    check_failure("-MOVED 1 10.0.0.1:1\r\n", Failure::Denied, "Redis: Moved: 1 10.0.0.1:1");
    check_failure("-WRONGTYPE a list\r\n", Failure::Denied, "Redis: \"WRONGTYPE\": a list");
}

/// The answers of Redis 6.2.5.
#[test]
fn errors_in_scripts_of_old_servers_are_those_of_their_commands() {
    let check = |said: &str, wanted: Failure, told: &str| {
        let answer = format!(
            "-ERR Error running script (call to f_b4be54ddebb59e27ee8ef92d62d9bdb463e08ca1): \
             @user_script:1: {said}\r\n"
        );
        check_failure(&answer, wanted, told);
    };
    check(
        "@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'. ",
        Failure::Away,
        "Redis: OOM command not allowed when used memory > 'maxmemory'. ",
    );
    check(
        "@user_script: 1: -READONLY You can't write against a read only replica. ",
        Failure::Away,
        "Redis: READONLY You can't write against a read only replica. ",
    );
    check(
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        Failure::Denied,
        "Redis: WRONGTYPE Operation against a key holding the wrong kind of value",
    );
    let rights = "The user executing the script can't run this command or subcommand";
    check(&format!("@user_script: 1: {rights}"), Failure::Denied, &format!("Redis: {rights}"));
    let alone = format!("-@user_script: 1: {rights}\r\n");
    check_failure(&alone, Failure::Denied, &format!("Redis: {rights}"));
}

#[test]
fn what_was_sent_is_not_told() {
    check_failure(
        "-ERR unknown command 'XADD', with args beginning with: 'ann@example.com'\r\n",
        Failure::Denied,
        "Redis: ResponseError: unknown command 'XADD'",
    );
}

#[test]
fn what_is_too_large_is_refused() {
    check_failure(
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        Failure::Refused,
        "Redis: ResponseError: string exceeds maximum allowed size (proto-max-bulk-len)",
    );
}
