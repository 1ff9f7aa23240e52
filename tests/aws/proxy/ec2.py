"""DescribeInstanceStatus as EC2 answers it: checks that fail, events, pages."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

OF_CHECKS = {"system": "systemStatus", "instance": "instanceStatus", "ebs": "attachedEbsStatus"}


@dataclass
class Ec2:
    """What is wrong with instances.

    Args:
        checks: by instance id, words for ``system``, ``instance`` and ``ebs``.
        events: by instance id, events with the names of the API's XML.
    """

    checks: dict = field(default_factory=dict)
    events: dict = field(default_factory=dict)

    def described(self, body, arguments):
        """moto's answer, mended."""
        root = ET.fromstring(body)
        for element in root.iter():  # nobody minds the namespace, and names are shorter without
            element.tag = element.tag.rpartition("}")[2]
        found = root.find("instanceStatusSet")
        for item in found:
            self._mend(item)
        self._page(root, found, arguments)
        return ET.tostring(root)

    def _mend(self, item):
        id_ = item.find("instanceId").text
        if item.find("instanceState/name").text == "running":
            checks = {"ebs": "ok", **self.checks.get(id_, {})}
            for which, word in checks.items():
                status = _child(item, OF_CHECKS[which])
                _child(status, "status").text = word
        if id_ in self.events:
            events = _child(item, "eventsSet")
            for event in self.events[id_]:
                made = ET.SubElement(events, "item")
                for name, value in event.items():
                    _child(made, name).text = value

    def _page(self, root, found, arguments):
        if "MaxResults" not in arguments:
            return
        begin, most = int(arguments.get("NextToken", 0)), int(arguments["MaxResults"])
        items = list(found)
        for item in [*items[:begin], *items[begin + most :]]:
            found.remove(item)
        if len(items) > begin + most:
            _child(root, "nextToken").text = str(begin + most)


def _child(parent, tag):
    found = parent.find(tag)
    return ET.SubElement(parent, tag) if found is None else found


def xml_error(service, code, message):
    """An error in the XML of EC2 or of another service."""
    inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if service == "ec2":
        return f"<Response><Errors>{inner}</Errors><RequestID>r</RequestID></Response>".encode()
    return f"<ErrorResponse>{inner}<RequestId>r</RequestId></ErrorResponse>".encode()
