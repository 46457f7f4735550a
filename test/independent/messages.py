"""Owns the text of messages: how a reader parses them, and how a writer makes them."""

import base64
import json
import math
import re
import zlib

HEAD = b'{"jsonrpc":"2.0"'
MARKER = b'{"method": "negotiate:'
# A message could begin with each of these, so a raw payload on a port must not hold them (rule 8).
FORBIDDEN = re.compile(re.escape(HEAD) + b"|" + re.escape(MARKER) + rb'|[0-9][ \t\r]*\n\{"')
CHUNK_BYTES = 65_536
LINE_BYTES, LOWEST_LINE_BYTES = 1_048_576, 131_072
LENGTH_PREFIXED_BYTES = 16 * 1_048_576
LARGEST = 2**53 - 1
DEEPEST = 32
MOST_SIGNS = 131_072
LONG_LINE, MOST_MEMBERS = 80 * 1024, 1024
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def most_members(outside):
    """Returns the most colons that one object has. The text has no strings."""
    most, counts = 0, [0]
    for sign in re.findall(r"[\[\]{}:]", outside):
        if sign in "[{":
            counts.append(0)
        elif sign == ":":
            counts[-1] += 1
            most = max(most, counts[-1])
        elif len(counts) > 1:
            counts.pop()
    return most


def parse(data):
    """Returns the JSON object in these bytes. Raises ValueError for what a reader must refuse (rule 4)."""
    text = data.decode("utf-8")
    outside = STRING.sub("", text)
    if sum(outside.count(sign) for sign in ",:[{") > MOST_SIGNS:
        raise ValueError("too many values")
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", outside):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise ValueError("too deep")
    if len(data) > LONG_LINE and most_members(outside) > MOST_MEMBERS:
        raise ValueError("too many members")
    value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if "\\u" in text:
        # Half of a surrogate pair cannot be encoded.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def parse_message(line):
    """Returns the native message of a line, and raises ValueError as `parse` does."""
    if not line.startswith(HEAD):
        raise ValueError("not the head of a message")
    message = parse(line)
    if "seq" in message and not is_count(message["seq"], 1):
        raise ValueError("a number of a message that is not an integer from 1 on")
    return message


def is_count(value, lowest=0):
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _integer(text):
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError("integer too large")
    return number


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    # A number without a fraction is an integer, however it is written.
    return _integer(number) if number.is_integer() else number


def _refuse(text):
    raise ValueError(f"not JSON: {text}")


def encode(message):
    """Returns the line of a message. `message` has no "jsonrpc": it is put in front."""
    whole = {"jsonrpc": "2.0", **message}
    line = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return line.encode("utf-8") + b"\n"


def may_be_raw(data):
    """Returns whether these bytes may be the payload of a raw chunk on a port (rule 8)."""
    return FORBIDDEN.search(data) is None


def encode_chunk(seq, call, stream, offset, data, form):
    """Returns a stream chunk in the form "raw", "text" or "base64", and the form that it took."""
    if form == "raw" and not may_be_raw(data):
        form = "text"
    params = {"call": call, "stream": stream, "offset": offset}
    if form == "text":
        try:
            params["text"] = data.decode("utf-8")
        except UnicodeDecodeError:
            form = "base64"
    if form == "base64":
        params["base64"] = base64.b64encode(data).decode("ascii")
    if form == "raw":
        params |= {"bytes": len(data), "crc32": zlib.crc32(data)}
    line = encode({"seq": seq, "method": "stream.data", "params": params})
    return (line + data + b"\n" if form == "raw" else line), form


def encode_hello(nonce, params):
    """Returns the one length-prefixed frame that opens an epoch. Its spaces are part of the protocol."""
    method = "negotiate:" + nonce
    hello = {"method": method, "jsonrpc": "2.0", "id": nonce, "params": params}
    hello |= {"command": method, "arguments": [], "keyword_arguments": {}, "success": True, "result": method}
    text = b"\n" + json.dumps(hello).encode("ascii") + b"\n"
    return str(len(text)).encode("ascii") + b"\n" + text


def encode_answer(nonce, outcome):
    """Returns the answer to a hello, which has "result" or "error". A line end before it ends a torn line."""
    return b"\n" + encode({"id": nonce, **outcome})
