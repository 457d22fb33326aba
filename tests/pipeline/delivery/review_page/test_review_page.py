"""The page of a review over HTTP: what it shows, what it takes, and from whom."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reported import published

from occlabel.pipeline.delivery.review_page.desk import Desk
from occlabel.pipeline.delivery.review_page.server import Server
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.review.queue import make_queue, open_review
from occlabel.schemas.corrections import read_boxes
from occlabel.schemas.errors import OcclabelError


@dataclass
class Site:
    port: int
    version: PublishedVersion
    corrections: Path

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        line.request(method, path, None if body is None else json.dumps(body), headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()

    @property
    def token(self) -> str:
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.ask("GET", "/")[1], re.S)
        assert found is not None
        return str(json.loads(found[1])["token"])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    version = published(tmp_path / "s", "v1", {("00", "000000"): 1, ("01", "000000"): 2})
    make_queue(version)
    server = Server(Desk(version, "anna", tmp_path / "c"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(server.server_port, version, tmp_path / "c")
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_place_is_shown_and_what_is_said_of_it_leads_to_the_next(site: Site) -> None:
    status, text = site.ask("GET", "/next")
    first = json.loads(text)["item"]
    assert status == 200 and first["log"] == "01" and set(first["volumes"]) == {"now"}
    token = site.token
    word = {"item": first["id"], "state": "fixed", "wrong": "class", "became": "truck", "was": ["car"]}
    status, text = site.ask("POST", "/word", word, **{"X-Token": token})
    second = json.loads(text)["item"]
    assert status == 200 and second["id"] != first["id"]
    (correction,) = read_boxes(site.corrections, "01")
    assert (correction.became, correction.by) == ("truck", "anna")
    site.ask("POST", "/word", {"item": second["id"], "state": "accepted"}, **{"X-Token": token})
    assert {state: n for state, n in open_review(site.version).counts().items() if state != "pending"} == {
        "accepted": 1, "fixed": 1, "rejected": 0,
    }  # fmt: skip


def test_only_the_page_itself_may_speak(site: Site) -> None:
    item = make_queue(site.version).items[0]
    word = {"item": item.id, "state": "accepted"}
    assert site.ask("POST", "/word", word)[0] == 403
    assert site.ask("POST", "/word", word, **{"X-Token": "guessed"})[0] == 403
    assert site.ask("GET", "/next", Host="evil.example")[0] == 403
    assert site.ask("POST", "/word", word, **{"X-Token": site.token, "Host": "evil.example"})[0] == 403
    assert site.ask("POST", "/word", {"note": "x" * 70_000}, **{"X-Token": site.token})[0] == 413
    assert site.ask("GET", "/etc/passwd")[0] == 404
    assert open_review(site.version).said == {}


def test_words_that_cannot_be_are_answered_with_a_sentence(site: Site) -> None:
    item, token = make_queue(site.version).items[0].id, site.token
    for word, status, said in (
        ({"item": item, "state": "fixed"}, 400, "what is wrong is said of what is fixed"),
        ({"item": item, "state": "fixed", "wrong": "class", "became": "lorry"}, 409, "names 'lorry', no class of"),
        ({"item": item, "state": "fixed", "wrong": "class"}, 409, "wrong: class needs class"),
        (
            {"item": item, "state": "fixed", "wrong": "missing", "became": "car", "was": ["road"]},
            409,
            "wrong: missing takes no was",
        ),
        ({"item": item, "state": "fixed", "wrong": "class", "became": "car", "was": ["car"]}, 409, "changes nothing"),
        ({"item": "nothing", "state": "accepted"}, 409, "has no item 'nothing'"),
        ({"item": item, "state": "gone"}, 400, "Input should be"),
    ):
        found = site.ask("POST", "/word", word, **{"X-Token": token})
        assert found[0] == status and said in found[1]
    assert open_review(site.version).counts()["fixed"] == 0


def test_a_port_that_is_taken_is_said(site: Site) -> None:
    with pytest.raises(OcclabelError, match=f"port {site.port} of 127.0.0.1 cannot be used"):
        Server(Desk(site.version, "anna", site.corrections), site.port)
