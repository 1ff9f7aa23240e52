"""A proxy that knows HTTP's CONNECT, and names that nobody else knows."""

import base64
import contextlib
import socket
import socketserver
import threading

USER, PASSWORD = "wca", "open-sesame"


class Proxy(socketserver.ThreadingTCPServer):
    """Connects its clients to where it is told; a context manager.

    Args:
        names: name to address of what only the proxy knows.
    """

    daemon_threads = True

    def __init__(self, names):
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.names = names
        self.asked = []
        self.url = f"http://{USER}:{PASSWORD}@127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        headers = {}
        while header := self.rfile.readline().decode().strip():
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("proxy-authorization") != f"Basic {expected}":
            return
        host, _, port = line.split()[1].rpartition(":")
        self.server.asked.append(f"{host}:{port}")
        with socket.create_connection((self.server.names.get(host, host), int(port))) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(there, self.connection))
            back.start()
            _pass_on(self.connection, there)
            back.join()


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
