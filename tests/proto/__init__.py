"""Message classes made from the .proto files of this folder, which are Prometheus' own.

``types.proto``, ``remote.proto`` and ``write_v2.proto`` (there prompb/io/prometheus/write/v2/
types.proto) are of Prometheus 3.11.3, Apache License 2.0. Protobuf's Python library has no compiler
for the language; what these files use of it is small.
"""

import re
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FOLDER = Path(__file__).parent
SCALARS = {
    "double": 1,
    "int64": 3,
    "uint64": 4,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
    "bool": 8,
    "sint32": 17,
    "sint64": 18,
}
MESSAGE, ENUM, OPTIONAL, REPEATED = 11, 14, 1, 3


def messages(*files):
    """Message classes by full name."""
    pool = descriptor_pool.DescriptorPool()
    for name in files:
        pool.Add(parse(name, (FOLDER / name).read_text()))
    return {
        full: message_factory.GetMessageClass(pool.FindMessageTypeByName(full))
        for name in files
        for full in names_of(pool.FindFileByName(name).message_types_by_name.values())
    }


def names_of(descriptors):
    return [descriptor.full_name for descriptor in descriptors]


def parse(name, text):
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"\[\(gogoproto[^\]]*\]", "", text)
    tokens = re.findall(r'"[^"]*"|[\w.]+|[{}=;,<>]', text)
    return File(name, tokens).file


class File:
    """One file on its way from words to a descriptor."""

    def __init__(self, name, tokens):
        self.tokens = tokens
        self.position = 0
        self.file = descriptor_pb2.FileDescriptorProto(name=name)
        while self.position < len(self.tokens):
            self.statement()
        self.resolve(self.file.message_type, [self.file.package])

    def take(self):
        self.position += 1
        return self.tokens[self.position - 1]

    def until(self, end):
        words = []
        while (word := self.take()) != end:
            words.append(word)
        return words

    def statement(self):
        word = self.take()
        if word == "message":
            self.message(self.file.message_type.add())
            return
        words = self.until(";")
        if word == "syntax":
            self.file.syntax = words[-1].strip('"')
        elif word == "package":
            self.file.package = words[0]
        elif word == "import" and "gogoproto" not in words[0]:
            self.file.dependency.append(words[0].strip('"'))

    def message(self, message):
        message.name = self.take()
        assert self.take() == "{"
        while (word := self.take()) != "}":
            if word == "message":
                self.message(message.nested_type.add())
            elif word == "enum":
                self.enum(message.enum_type.add())
            elif word == "oneof":
                self.oneof(message)
            elif word == "reserved":
                self.until(";")
            else:
                self.field(message, word)

    def enum(self, enum):
        enum.name = self.take()
        assert self.take() == "{"
        while (word := self.take()) != "}":
            _, number = self.until(";")
            enum.value.add(name=word, number=int(number))

    def oneof(self, message):
        message.oneof_decl.add(name=self.take())
        assert self.take() == "{"
        while (word := self.take()) != "}":
            field = self.field(message, word)
            field.oneof_index = len(message.oneof_decl) - 1

    def field(self, message, word):
        label = OPTIONAL
        if word == "repeated":
            label, word = REPEATED, self.take()
        name, _, number = self.until(";")
        field = message.field.add(name=name, number=int(number), label=label)
        if word in SCALARS:
            field.type = SCALARS[word]
        else:
            field.type_name = word
        return field

    def resolve(self, types, scope):
        """Say of each field with a type of the file itself which one that is."""
        for message in types:
            inner = [*scope, message.name]
            enums = {enum.name for enum in message.enum_type}
            for field in message.field:
                if field.type_name in enums:
                    field.type = ENUM
                    field.type_name = "." + ".".join([*inner, field.type_name])
                elif field.type_name:
                    field.type = MESSAGE
                    if "." not in field.type_name:
                        field.type_name = f"{scope[0]}.{field.type_name}"
                    field.type_name = "." + field.type_name
            self.resolve(message.nested_type, inner)
