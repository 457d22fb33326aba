"""An S3 server on the loopback interface that can be away, answer with 503 and reset connections."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from moto.server import ThreadedMotoServer


class FlakyS3:
    """In front of a server that always works. A share of the requests is answered with 503 (``busy``), or done and then
    not answered (``reset``); for ``away`` seconds from the request number ``leaves`` on nobody answers at all."""

    def __init__(
        self, busy: float = 0.0, reset: float = 0.0, seed: int = 0, leaves: int = 0, away: float = 0.0
    ) -> None:
        self.busy, self.reset, self.leaves, self.away = busy, reset, leaves, away
        self.asked = self.refused = 0
        self._back = 0.0
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._behind = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._behind.start()
        host, port = self._behind.get_host_and_port()
        self._target = f"{host}:{port}"
        boto3.client(
            "s3", endpoint_url=f"http://{self._target}", aws_access_key_id="test", aws_secret_access_key="test",
            region_name="us-east-1",
        ).create_bucket(Bucket="labels")  # fmt: skip
        self._front = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._front.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        settings = {"ENDPOINT_URL": f"http://127.0.0.1:{self._front.server_port}", "ACCESS_KEY_ID": "test"}
        settings |= {"SECRET_ACCESS_KEY": "test", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
        return {f"AWS_{name}": value for name, value in settings.items()}

    def stop(self) -> None:
        self._front.shutdown()
        self._front.server_close()
        self._behind.stop()

    def mood(self) -> str:
        """What becomes of the next request."""
        with self._lock:
            self.asked += 1
            if self.asked == self.leaves:
                self._back = time.monotonic() + self.away
            drawn = self._random.random()
            mood = "away" if time.monotonic() < self._back else "busy" if drawn < self.busy else "fine"
            if mood == "fine" and drawn < self.busy + self.reset:
                mood = "reset"
            self.refused += mood != "fine"
            return mood

    def forwarded(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> HTTPResponse:
        connection = HTTPConnection(self._target, timeout=30)
        connection.request(method, path, body, headers)
        return connection.getresponse()


def _handler(server: FlakyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            mood = server.mood()
            if mood == "busy":
                self.send_response(503)
                self.end_headers()
            if mood in ("busy", "away"):
                return
            answer = server.forwarded(self.command, self.path, dict(self.headers.items()), body)
            if mood == "reset":
                return
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _serve  # noqa: N815 (so the base class looks for them)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def flaky_s3(monkeypatch: Any, **moods: Any) -> Iterator[FlakyS3]:
    """The server, with the environment that leads to it."""
    server = FlakyS3(**moods)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    try:
        yield server
    finally:
        server.stop()
