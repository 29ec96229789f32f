"""The server: pages for this computer alone, which follow their files."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request

import pytest

import convsolve as cs
from convsolve.pictures.server import serve


@pytest.fixture
def server():
    """Start servers on free ports; return their addresses."""

    def start(sources, render):
        address: list[str] = []
        listening = threading.Event()

        def ready(found: str) -> None:
            address.append(found)
            listening.set()

        threading.Thread(target=serve, args=(sources, render, 0, ready), daemon=True).start()
        assert listening.wait(10)
        return address[0].rstrip("/")

    return start


def get(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_page_follows_its_file(server, tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("input: [1, 8, 8]\nlayers: [{max_pool: {kernel_size: 2}}]\n")
    asked = []

    def render(source: str) -> tuple[bool, str]:
        asked.append(source)
        try:
            return True, cs.draw(cs.load(source)).html()
        except cs.ConvsolveError as error:
            return False, str(error)

    address = server([str(path)], render)
    status, page = get(address)
    assert status == 200 and "max_pool1" in page and "/stamp" in page
    assert get(address)[1] == page and len(asked) == 1  # it is kept until the file changes
    before = get(f"{address}/stamp/{path}")[1]
    time.sleep(0.02)
    path.write_text("input: [1, 8, 8]\nlayers: [{konv: {kernel_size: 2}}]\n")
    assert get(f"{address}/stamp/{path}")[1] != before
    status, page = get(address)
    assert status == 200 and ":2:11" in page and "konv" in page and "/stamp" in page
    path.unlink()
    assert get(f"{address}/stamp/{path}")[1] == "gone"


def test_what_was_not_named_is_not_served(server, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("input: [1]\nlayers: [relu]\n")
    address = server(["a.yaml", "b <i>.yaml"], lambda source: (True, f"page of {source}</body>"))
    status, index = get(address)
    assert status == 200 and 'href="/a.yaml"' in index and "<i>" not in index
    assert "page of b" in get(f"{address}/b%20%3Ci%3E.yaml")[1]
    for path in (str(secret), "../secret.yaml", "..%2Fsecret.yaml", "/etc/passwd", "stamp/x.yaml"):
        assert get(f"{address}/{path}")[0] == 404
    assert get(address, Host="evil.example")[0] == 403


def test_a_port_that_is_taken(server):
    address = server(["a.yaml"], lambda source: (True, ""))
    with pytest.raises(cs.ConvsolveError, match="--port"):
        serve([], lambda source: (True, ""), int(address.rpartition(":")[2]), print)
