"""Kubernetes' own schemas of the kinds that are shipped, and what they say of a document.

``kubernetes_schemas.json`` is what a kube-apiserver says of itself, without the descriptions;
tests/nodes/kubernetes/test_real_apiserver.py compares the two. To write it anew::

    WCA_WRITE_SCHEMAS=1 pytest tests/nodes/kubernetes/test_real_apiserver.py -k schemas
"""

import json
from pathlib import Path

FILE = Path(__file__).with_name("kubernetes_schemas.json")
_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
_KEPT = {
    "$ref", "additionalProperties", "allOf", "enum", "format", "items", "oneOf", "properties",
    "required", "type",
}  # fmt: skip
#: Of each API: kinds whose schemas are kept.
KINDS = {
    "api/v1": ["ConfigMap", "Namespace", "ServiceAccount"],
    "apis/apps/v1": ["DaemonSet"],
    "apis/rbac.authorization.k8s.io/v1": ["ClusterRole", "ClusterRoleBinding"],
}


def fetch(server):
    """The schemas by name, and the name by kind, as a server tells them."""
    kinds, schemas = {}, {}
    for api, names in KINDS.items():
        known = server.need("GET", f"/openapi/v3/{api}")["components"]["schemas"]
        for name, schema in known.items():
            for one in schema.get("x-kubernetes-group-version-kind", ()):
                group = f"{one['group']}/" if one["group"] else ""
                if one["kind"] in names and f"{group}{one['version']}" == api.split("/", 1)[1]:
                    kinds[f"{group}{one['version']} {one['kind']}"] = name
                    _add(name, known, schemas)
    return {"kinds": dict(sorted(kinds.items())), "schemas": dict(sorted(schemas.items()))}


def write(found):
    """Keep them."""
    FILE.write_text(json.dumps(found, sort_keys=True, separators=(",", ":")) + "\n")


def stored():
    """What is kept."""
    return json.loads(FILE.read_text())


def problems(document, known, *, partial=False):
    """One line for each thing that the server would refuse.

    Args:
        document: an object of Kubernetes, or a patch of one.
        known: of ``stored``.
        partial: it is a patch: what is required may be missing.
    """
    kind = f"{document['apiVersion']} {document['kind']}"
    if kind not in known["kinds"]:
        return [f"no schema of {kind}"]
    start = {"$ref": f"#/{known['kinds'][kind]}"}
    return list(_judge(document, start, known["schemas"], kind.split()[1], partial))


def _judge(value, schema, schemas, path, partial):
    while "$ref" in schema or "allOf" in schema:
        schema = schema["allOf"][0] if "allOf" in schema else schemas[_name(schema)]
    if "oneOf" in schema:
        allowed = tuple(_TYPES[one["type"]] for one in schema["oneOf"])
        if not isinstance(value, (str, *(t for t in allowed if not isinstance(t, tuple)))):
            yield f"{path}: {value!r} is none of {[one['type'] for one in schema['oneOf']]}"
        return
    wanted = _TYPES.get(schema.get("type"))
    if wanted and (
        not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
    ):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from _judge_fields(value, schema, schemas, path, partial)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _judge(one, schema["items"], schemas, f"{path}[{number}]", partial)
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"


def _judge_fields(value, schema, schemas, path, partial):
    fields, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        inner = fields.get(name, others)
        if inner is None:
            yield f"{path}: there is no field {name}"
        else:
            yield from _judge(one, inner, schemas, f"{path}.{name}", partial)
    if not partial:
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{path}: {name} is missing"


def _name(schema):
    return schema["$ref"].rpartition("/")[2]


def _add(name, known, schemas):
    if name not in schemas:
        schemas[name] = _stripped(known[name])
        for one in _references(schemas[name]):
            _add(one, known, schemas)


def _stripped(schema):
    """Without descriptions and what only clients want."""
    kept = {}
    for key in sorted(_KEPT & schema.keys()):
        value = schema[key]
        if key == "properties":
            value = {name: _stripped(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = _stripped(value)
        elif key in ("allOf", "oneOf"):
            value = [_stripped(one) for one in value]
        kept[key] = value
    return kept


def _references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield _name(schema)
        for one in schema.values():
            yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)
