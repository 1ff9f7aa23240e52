"""The programs of the package: each starts the Python that is beside it."""

import os

from tools.packages.interpreter import LOADER, NATIVE

__all__ = ["PROGRAMS", "write_launchers"]

#: By name: what Python is to do.
PROGRAMS = {
    "python3": "",
    "wca": "-m wca ",
    "wca-guardian": "-m wca.allocations.guardian ",
    "cloudwatch_metrics_agent": "-m wca cloudwatch-agent ",
}

# Nothing but the shell itself is needed, unless the program is called through a link.
_LAUNCHER = """\
#!/bin/sh
# Starts WCA's own Python with the libraries that are beside it, whatever this machine has.
self=$0
[ ! -L "$self" ] || self=$(readlink -f "$self")
case $self in */*) ;; *) self=./$self ;; esac
home=$(cd "${{self%/*}}/.." && pwd -P) || exit 1
# Systems keep their certificate authorities in different places; this Python knows one of them.
if [ -z "${{SSL_CERT_FILE:-}}${{SSL_CERT_DIR:-}}" ]; then
    for authorities in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \\
        /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
        if [ -r "$authorities" ]; then
            SSL_CERT_FILE=$authorities
            export SSL_CERT_FILE
            break
        fi
    done
fi
native=$home/{native}
exec "$native/{loader}" --argv0 "$home/bin/python3" --library-path "$native" "$native/python3" \\
    -I {arguments}"$@"
"""


def write_launchers(home: str) -> None:
    """Write all of them into `bin`.

    Args:
        home: the folder of the package.
    """
    folder = os.path.join(home, "bin")
    os.mkdir(folder)
    for name, arguments in PROGRAMS.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(_LAUNCHER.format(native=NATIVE, loader=LOADER, arguments=arguments))
        os.chmod(path, 0o755)  # noqa: S103 - it is a program
