"""A real yaml-language-server, spoken to as an editor does (Language Server Protocol, over pipes)."""

import json
import subprocess
from pathlib import Path

from tests.services import program

VERSION = "1.25.0"
FOLDER = Path(__file__).parents[2] / ".cache" / "yaml-language-server"


def installed():
    """The command that starts it; it is fetched when it is not there yet."""
    found = FOLDER / "node_modules" / ".bin" / "yaml-language-server"
    if not found.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        npm = program("npm", package="npm")
        command = [npm, "install", "--no-audit", "--no-fund", f"yaml-language-server@{VERSION}"]
        subprocess.run(command, cwd=FOLDER, check=True, capture_output=True)
    return [str(found), "--stdio"]


class LanguageServer:
    """One server with a schema and tags.

    Args:
        settings: as ``wca schema --vscode`` prints them.
        schema: as ``wca schema`` prints it.
        folder: for the file of the schema.
    """

    def __init__(self, settings, schema, folder):
        path = folder / "wca.schema.json"
        path.write_text(json.dumps(schema))
        self._settings = {
            "customTags": settings["yaml.customTags"],
            "schemas": {path.as_uri(): ["*.yaml"]},
            "schemaStore": {"enable": False},
            "validate": True,
        }
        self._process = subprocess.Popen(
            installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._last = 0
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._send({"method": "initialized", "params": {}})
        changed = {"settings": {"yaml": self._settings}}
        self._send({"method": "workspace/didChangeConfiguration", "params": changed})

    def problems(self, name, text):
        """What it says of a file: (line from 1, message) of each problem."""
        uri = f"file:///checked/{name}"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while True:
            message = self._receive()
            params = message.get("params", {})
            told = message.get("method") == "textDocument/publishDiagnostics"
            if told and params["uri"] == uri:
                return [
                    (one["range"]["start"]["line"] + 1, one["message"])
                    for one in params["diagnostics"]
                ]

    def close(self):
        self._process.kill()
        self._process.communicate()

    def _ask(self, method, params):
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while self._receive().get("id") != self._last:
            pass

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self):
        """The next message; what it asks of an editor is answered here."""
        length = 0
        while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(self._process.stdout.read(length) or b"{}")
        assert message, "the server has ended"
        if "id" in message and "method" in message:
            asked = message["params"].get("items", []) if message["params"] else []
            answer = [self._settings if one.get("section") == "yaml" else {} for one in asked]
            self._send({"id": message["id"], "result": answer})
        return message
