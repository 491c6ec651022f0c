"""`manage.py seed_courses`: a teacher and a few courses. Running it again changes nothing."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from courseware.models import Course, Lesson

COURSES = {
    "Chemistry": ("Acids and bases", "Burning", "Salts"),
    "Geometry": ("Circles", "Triangles"),
    "Music": ("Rhythm", "Keys", "Chords"),
}


class Command(BaseCommand):
    help = "Create the teacher (teacher / chalk-and-talk) and a few courses where they are missing."

    def handle(self, *args: object, **options: object) -> None:
        if not User.objects.filter(username="teacher").exists():
            User.objects.create_user("teacher", password="chalk-and-talk")
        for title, lessons in COURSES.items():
            course, _ = Course.objects.get_or_create(title=title)
            for lesson in lessons:
                Lesson.objects.get_or_create(course=course, title=lesson)
