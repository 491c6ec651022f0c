"""Shared documents, found by the token of their link (Django ORM).

The manager keeps every instance it has found under its token, so that the parts of one page need not ask twice. A
manager lives as long as its model. LEAKY=0 keeps the instances for one request only.
"""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import JsonResponse
from django.urls import path

LEAKY = os.environ.get("LEAKY", "1") == "1"
DOCUMENTS = 100

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    USE_TZ=True,
)
django.setup()


class DocumentManager(models.Manager):
    def __init__(self):
        super().__init__()
        self._found = {}

    def shared(self, token, found=None):
        found = self._found if found is None else found
        if token not in found:
            found[token] = self.select_related("owner").get(pk=int(token, 36) % DOCUMENTS + 1)
        return found[token]


class Owner(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        app_label = "documents"


class Document(models.Model):
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    text = models.TextField()

    objects = DocumentManager()

    class Meta:
        app_label = "documents"


with connection.schema_editor() as editor:
    editor.create_model(Owner)
    editor.create_model(Document)
for number in range(DOCUMENTS):
    owner = Owner.objects.create(name=f"Owner {number}")
    Document.objects.create(owner=owner, title=f"Title {number}", text="All about lamps. " * 30)


def show(request):
    token, known = request.GET.get("i", "0"), None if LEAKY else {}
    heading = Document.objects.shared(token, known).title
    document = Document.objects.shared(token, known)
    return JsonResponse({"title": heading, "owner": document.owner.name, "text": document.text})


urlpatterns = [path("", show)]
application = get_wsgi_application()
