"""Talks to the agent's HTTP server, politely or not."""

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

from wca.http import HttpServer, Response, Route
from wca.http.limits import Limits

QUICK = Limits(head_seconds=0.3, idle_seconds=0.5, send_seconds=0.5)


def page(path="/page", body=b"hello\n", **options):
    return Route(path, lambda _request: Response(body), **options)


@contextlib.contextmanager
def served(*routes, address="127.0.0.1:0", **options):
    """A server on a free port that shows these pages."""
    server = HttpServer(address, **options)
    server.show(routes or [page()])
    server.start()
    try:
        yield server
    finally:
        server.close(5.0)


def place(server):
    parts = urlsplit(server.url)
    return parts.hostname, parts.port


def get(server, path="/page", method="GET", context=None, **headers):
    """One request on a connection of its own: status, headers, body."""
    if context is None:
        connection = http.client.HTTPConnection(*place(server), timeout=10)
    else:
        connection = http.client.HTTPSConnection(*place(server), timeout=10, context=context)
    try:
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def dial(server):
    return socket.create_connection(place(server), timeout=10)


def exchange(server, data):
    """Send bytes, and read until the server closes."""
    with dial(server) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection):
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def status_of(answer):
    return int(answer.split(b" ", 2)[1])
