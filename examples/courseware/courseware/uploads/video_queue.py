"""The leaky site's own idea of background work: one thread, one queue, and a list of results nobody empties."""

import hashlib
import queue
import threading
from dataclasses import dataclass, field

PREVIEW = 256 * 1024


@dataclass
class VideoJob:
    name: str
    content: bytes
    digest: str = ""
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class VideoResult:
    name: str
    preview: bytes


class VideoQueue:
    """Processes videos one after another in a thread of its own, started by the first video."""

    def __init__(self) -> None:
        self.finished: list[VideoResult] = []
        self._jobs: queue.SimpleQueue[VideoJob] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def process(self, name: str, content: bytes) -> str:
        """Wait for the thread to be done with this video; returns its SHA-256."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="video-processing", daemon=True)
                self._thread.start()
        job = VideoJob(name, content)
        self._jobs.put(job)
        job.done.wait()
        return job.digest

    def _run(self) -> None:
        while True:
            self._finish(self._jobs.get())

    def _finish(self, job: VideoJob) -> None:
        job.digest = hashlib.sha256(job.content).hexdigest()
        preview = job.content[:PREVIEW]
        self.finished.append(VideoResult(job.name, preview))
        job.done.set()
