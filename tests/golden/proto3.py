"""Protocol Buffers (proto3) as far as src/format/format.proto goes, which is read at run time: it is part of the specification."""
import pathlib
import re

PROTO = pathlib.Path(__file__).resolve().parents[2] / "src/format/format.proto"
# {message: {field number: (name, type, whether it is repeated)}}
MESSAGES = {name: {int(number): (field, kind, bool(many) or kind.startswith("map<")) for many, kind, field, number in
                   re.findall(r"^ +(repeated )?([\w<>, ]+?) (\w+) = (\d+);", body, re.M)}
            for name, body in re.findall(r"^message (\w+) {\n(.*?)^}", PROTO.read_text(), re.M | re.S)}
BYTES = {"bytes", "string", "map<string, bytes>", *MESSAGES}
DEFAULTS = {"bytes": b"", "string": "", **dict.fromkeys(MESSAGES)}
FIXED = {1: 8, 5: 4}  # wire types that format.proto does not use, and a later one may


def varint(data, at):
    """The number at `at`, and the place behind it."""
    value = shift = 0
    while data[at] & 0x80:
        value, shift, at = value | (data[at] & 0x7F) << shift, shift + 7, at + 1
    return value | data[at] << shift, at + 1


def sequence(data, delimited):
    """Numbers that stand one behind the other, or, `delimited`, byte strings with their length before them."""
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        if delimited:
            value, at = data[at:at + value], at + value
        yield value
    if at > len(data):
        raise ValueError("a length leads beyond the end")


def convert(kind, value):
    """What the wire has, as the value of a type."""
    if kind in MESSAGES:
        return decode(kind, value)
    if kind == "string":
        return value.decode()
    if kind == "sint64":
        return value >> 1 ^ -(value & 1)
    return value - (value >> 63 << 64) if kind == "int64" else value


def decode(name, data):
    """A message as a dictionary; unknown fields are passed over, absent ones have their default, a map is the bytes of its entries."""
    found = {field: [] if many else DEFAULTS.get(kind, 0) for field, kind, many in MESSAGES[name].values()}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        value, at = (FIXED[wire], at) if wire in FIXED else varint(data, at)
        if wire:
            value, at = data[at:at + value], at + value
        field, kind, many = MESSAGES[name].get(tag >> 3, (None, None, None))
        if field and (wire == 0) == (kind in BYTES) and not many:
            raise ValueError(f"{name}.{field} is not a {kind}")
        if many:
            packed = wire == 2 and kind not in BYTES
            found[field] += [convert(kind, one) for one in (sequence(value, False) if packed else [value])]
        elif field:
            found[field] = convert(kind, value)
    if at > len(data):
        raise ValueError(f"{name} ends early")
    return found
