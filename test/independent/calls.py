"""Owns the calls of a session: those that this side makes, and those that it serves."""

import base64
import binascii
import secrets

from checks import STREAMS, Invalid, check_in_call, check_request, is_id
from streams import KEEP_MS, Breach, Call, Reader, Writer, failure

IN_CALLS = ("stream.data", "stream.credit", "stream.end", "stream.stop", "call.message", "call.begin")
FINISHED_CALLS = 256


class Calls:
    """The half of a session that knows calls. The other half numbers what `post` gets, and sends it."""

    def on_answer(self, message):
        call = self.calls.get(message["id"])
        if call is None or not call.is_mine or call.answer is not None:
            self.counts["late"] += 1
            return
        call.answer = message
        for writer in call.writers.values():
            writer.is_over = True
        try:
            for name, reader in call.readers.items():
                total = message.get("streams", {}).get(name)
                # A stream without a total ends where it stands.
                reader.set_total(reader.offset if total is None else total["bytes"])
        except Breach as breach:
            self.break_call(call, str(breach))
        self.forget(call)

    def on_in_call(self, message, method, params, payload):
        if "seq" not in message:
            raise Invalid("a message without a number")
        if not isinstance(params, dict) or not is_id(params.get("call")):
            raise Invalid("invalid call")
        call = self.calls.get(params["call"])
        if call is None:
            self.counts["late"] += 1
            return
        try:
            check_in_call(method, params)
            self.on_call_message(call, method, params, payload)
        except (Breach, Invalid) as breach:
            self.break_call(call, str(breach))

    def on_call_message(self, call, method, params, payload):
        if method == "call.message":
            call.messages.append((params["name"], params["value"]))
            call.on_message(params["name"], params["value"])
            return
        if method == "call.begin":
            if not call.is_mine:
                raise Breach("only a callee begins")
            for name, offset in params["offsets"].items():
                stream = call.readers.get(name) or call.writers.get(name)
                if stream is not None:
                    stream.begin(offset)
            return
        side = call.readers if method in ("stream.data", "stream.end") else call.writers
        end = side.get(params.get("stream"))
        if end is None:
            raise Breach("a stream that the call does not have")
        if end.is_stopped:
            return
        if method == "stream.credit":
            end.limit = max(end.limit, params["limit"])
        elif method == "stream.stop":
            end.is_over = True
            end.done()
        elif method == "stream.end":
            if end.has_end or params["bytes"] != end.offset:
                raise Breach("an end at a wrong place")
            end.has_end = True
            end.set_total(params["bytes"])
            end.take(b"")
            self.forget(call)
        elif end.read(params.get("offset"), self.bytes_of(params, payload)):
            end.limit = end.offset + end.window
            credit = {"call": call.id, "stream": end.name, "limit": end.limit}
            self.post({"method": "stream.credit", "params": credit})
        self.forget(call)

    def bytes_of(self, params, payload):
        found = [form for form in ("text", "base64", "bytes") if form in params]
        if len(found) != 1:
            raise Breach("not exactly one of text, base64 and bytes")
        self.counts["got_" + found[0]] += 1
        try:
            if found == ["text"]:
                return params["text"].encode("utf-8")
            return payload if found == ["bytes"] else base64.b64decode(params["base64"], validate=True)
        except (binascii.Error, ValueError) as reason:
            raise Breach("no base64") from reason

    def break_call(self, call, why):
        self.counts["breaches_found"] += 1
        self.complain(why, "BAD_FRAME")
        if call.is_mine:
            self.tell(call, "cancel", {"reason": why, "code": "BAD_FRAME"})
            call.answer = {"error": failure("BAD_FRAME", why)}
            self.calls.pop(call.id, None)
        else:
            self.fail(call, "BAD_FRAME", why)

    def forget(self, call):
        if call.is_over and call.is_mine:
            self.calls.pop(call.id, None)

    def call(self, method, params, read=None, write=(), **more):
        """
        Starts a call. `read` has a function for each stream that the caller reads: it gets the bytes.
        """
        call = Call(secrets.token_urlsafe(16), True, {})
        window = more.pop("window", 131_072)
        for name, take in (read or {}).items():
            call.readers[name] = Reader(call, name, take, window, window)
        for name in write:
            call.writers[name] = Writer(call, name, 0)
        streams = {"read": {name: window for name in call.readers}, "write": list(write)}
        request = {"id": call.id, "method": method, "params": params, **more, "streams": streams}
        self.calls[call.id], call.request = call, request
        self.post(request)
        return call

    def tell(self, call, name, value):
        """Sends a message inside a call."""
        self.post({"method": "call.message", "params": {"call": call.id, "name": name, "value": value}})

    def on_request(self, message):
        self.counts["requests"] += 1
        if not is_id(message["id"]):
            raise Invalid("invalid id")
        check_request(message)
        call_id, is_attach = message["id"], message["method"] == "call.attach"
        read = message.get("streams", {}).get("read", {})
        write = message.get("streams", {}).get("write", [])
        self.drop_finished()
        if call_id in self.calls or (not is_attach and call_id in {**self.detached, **self.finished}):
            self.fail_request(call_id, "BAD_REQUEST", "The id is in use")
        elif len(read) + len(write) > STREAMS:
            self.fail_request(call_id, "BUSY", "Too many streams")
        elif is_attach and call_id in self.detached:
            self.attach(self.detached.pop(call_id), read, write)
        elif is_attach and call_id in self.finished:
            _, answer = self.finished[call_id]
            totals = answer["streams"].items()
            offsets = {name: total["bytes"] for name, total in totals if name in read}
            self.post({"method": "call.begin", "params": {"call": call_id, "offsets": offsets}})
            self.post(answer)
        elif is_attach:
            self.fail_request(call_id, "NO_CALL", "There is no such call")
        else:
            call = Call(call_id, False, message)
            call.is_sent = True
            self.calls[call_id] = call
            for name, limit in read.items():
                call.writers[name] = Writer(call, name, limit)
            for name in write:
                call.readers[name] = Reader(call, name, lambda data: None, 0)
            self.serve(call, message["method"], message.get("params", {}))

    def fail_request(self, call_id, code, message):
        """Refuses a request that starts nothing."""
        self.post({"id": call_id, "error": failure(code, message), "streams": {}})

    def attach(self, call, read, write):
        """Gives a running call to a new caller. Each stream goes on where it was."""
        self.calls[call.id] = call
        offsets = {name: writer.offset for name, writer in call.writers.items() if name in read}
        offsets |= {name: reader.offset for name, reader in call.readers.items() if name in write}
        self.post({"method": "call.begin", "params": {"call": call.id, "offsets": offsets}})
        for name, writer in call.writers.items():
            writer.limit = writer.offset + read.get(name, 0)
            if name not in read and not writer.is_over:
                writer.is_over = True
                writer.done()
        for name in write:
            reader = call.readers.get(name)
            if reader is None or reader.is_stopped or reader.has_end:
                self.post({"method": "stream.stop", "params": {"call": call.id, "stream": name}})
            else:
                self.accept(call, name, reader.take, reader.window)

    def keep(self, call, answer):
        """Keeps an answer for an attach, and sends it if its caller is there."""
        if self.calls.pop(call.id, None) is not None:
            self.post(answer)
        self.detached.pop(call.id, None)
        until = self.clock() + min(call.keep_ms, KEEP_MS) / 1000
        self.finished[call.id] = (until, answer)
        while len(self.finished) > FINISHED_CALLS:
            self.finished.pop(next(iter(self.finished)))

    def drop_finished(self):
        now = self.clock()
        for call_id in [key for key, (until, _) in self.finished.items() if until < now]:
            del self.finished[call_id]

    def accept(self, call, name, take, window):
        """Reads a stream that the caller writes, and gives its first credit."""
        reader = call.readers[name]
        reader.take, reader.window, reader.limit = take, window, reader.offset + window
        credit = {"call": call.id, "stream": name, "limit": reader.limit}
        self.post({"method": "stream.credit", "params": credit})

    def stop(self, call, name):
        """Ignores the rest of a stream that the caller writes."""
        call.readers[name].is_stopped = True
        self.post({"method": "stream.stop", "params": {"call": call.id, "stream": name}})

    def answer(self, call, result):
        """Answers a call. A stream that has not ended has all its bytes, and ends after the answer."""
        self.keep(call, {"id": call.id, "result": result, "streams": self.totals(call)})
        for writer in call.writers.values():
            if not writer.is_over:
                end = {"call": call.id, "stream": writer.name, "bytes": writer.offset}
                self.post({"method": "stream.end", "params": end})

    def fail(self, call, code, message):
        self.keep(call, {"id": call.id, "error": failure(code, message), "streams": self.totals(call)})

    def totals(self, call):
        return {name: {"bytes": writer.offset} for name, writer in call.writers.items()}
