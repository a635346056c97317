"""A stand-in for the hub's HTTP interface: repositories in memory, files by commit and resolve; no network."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {}

    def log_message(self, *args) -> None:
        pass

    def answer(self, value: object = None, status: int = 200, raw: bytes | None = None, **headers: str) -> None:
        body = json.dumps(value).encode() if raw is None else raw
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/repos/create"):
            name = json.loads(body)["name"]
            self.answer({"url": f"http://{self.headers['Host']}/user/{name}", "id": "1", "name": f"user/{name}"})
        elif self.path.endswith("/validate-yaml"):
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            wanted = json.loads(body)["files"]
            told = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in wanted]
            self.answer({"files": told})
        elif "/commit/" in self.path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    Hub.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            url = f"http://{self.headers['Host']}/user/model/commit/{COMMIT}"
            self.answer({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})
        else:
            self.answer({"error": self.path}, 404)

    def do_GET(self) -> None:
        name = self.path.rpartition("/resolve/")[2].partition("/")[2].partition("?")[0]
        if "/resolve/" in self.path and name in Hub.files:
            content = Hub.files[name]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            self.answer(raw=content, ETag=etag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes")
        elif "/api/models/" in self.path:
            siblings = [{"rfilename": one} for one in Hub.files]
            self.answer(
                {"id": "user/model", "modelId": "user/model", "sha": COMMIT, "siblings": siblings, "tags": []}
            )
        else:
            self.answer({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)

    do_HEAD = do_GET


def serve() -> ThreadingHTTPServer:
    """A server on a free port of this machine; call `serve_forever` in a thread."""
    return ThreadingHTTPServer(("127.0.0.1", 0), Hub)
