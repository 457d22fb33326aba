"""A Hugging Face hub of 127.0.0.1: the requests that its client makes for models, answered from folders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".pt")
"""Endings of files that are kept as large ones, named by SHA-256."""


@dataclass
class FakeHub:
    models: dict[str, Path]
    """By name, the folder with the files of its branch ``main``."""
    licences: dict[str, str] = field(default_factory=dict)
    gated: tuple[str, ...] = ()
    altered: set[str] = field(default_factory=set)
    """Names of files that are sent with another last byte than the hub states."""
    cut: dict[str, int] = field(default_factory=dict)
    """By name of a file, the bytes after which the next transfer of it breaks off."""
    sent: list[tuple[str, str | None]] = field(default_factory=list)
    """Of each transfer, the file and which bytes of it were asked for."""
    url: str = ""

    def commit(self, name: str) -> str:
        return hashlib.sha1(name.encode()).hexdigest()

    def facts(self, name: str, revision: str) -> dict[str, Any] | None:
        if name not in self.models or revision not in ("main", self.commit(name)):
            return None
        files = sorted(path for path in self.models[name].iterdir() if path.is_file())
        siblings = [{"rfilename": path.name, "size": path.stat().st_size, **_digests(path)} for path in files]
        card = {"license": self.licences[name]} if name in self.licences else None
        return {"id": name, "sha": self.commit(name), "siblings": siblings, "cardData": card, "tags": []}


def _digests(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    if path.suffix in LARGE:
        large = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return {"blobId": "0" * 40, "lfs": large}
    return {"blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves until the end, at ``hub.url``."""

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: FakeHub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            name, revision = "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main"
            facts = self.served.facts(name, revision)
            if facts is not None:
                return self._send(200, json.dumps(facts).encode(), {"Content-Type": "application/json"}, body)
            lacks = "RevisionNotFound" if name in self.served.models else "RepoNotFound"
            return self._send(404, b"{}", {"X-Error-Code": lacks}, body)
        name, file = "/".join(parts[:2]), parts[-1]
        if name not in self.served.models:  # what its client asks for besides
            return self._send(404, b"{}", {}, body)
        if name in self.served.gated:
            return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
        path = self.served.models[name] / file
        content, digests = path.read_bytes(), _digests(path)
        etag = digests["lfs"]["sha256"] if "lfs" in digests else digests["blobId"]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.served.commit(name), "Accept-Ranges": "bytes"}
        if file in self.served.altered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        return self._send(200, content, headers, body, file)

    def _send(self, code: int, content: bytes, headers: dict[str, str], body: bool, file: str | None = None) -> None:
        asked = self.headers.get("Range")
        if asked is not None and file is not None:
            start, _, stop = asked.removeprefix("bytes=").partition("-")
            code, whole = 206, len(content)
            content = content[int(start) : int(stop) + 1 if stop else None]
            headers["Content-Range"] = f"bytes {start}-{int(start) + len(content) - 1}/{whole}"
        self.send_response(code)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        if file is not None:
            self.served.sent.append((file, asked))
        self.wfile.write(content[: self.served.cut.pop(file or "", None)])
        self.close_connection = True
