"""A contact form that keeps drafts in the session (Django), with a session store of the team's own.

Visitors and robots that bring no cookie get a session each; the store keeps them all. LEAKY=0 keeps the latest fifty.
"""

from __future__ import annotations

import os
import secrets

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    SESSION_ENGINE="memory_sessions",
)
django.setup()


def draft(request):
    request.session["name"] = request.GET.get("i", "0")
    request.session["draft"] = secrets.token_hex(3000)
    return JsonResponse({"kept": len(request.session["draft"]), "pid": os.getpid()})


urlpatterns = [path("", draft)]
application = get_wsgi_application()
