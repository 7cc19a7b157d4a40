"""acme2certifier, an ACME server (RFC 8555), on loopback and in TLS, with an authority of the
test's own. Every name is at 127.0.0.1, and its port 80 at the port that is given."""

import datetime
import os
import ssl
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder, port, http_port = sys.argv[1:]
configuration = f"""[DEFAULT]
debug: False
[Nonce]
nonce_check_disable: False
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/ca.key.pem
issuing_ca_cert: {folder}/ca.certificate.pem
issuing_ca_crl: {folder}/ca.crl.pem
cert_save_path: {folder}/issued
cert_validity_days: 90
[DBhandler]
handler: wsgi
dbfile: {folder}/acme.db
[Challenge]
challenge_validation_disable: False
[Order]
tnauthlist_support: False
"""
os.makedirs(f"{folder}/issued", exist_ok=True)


def write_authority():
    """The authority's own certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with open(f"{folder}/ca.certificate.pem", "wb") as file:
        file.write(certificate.public_bytes(pem))
    pkcs8 = serialization.PrivateFormat.PKCS8
    with open(f"{folder}/ca.key.pem", "wb") as file:
        file.write(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))


write_authority()
with open(f"{folder}/acme_srv.cfg", "w", encoding="utf-8") as file:
    file.write(configuration)
os.environ["ACME_SRV_CONFIGFILE"] = f"{folder}/acme_srv.cfg"

from acme2certifier.acme_srv import helper  # noqa: E402

helper.fqdn_resolve = lambda *_args, **_kwargs: (["127.0.0.1"], False, None)


def fetch(_logger, host, path, **_options):
    """As port 80 of the host."""
    answer = requests.get(
        f"http://127.0.0.1:{http_port}{path}", headers={"Host": host}, timeout=10
    )
    return answer.text, answer.status_code, None


helper.url_get_dns_pinned = fetch

from acme2certifier.share.acme2certifier_wsgi import application  # noqa: E402



def in_tls(environ, start_response):
    """The URLs of the directory are those of https."""
    return application({**environ, "wsgi.url_scheme": "https"}, start_response)


server = make_server("127.0.0.1", int(port), in_tls, handler_class=WSGIRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/directory.certificate.pem", f"{folder}/directory.key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
