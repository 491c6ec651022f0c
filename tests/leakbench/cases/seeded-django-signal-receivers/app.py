"""An upload view that reports its progress through a Django signal.

Each request connects a receiver of its own and holds it strongly, because a weak one "was never called".
LEAKY=0 disconnects it when the request is done.
"""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.dispatch import Signal
from django.http import JsonResponse
from django.urls import path

LEAKY = os.environ.get("LEAKY", "1") == "1"

settings.configure(ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=__name__, SECRET_KEY="not a secret")
django.setup()

chunk_stored = Signal()


def upload(request):
    name = request.GET.get("i", "0")
    progress = [f"{name}: chunk {chunk} announced" for chunk in range(12)]

    def note(sender, name, **_):
        if name == progress[0]:
            progress.append(f"{name}: stored by {sender}")

    chunk_stored.connect(note, weak=False)
    chunk_stored.send(sender="disk", name=progress[0])
    if not LEAKY:
        chunk_stored.disconnect(note)
    return JsonResponse({"progress": progress[-1]})


urlpatterns = [path("", upload)]
application = get_wsgi_application()
