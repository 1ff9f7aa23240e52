"""An HTTP server with TLS on loopback, for tests of what a client believes."""

import contextlib
import http.server
import ssl
import threading


def context(certificates, *, ask_client=False):
    """TLS of the server side with the certificates of ``tests.certificates``.

    Args:
        certificates: ``server_cert``, ``server_key`` and ``ca`` of them.
        ask_client: whether a client must show a certificate of ``ca``.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.server_cert, certificates.server_key)
    if ask_client:
        made.load_verify_locations(certificates.ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


@contextlib.contextmanager
def serving(tls, host="127.0.0.1"):
    """Answer every GET with the TLS version and the client's common name. Yields the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            subject = (self.connection.getpeercert() or {}).get("subject", ())
            names = [value for part in subject for name, value in part if name == "commonName"]
            body = " ".join([self.connection.version(), *names]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def get_request(self):
            connection, address = super().get_request()
            connection.settimeout(5)
            return tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            ), address

        def handle_error(self, request, client_address):
            pass  # a client that does not believe us hangs up

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
