"""The pages that handle no files: the same, and clean, in both variants."""

import json

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from courseware.models import Course, Lesson, Progress, Upload

RECENT = 20


@require_GET
@login_required
def course(request: HttpRequest, pk: int) -> HttpResponse:
    """A course with its lessons and its newest uploads."""
    found = get_object_or_404(Course, pk=pk)
    lessons = found.lessons.order_by("pk")
    newest = Upload.objects.filter(lesson__course=found).order_by("-pk")[:RECENT]
    return render(request, "courseware/course.html", {"course": found, "lessons": lessons, "uploads": newest})


@require_POST
@login_required
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Note how far the learner has watched: `{"seconds": 95}`."""
    lesson = get_object_or_404(Lesson, pk=pk)
    try:
        seconds = int(json.loads(request.body)["seconds"])
    except (ValueError, TypeError, KeyError):
        return HttpResponseBadRequest('the body must be JSON like {"seconds": 95}')
    if seconds < 0:
        return HttpResponseBadRequest("seconds must not be negative")
    Progress.objects.update_or_create(learner=request.user, lesson=lesson, defaults={"seconds": seconds})
    return JsonResponse({"lesson": lesson.pk, "seconds": seconds})
