//! Mail of programs that know nothing of ours arrives as it does without mailwake between:
//! the same octets, but for links, the pixel and the fields of the way. Each test sends a
//! message twice to the same server, first directly.

use crate::support::{
    PATIENCE, is_left_out,
    mailwake::{Installation, Serving},
    message,
    mta::{self, Mta},
    postfix::Postfix,
    process::run,
    sink::Sink,
    swaks,
    undone::{undone, untracked},
    wait_for,
};
use serde_json::Value;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const JUERGEN: &str = "jürgen@example.com";
const REVERSE_PATH: &str = "news@shop.example";

/// What is easily bent on the way: dots, white space at line ends, octets outside ASCII, a
/// folded field, lines without a word in them.
const MESSAGE: &str = "From: Shop <news@shop.example>\n\
    To: Ann <ann@example.com>,\n\t\"Bob\" <bob@example.com>\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=   and more\n\
    Date: Sat, 21 Nov 2026 08:00:00 +0100\n\
    Message-ID: <1@shop.example>\n\
    x-odd:  spaces \n\
    MIME-Version: 1.0\n\
    Content-Type: text/html; charset=utf-8\n\
    Content-Transfer-Encoding: 8bit\n\
    \n\
    <html><body>\n\
    .a dot\n\
    ..two dots, and a space at the end \n\
    .\t\n\
    <p>Grüße. <a href=\"https://shop.example/sale?page=1\">sale</a>\n\
    \n\
    <a class='x' href=\"https://shop.example/shoes#top\" >shoes</a>\n\
    </body></html>\n\
    From here on, nothing.\n";

/// An upstream and mailwake in front of it.
struct Way {
    postfix: Postfix,
    installation: Installation,
    _serving: Serving,
}

impl Way {
    fn new(settings: &str, gateway: &str) -> Self {
        let postfix = Postfix::start_with(&[ANN, BOB, JUERGEN], |_folder| settings.to_owned());
        let installation = Installation::new(postfix.port);
        installation.set_gateway(gateway);
        let serving = installation.serve();
        Self { postfix, installation, _serving: serving }
    }

    /// As a filter of a Postfix, which tells both by XFORWARD from whom a message came.
    fn of_a_filter() -> Self {
        Self::new(
            "smtpd_authorized_xforward_hosts = 127.0.0.1\n",
            "xforward_from = [\"127.0.0.1\"]",
        )
    }

    /// Sends directly and through mailwake, and holds what arrives for each against each
    /// other. Gives the mails that came through mailwake.
    fn check(&self, recipients: &[&str], send: impl Fn(u16)) -> Vec<Vec<u8>> {
        send(self.postfix.port);
        send(self.installation.gateway_port);
        recipients.iter().map(|recipient| self.check_mails(recipient)).collect()
    }

    fn check_mails(&self, recipient: &str) -> Vec<u8> {
        check_mails(self.postfix.wait_for_mail(recipient, 2), &self.installation)
    }

    fn receptions(&self, count: usize) -> Vec<Value> {
        wait_for("every reception in the store", PATIENCE, || {
            let events = self.installation.events(&["--type", "reception"]);
            (events.len() == count).then_some(events)
        })
    }
}

/// Of two mails one came through mailwake, and is the same as the other.
fn check_mails(mut mails: Vec<Vec<u8>>, installation: &Installation) -> Vec<u8> {
    let is_ours = |mail: &Vec<u8>| !message::values(mail, "X-Sp-Message-Id").is_empty();
    let ours = mails.remove(mails.iter().position(is_ours).expect("a mail through mailwake"));
    assert_eq!(undone(&ours, &installation.tracking_url), untracked(&mails[0]));
    ours
}

#[test]
fn mail_of_swaks_arrives_as_it_is() {
    if is_left_out("e2e: swaks to Postfix") {
        return;
    }
    let way = Way::new("", "");
    way.check(&[ANN, BOB], |port| {
        swaks::send(port, REVERSE_PATH, &[ANN, BOB], MESSAGE.as_bytes());
    });
}

#[test]
fn mail_of_smtplib_arrives_as_it_is() {
    if is_left_out("e2e: smtplib to Postfix") {
        return;
    }
    let way = Way::new("", "");
    way.check(&[ANN, BOB], |port| smtplib(port, &[ANN, BOB], "BODY=8BITMIME"));
}

#[test]
fn mail_of_nodemailer_arrives_as_it_is() {
    if mta::is_left_out("e2e: nodemailer to Postfix", "node_modules/nodemailer") {
        return;
    }
    let way = Way::new("", "");
    way.check(&[ANN, BOB], |port| nodemailer(port, &[ANN, BOB]));
}

