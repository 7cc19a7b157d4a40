"""A Django server on loopback with two receivers of SparkPost's webhooks that others have
written: those of django-anymail and django-post-office. What each has read of an event is added
to a file, as a line of JSON, before the batch is answered."""

import json
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

port, name_of_file = sys.argv[1:]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ANYMAIL={"WEBHOOK_SECRET": "mailwake:a secret"},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DATA_UPLOAD_MAX_MEMORY_SIZE=64 << 20,
    INSTALLED_APPS=["anymail", "post_office"],
    POST_OFFICE={"WEBHOOKS": {"SPARKPOST": {"USERNAME": "mailwake", "PASSWORD": "a secret"}}},
    ROOT_URLCONF=__name__,
    SECRET_KEY="none",
    USE_TZ=True,
)
django.setup()

from anymail.signals import tracking
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from post_office.webhooks.sparkpost import SparkPostWebhookHandler

file = open(name_of_file, "a", encoding="utf-8")


def tell(reader, event, names):
    told = {name: getattr(event, name) for name in names}
    told["timestamp"] = event.timestamp and event.timestamp.timestamp()
    file.write(json.dumps({"reader": reader, **told}) + "\n")
    file.flush()


def anymail(event, **_):
    tell("anymail", event, [
        "event_type", "event_id", "message_id", "recipient", "tags", "metadata", "reject_reason",
        "mta_response", "click_url", "user_agent", "esp_event"])


# Django keeps but a weak reference to it.
tracking.connect(anymail, weak=False)


class PostOffice(SparkPostWebhookHandler):
    def handle_events(self, events, payload):
        for event in events:
            event.status = event.delivery_status.name
            tell("post_office", event,
                 ["raw_event", "status", "recipient", "message_id", "subject"])


urlpatterns = [
    path("anymail/sparkpost/tracking/", SparkPostTrackingWebhookView.as_view()),
    path("post_office/sparkpost/", PostOffice.as_view()),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


make_server("127.0.0.1", int(port), get_wsgi_application(), handler_class=Quiet).serve_forever()
