"""Owns what makes the members of a message valid."""

import re

from messages import LOWEST_LINE_BYTES, is_count

ID = re.compile(r"[!-~]{1,64}")
METHOD = re.compile(r"[!-~]{1,128}")
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
RESERVED = ("negotiate:", "session.", "stream.", "call.")
STREAMS = 8


class Invalid(Exception):
    """A message that cannot be carried out. `code` is the word of its failure."""

    def __init__(self, reason, code="BAD_REQUEST"):
        super().__init__(reason)
        self.code = code


def is_id(value):
    return isinstance(value, str) and ID.fullmatch(value) is not None


def is_method(value):
    return isinstance(value, str) and METHOD.fullmatch(value) is not None


def is_name(value):
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def is_text(value, longest):
    return isinstance(value, str) and len(value) <= longest


def expect(is_valid, what):
    if not is_valid:
        raise Invalid(f"invalid {what}")


def check_hello(params):
    """Checks the parameters of a hello that has a common version."""
    expect(_are(params.get("capabilities"), lambda word: isinstance(word, str)), "capabilities")
    agent = params.get("agent")
    expect(isinstance(agent, dict), "agent")
    expect(all(is_text(agent.get(name), 64) for name in ("name", "version")), "agent")
    expect(agent.get("role") in ("host", "guest"), "role")
    session = params.get("session")
    expect(isinstance(session, dict) and is_id(session.get("id")), "session id")
    expect("instance" not in session or is_id(session["instance"]), "instance")
    expect(is_count(session.get("received")), "received")
    limits = params.get("limits")
    expect(isinstance(limits, dict) and is_count(limits.get("lineBytes"), LOWEST_LINE_BYTES), "lineBytes")
    expect(is_count(limits.get("noticeBytes", 0)), "noticeBytes")


def check_request(message):
    """Checks a request or an attach, without its id."""
    expect(is_method(message["method"]), "method")
    if message["method"].startswith(RESERVED) and message["method"] != "call.attach":
        raise Invalid("a reserved method that nobody knows", "UNKNOWN_METHOD")
    for name in ("timeoutMs", "keepMs"):
        expect(is_count(message.get(name, 0)), name)
    expect(isinstance(message.get("isDetached", False), bool), "isDetached")
    expect(isinstance(message.get("caller", {}), dict), "caller")
    streams = message.get("streams", {})
    expect(isinstance(streams, dict), "streams")
    read, write = streams.get("read", {}), streams.get("write", [])
    expect(isinstance(read, dict) and all(is_count(credit) for credit in read.values()), "streams to read")
    expect(isinstance(write, list), "streams to write")
    names = [*read, *write]
    expect(_are(names, is_name) and len(set(names)) == len(names), "names of streams")


def check_chunk(params):
    """Checks the parameters of a stream chunk in any form."""
    expect(is_id(params.get("call")), "call")
    expect(is_name(params.get("stream")), "stream")
    expect(is_count(params.get("offset")), "offset")
    expect(sum(form in params for form in ("text", "base64", "bytes")) == 1, "forms of a chunk")
    expect(all(isinstance(params.get(form, ""), str) for form in ("text", "base64")), "chunk")
    expect(is_count(params.get("crc32", 0)), "crc32")


def check_in_call(method, params):
    """Checks the parameters of a message about a call."""
    if method == "stream.data":
        check_chunk(params)
    elif method == "call.message":
        expect(is_name(params.get("name")), "name")
        expect("value" in params, "value")
    elif method == "call.begin":
        offsets = params.get("offsets")
        expect(isinstance(offsets, dict) and all(map(is_count, offsets.values())), "offsets")
    else:
        expect(is_name(params.get("stream")), "stream")
        member = {"stream.credit": "limit", "stream.end": "bytes"}.get(method)
        expect(member is None or is_count(params.get(member)), str(member))


def _are(values, is_valid):
    return isinstance(values, list) and all(is_valid(value) for value in values)
