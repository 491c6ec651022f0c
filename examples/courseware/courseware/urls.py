"""The URL map. Which variant serves the uploads is decided here, once."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from courseware import views

uploads = import_module(f"courseware.uploads.{settings.VARIANT}")

urlpatterns = [
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("courses/<int:pk>/", views.course, name="course"),
    path("lessons/<int:pk>/progress/", views.progress, name="progress"),
    path("lessons/<int:pk>/videos/", uploads.upload_video, name="videos"),
    path("lessons/<int:pk>/images/", uploads.upload_image, name="images"),
    path("lessons/<int:pk>/documents/", uploads.upload_document, name="documents"),
]
