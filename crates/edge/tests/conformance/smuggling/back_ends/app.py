"""Records each request as gunicorn reads it, then answers with the same."""

import json
import os


def app(environ, start_response):
    body = environ["wsgi.input"].read().decode("latin-1")
    seen = {"method": environ["REQUEST_METHOD"], "target": environ["RAW_URI"], "body": body}
    line = json.dumps(seen)
    with open(os.environ["RECORD"], "a", encoding="ascii") as record:
        record.write(line + "\n")
    start_response("200 OK", [("Content-Length", str(len(line)))])
    return [line.encode("ascii")]