#[test]
fn mail_through_exim_arrives_as_it_is() {
    if mta::is_left_out("e2e: Exim", "root/usr/sbin/exim4") {
        return;
    }
    check_upstream(Mta::exim);
}

#[test]
fn mail_through_opensmtpd_arrives_as_it_is() {
    if mta::is_left_out("e2e: OpenSMTPD", "root/usr/sbin/smtpd") {
        return;
    }
    check_upstream(Mta::opensmtpd);
}

/// Another MTA behind mailwake, and two clients before it.
fn check_upstream(start: impl FnOnce() -> Mta) {
    let mta = start();
    let installation = Installation::new(mta.port);
    let _serving = installation.serve();
    for port in [mta.port, installation.gateway_port] {
        swaks::send(port, REVERSE_PATH, &[ANN], MESSAGE.as_bytes());
        smtplib(port, &[BOB], "BODY=8BITMIME");
    }
    for recipient in [ANN, BOB] {
        check_mails(mta.wait_for_mail(recipient, 2), &installation);
    }
}

/// An address in UTF-8 (SMTPUTF8).
#[test]
fn mail_to_an_address_in_utf_8_arrives_as_it_is() {
    if is_left_out("e2e: SMTPUTF8") {
        return;
    }
    let way = Way::new("", "");
    way.check(&[JUERGEN], |port| smtplib(port, &[JUERGEN], "SMTPUTF8"));
    assert_eq!(way.receptions(1)[0]["rcpt_to"], JUERGEN);
}

/// An MTA in front of mailwake gives it all recipients in one transaction, in a pipeline, and
/// tells from whom the message came.
#[test]
fn mail_of_postfix_behind_its_queue_arrives_as_it_is() {
    if is_left_out("e2e: Postfix to Postfix, after its queue") {
        return;
    }
    let way = Way::of_a_filter();
    way.check(&[ANN, BOB], |port| {
        let front = Postfix::start_with(&[ANN, BOB], |_folder| {
            format!(
                "content_filter = smtp:[127.0.0.1]:{port}\nsmtp_send_xforward_command = yes\n\
                 smtpd_authorized_xclient_hosts = 127.0.0.1\n"
            )
        });
        swaks_of_another(front.port);
        wait_for("the mail to leave Postfix", PATIENCE, || {
            front.maillog().contains(": removed").then_some(())
        });
        assert_eq!(front.maillog().matches("status=sent").count(), 2, "{}", front.maillog());
    });
    check_client(&way);
}

/// As a filter before the queue (`smtpd_proxy_filter`), mailwake answers for it.
#[test]
fn mail_of_postfix_before_its_queue_arrives_as_it_is() {
    if is_left_out("e2e: Postfix to Postfix, before its queue") {
        return;
    }
    let way = Way::of_a_filter();
    way.check(&[ANN, BOB], |port| {
        let front = Postfix::start_with(&[ANN, BOB], |_folder| {
            format!(
                "smtpd_proxy_filter = 127.0.0.1:{port}\n\
                 smtpd_authorized_xclient_hosts = 127.0.0.1\n"
            )
        });
        swaks_of_another(front.port);
    });
    check_client(&way);
}

/// Exim sends in chunks (BDAT), and to several recipients at once.
#[test]
fn mail_of_exim_in_chunks_arrives_as_it_is() {
    if mta::is_left_out("e2e: Exim to Postfix", "root/usr/sbin/exim4") {
        return;
    }
    let way = Way::new("", "");
    way.check(&[ANN, BOB], |port| {
        let front = Mta::exim_before(port);
        swaks::send(front.port, REVERSE_PATH, &[ANN, BOB], MESSAGE.as_bytes());
        let log = wait_for("the mail to leave Exim", PATIENCE, || {
            let log = front.exim_log();
            log.contains(" Completed").then_some(log)
        });
        // K stands for chunks.
        assert_eq!(log.matches(" K C=\"250").count(), 2, "{log}");
    });
}

/// Sends as if from another host, which Postfix takes from swaks.
fn swaks_of_another(port: u16) {
    let client = "ADDR=192.0.2.7 NAME=host.example.com HELO=client.example.com";
    let options = ["--xclient", client];
    swaks::send_with(&options, port, REVERSE_PATH, &[ANN, BOB], MESSAGE.as_bytes());
}

