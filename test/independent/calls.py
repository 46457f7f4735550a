"""Owns the calls of a session: those that this side makes, and those that it serves."""

import base64
import binascii
import secrets

from streams import Breach, Call, Reader, Writer, failure


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

    def on_call_message(self, call, method, params, payload):
        if method == "call.message":
            call.messages.append((params["name"], params["value"]))
            call.on_message(params["name"], params["value"])
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
        except binascii.Error as reason:
            raise Breach("no base64") from reason

    def break_call(self, call, why):
        self.counts["breaches_found"] += 1
        self.complain(why)
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
        call = Call(secrets.token_urlsafe(16), True)
        window = more.pop("window", 131_072)
        for name, take in (read or {}).items():
            call.readers[name] = Reader(call, name, take, window, window)
        for name in write:
            call.writers[name] = Writer(call, name, 0)
        streams = {"read": {name: window for name in call.readers}, "write": list(write)}
        request = {"id": call.id, "method": method, "params": params, **more, "streams": streams}
        self.calls[call.id] = call
        self.post(request)
        return call

    def tell(self, call, name, value):
        """Sends a message inside a call."""
        self.post({"method": "call.message", "params": {"call": call.id, "name": name, "value": value}})

    def on_request(self, message):
        self.counts["requests"] += 1
        if message["id"] in self.calls:
            error = failure("BAD_REQUEST", "The id is in use")
            self.post({"id": message["id"], "error": error, "streams": {}})
            return
        call = Call(message["id"], False)
        call.is_sent = True
        streams = message.get("streams", {})
        self.calls[call.id] = call
        for name, limit in streams.get("read", {}).items():
            call.writers[name] = Writer(call, name, limit)
        for name in streams.get("write", []):
            call.readers[name] = Reader(call, name, lambda data: None, 0)
        if message["method"] == "call.attach":
            self.fail(call, "NO_CALL", "Nothing is kept here")
        else:
            self.serve(call, message["method"], message.get("params", {}))

    def accept(self, call, name, take, window):
        """Reads a stream that the caller writes, and gives its first credit."""
        reader = call.readers[name]
        reader.take, reader.window, reader.limit = take, window, window
        credit = {"call": call.id, "stream": name, "limit": window}
        self.post({"method": "stream.credit", "params": credit})

    def stop(self, call, name):
        """Ignores the rest of a stream that the caller writes."""
        call.readers[name].is_stopped = True
        self.post({"method": "stream.stop", "params": {"call": call.id, "stream": name}})

    def answer(self, call, result):
        """Answers a call whose writers have sent all their bytes."""
        totals = {name: {"bytes": writer.offset} for name, writer in call.writers.items()}
        self.calls.pop(call.id, None)
        self.post({"id": call.id, "result": result, "streams": totals})

    def fail(self, call, code, message):
        totals = {name: {"bytes": writer.offset} for name, writer in call.writers.items()}
        self.calls.pop(call.id, None)
        self.post({"id": call.id, "error": failure(code, message), "streams": totals})
