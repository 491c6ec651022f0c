"""What both variants do alike: who may upload, what an upload must hold, what comes back."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST
from PIL import UnidentifiedImageError

from courseware.models import Lesson, Upload

Receive = Callable[[Lesson, str, UploadedFile], Upload]
View = Callable[[HttpRequest, int], HttpResponse]


def upload_view(receive: Receive) -> View:
    """Make a view of a function that takes the lesson, the title and the file, and returns the stored upload."""

    @require_POST
    @login_required
    @wraps(receive)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        lesson = get_object_or_404(Lesson, pk=pk)
        file = request.FILES.get("file")
        if file is None:
            return HttpResponseBadRequest("the form has no file named 'file'")
        try:
            upload = receive(lesson, request.POST.get("title", ""), file)
        except UnidentifiedImageError:
            return HttpResponseBadRequest("the file is no image")
        return JsonResponse({"id": upload.pk, "name": upload.file.name, "size": upload.size}, status=201)

    return view
