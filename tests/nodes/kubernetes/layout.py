"""The cgroups that a kubelet and a runtime make for pods."""

from tests.nodes.kubernetes.pods import ids_of

#: The name of a container's group by driver and runtime, and how the runtime writes the id.
SCOPES = {
    ("systemd", "containerd"): "cri-containerd-{}.scope",
    ("systemd", "cri-o"): "crio-{}.scope",
    ("systemd", "docker"): "docker-{}.scope",
    ("cgroupfs", "containerd"): "{}",
    ("cgroupfs", "cri-o"): "crio-{}",
    ("cgroupfs", "docker"): "{}",
}


def pod_path(document, driver="systemd", root="", uid=None):
    """The path of a pod's group.

    Args:
        document: the pod.
        driver: ``systemd`` or ``cgroupfs``.
        root: the kubelet's ``cgroupRoot``, without dashes.
        uid: by which the group is named; None: the pod's.
    """
    uid = uid or document["metadata"]["uid"]
    qos = document["status"].get("qosClass", "BestEffort").lower()
    classes = [] if qos == "guaranteed" else [qos]
    parts = [*filter(None, root.split("/")), "kubepods", *classes, f"pod{uid}"]
    if driver == "cgroupfs":
        return "/" + "/".join(parts)
    escaped = [part.replace("-", "_") for part in parts]
    return "".join("/" + "-".join(escaped[: n + 1]) + ".slice" for n in range(len(escaped)))


def make(add, document, driver="systemd", runtime="containerd", root="", above="", uid=None):
    """Make a pod's groups and those of its containers and of its sandbox.

    Args:
        add: makes the group of a path.
        document: the pod.
        driver: see ``pod_path``.
        runtime: ``containerd``, ``cri-o`` or ``docker``.
        root: see ``pod_path``.
        above: path of the group in which the kubelet runs, as with kind.
        uid: see ``pod_path``.

    Returns:
        The path of the pod's group and those of its containers.
    """
    path = above + pod_path(document, driver, root, uid)
    add(path)
    scope = SCOPES[driver, runtime]
    add(f"{path}/{scope.format('f' * 64)}")  # the sandbox, which no status names
    containers = []
    for runtime_id in ids_of(document):
        containers.append(f"{path}/{scope.format(runtime_id)}")
        add(containers[-1])
        if (driver, runtime) == ("systemd", "cri-o"):
            add(f"{path}/crio-conmon-{runtime_id}.scope")
    return path, containers


def below(real_cgroups):
    """What makes groups of the real kernel, and those above them, below the test's own group."""
    made = set()

    def add(path):
        parts = path.strip("/").split("/")
        for n in range(1, len(parts) + 1):
            name = "/".join(parts[:n])
            if name not in made:
                made.add(name)
                real_cgroups.make(name)

    return add
