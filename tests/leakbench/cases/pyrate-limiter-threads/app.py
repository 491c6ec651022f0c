"""Each client has a rate limit, and pyrate-limiter starts a thread for it. The app itself keeps one bucket only."""

from __future__ import annotations

from pyrate_limiter import BucketFactory, Duration, InMemoryBucket, Limiter, Rate, RateItem, TimeClock


class Buckets(BucketFactory):
    """A bucket for the client of the moment."""

    def __init__(self):
        self.clock = TimeClock()
        self.client = None
        self.bucket = None

    def wrap_item(self, name, weight=1):
        return RateItem(name, self.clock.now(), weight=weight)

    def get(self, item):
        if item.name != self.client:
            self.client, self.bucket = item.name, InMemoryBucket([Rate(5, Duration.SECOND)])
            self.schedule_leak(self.bucket, self.clock)
        return self.bucket


limiter = Limiter(Buckets())


def admit(client):
    limiter.try_acquire(client)


def application(environ, start_response):
    admit(environ["QUERY_STRING"] or environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"admitted"]
