"""The page and its two questions, over HTTP on 127.0.0.1."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Lock
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from occlabel.pipeline.delivery.report.volumes import drawn
from occlabel.pipeline.delivery.review_page.desk import Desk, Word
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.words import first_of

_HOST = "127.0.0.1"
_MOST = 1 << 16
"""Bytes of what a page may say at once."""
_HEAD = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'",
}


class Server(ThreadingHTTPServer):
    """Bound and not yet running: ``serve_forever`` runs it. Port 0 takes a free one.

    Only who has the page can say anything: each word carries a token that stands in it, and names of other hosts are
    refused, so that no foreign page can speak in the reviewer's name. Raises OcclabelError where the port is taken.
    """

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self.desk, self.token = desk, secrets.token_urlsafe(16)
        self.one = Lock()
        """What a reviewer says is written one after the other."""
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            raise OcclabelError(f"port {port} of {_HOST} cannot be used: {error.strerror}; choose another") from error


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "occlabel"

    def do_GET(self) -> None:
        if not self._local():
            return
        if self.path == "/":
            self._send(200, _page(self.server.desk, self.server.token).encode(), "text/html; charset=utf-8")
        elif self.path == "/next":
            self._answer(self.server.desk.next)
        else:
            self._say(404, "there is no such page")

    def do_POST(self) -> None:
        if not self._local():
            return
        length = self.headers.get("Content-Length", "")
        if self.path != "/word" or not secrets.compare_digest(self.headers.get("X-Token", ""), self.server.token):
            self._say(403, "this is not the page that was served; load it again")
        elif not length.isascii() or not length.isdigit() or not 0 < int(length) <= _MOST:
            self._say(413, f"a word has at most {_MOST} bytes")
        else:
            content = self.rfile.read(int(length))
            self._answer(lambda: self.server.desk.hear(Word.model_validate_json(content)))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _local(self) -> bool:
        port = self.server.server_port
        if self.headers.get("Host") in (f"{_HOST}:{port}", f"localhost:{port}"):
            return True
        self._say(403, "this page is for this machine alone")
        return False

    def _answer(self, ask: Callable[[], dict[str, Any]]) -> None:
        try:
            with self.server.one:
                found = ask()
        except ValidationError as error:
            self._say(400, ": ".join(filter(None, first_of(error))))
        except OcclabelError as error:
            self._say(409, str(error))
        else:
            self._send(200, json.dumps(found).encode(), "application/json")

    def _say(self, status: int, sentence: str) -> None:
        self._send(status, json.dumps({"said": sentence}).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**_HEAD, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _page(desk: Desk, token: str) -> str:
    report, own = "occlabel.pipeline.delivery.report.parts", "occlabel.pipeline.delivery.review_page.parts"
    environment = Environment(
        loader=PackageLoader("occlabel.pipeline.delivery.review_page", "parts"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    parts = {name: Markup(files(report).joinpath(name).read_text()) for name in ("page.css", "draw.js", "view.js")}
    parts["review.js"] = Markup(files(own).joinpath("review.js").read_text())
    data: dict[str, Any] = {"space": drawn(desk.version.space), "frames": [], "heat": None, "token": token}
    classes = [c.name for c in desk.version.space.taxonomy.classes if c.id != desk.version.space.taxonomy.free_id]
    page = environment.get_template("page.html")
    return page.render(version=desk.version.spec, by=desk.by, parts=parts, data=data, classes=classes)
