"""An editor, as far as a language server sees it: JSON-RPC over a process's standard streams."""

import json
import subprocess
import sys


class Editor:
    """Starts `qcc lsp` and speaks its protocol."""

    def __init__(self):
        command = [sys.executable, "-m", "qcompiler.cli.main", "lsp"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.count = 0
        self.notices = []
        self.capabilities = self.ask("initialize", processId=None, rootUri=None, capabilities={})
        self.tell("initialized")

    def send(self, **message):
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.process.stdout.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.process.stdout.read(length))

    def tell(self, method, **params):
        self.send(method=method, params=params)

    def ask(self, method, **params):
        """Returns the result of a request; notices that come before it are kept."""
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        while True:
            message = self.receive()
            if message.get("id") == self.count:
                assert "error" not in message, message
                return message["result"]
            self.notices.append(message)

    def marks(self):
        """Returns the diagnostics of the next notice of them."""
        while True:
            message = self.notices.pop(0) if self.notices else self.receive()
            if message["method"] == "textDocument/publishDiagnostics":
                return message["params"]["diagnostics"]

    def open(self, uri, text):
        document = {"uri": uri, "languageId": "qnn", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)

    def change(self, uri, version, text):
        document = {"uri": uri, "version": version}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def at(self, method, uri, line, character):
        where = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", textDocument={"uri": uri}, position=where)

    def close(self):
        self.ask("shutdown")
        self.tell("exit")
        status = self.process.wait(30)
        self.process.stdin.close()
        self.process.stdout.close()
        return status
