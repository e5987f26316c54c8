"""A web app with a dependency from PyPI: Bottle, served by Waitress."""

import os
import platform

from bottle import Bottle
from waitress import serve

app = Bottle()


@app.get("/")
def index():
    return {
        "app": os.environ.get("FLY_APP_NAME"),
        "machine": os.environ.get("FLY_MACHINE_ID"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "greeting": os.environ.get("GREETING", "hello"),
    }


@app.get("/health")
def health():
    return "ok\n"


if __name__ == "__main__":
    print("listening on port 8000", flush=True)
    serve(app, listen="*:8000", threads=4)
