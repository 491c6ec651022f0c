"""A client of botocore is made for each request; an lru_cache on a method keeps the last hundred of them alive."""

from __future__ import annotations

import botocore.session


def sign(key):
    """A presigned URL, by a client of its own."""
    session = botocore.session.Session()
    client = session.create_client(
        "s3", region_name="eu-west-1", aws_access_key_id="nobody", aws_secret_access_key="nothing"
    )
    return client.generate_presigned_url("get_object", Params={"Bucket": "uploads", "Key": key})


def application(environ, start_response):
    url = sign(environ["QUERY_STRING"] or "none")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [url.encode()]