/// Events and upstream's log know the other host.
fn check_client(way: &Way) {
    for reception in way.receptions(2) {
        assert_eq!(reception["client_address"], "192.0.2.7", "{reception}");
        assert_eq!(reception["client_name"], "host.example.com", "{reception}");
    }
    let log = way.postfix.maillog();
    assert!(log.matches("client=host.example.com[192.0.2.7]").count() >= 2, "{log}");
}

#[test]
fn upstream_hears_of_the_client_by_xclient() {
    if is_left_out("e2e: XCLIENT") {
        return;
    }
    let way = Way::new(
        "smtpd_authorized_xclient_hosts = 127.0.0.1\n",
        "xclient_from = [\"127.0.0.1\"]\ntell_upstream_client = \"xclient\"",
    );
    let mails = way.check(&[ANN, BOB], swaks_of_another);
    // Postfix writes into its trace field whom it takes for its client.
    let received = message::values(&mails[0], "Received").concat();
    assert!(received.contains("(host.example.com [192.0.2.7])"), "{received}");
    for reception in way.receptions(2) {
        assert_eq!(reception["client_address"], "192.0.2.7", "{reception}");
    }
}

#[test]
fn upstream_hears_of_the_client_of_a_balancer_by_xforward() {
    if is_left_out("e2e: PROXY protocol") {
        return;
    }
    let way = Way::new(
        "smtpd_authorized_xforward_hosts = 127.0.0.1\n",
        "proxy_protocol_from = [\"127.0.0.1\"]\ntell_upstream_client = \"xforward\"",
    );
    for version in ["1", "2"] {
        let options = [
            "--proxy-version",
            version,
            "--proxy-family",
            if version == "1" { "TCP4" } else { "AF_INET" },
            "--proxy-source",
            "192.0.2.7",
            "--proxy-source-port",
            "54321",
            "--proxy-dest",
            "10.0.0.1",
            "--proxy-dest-port",
            "25",
        ];
        let port = way.installation.gateway_port;
        swaks::send_with(&options, port, REVERSE_PATH, &[ANN], MESSAGE.as_bytes());
    }
    way.postfix.wait_for_mail(ANN, 2);
    for reception in way.receptions(2) {
        assert_eq!(reception["client_address"], "192.0.2.7", "{reception}");
        assert_eq!(reception["client_port"], 54_321, "{reception}");
    }
    let log = way.postfix.maillog();
    assert_eq!(log.matches("client=unknown[192.0.2.7]").count(), 2, "{log}");
}

/// smtp-sink speaks LMTP, too.
#[test]
fn mail_goes_to_a_store_by_lmtp() {
    if is_left_out("e2e: LMTP") {
        return;
    }
    let sink = Sink::start_lmtp();
    let installation = Installation::new(sink.port);
    installation.set_gateway("upstream_protocol = \"lmtp\"");
    let _serving = installation.serve();
    let port = installation.gateway_port;
    swaks::send(port, REVERSE_PATH, &[ANN, BOB], MESSAGE.as_bytes());
    let messages = sink.messages();
    assert_eq!(messages.len(), 2, "one for each recipient");
    for mail in &messages {
        assert_eq!(message::values(mail, "X-Rcpt-Args").len(), 1, "{mail:?}");
        assert!(String::from_utf8_lossy(mail).contains(&installation.tracking_url));
    }
}

/// Sends by nodemailer, which gives several recipients in one transaction.
fn nodemailer(port: u16, recipients: &[&str]) {
    let program = "const [folder, port, from, raw, ...to] = process.argv.slice(1);\n\
        const transport = require(folder).createTransport({\n\
        host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true, name: 'client.example.com' });\n\
        transport.sendMail({ envelope: { from, to }, raw })\n\
        .catch((error) => { console.error(error); process.exitCode = 1; });\n";
    let folder = mta::programs().join("node_modules/nodemailer").display().to_string();
    let port = port.to_string();
    let arguments = [&["-e", program, &folder, &port, REVERSE_PATH, MESSAGE], recipients].concat();
    run("node", "nodejs", arguments);
}

/// Sends by Python's smtplib, with an option of MAIL.
fn smtplib(port: u16, recipients: &[&str], option: &str) {
    let program = "import smtplib, sys\n\
        port, option, reverse_path, message = sys.argv[1:5]\n\
        with smtplib.SMTP('127.0.0.1', int(port), 'client.example.com', 30) as smtp:\n    \
        smtp.sendmail(reverse_path, sys.argv[5:], message.replace('\\n', '\\r\\n').encode(), [option])\n";
    let port = port.to_string();
    let arguments = [&["-c", program, &port, option, REVERSE_PATH, MESSAGE], recipients].concat();
    run("python3", "python3", arguments);
}
