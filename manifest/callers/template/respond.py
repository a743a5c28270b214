#!/usr/bin/env python3
"""Sends requests to kes-respond and says what became of each.

    respond.py [PROGRAM] < requests.jsonl

A request a line on standard input, a result a line on standard output (id,
outcome, message, with tabs between), progress on standard error. Ctrl-C takes
back what has not been sent yet; twice ends the program at once. Responder is
there to be used from your own program. Needs Python 3.7 and nothing else.
"""
import json
import signal
import subprocess
import sys
import threading

# Which exit code counts most, as the command line of kes-respond has it.
ORDER = [5, 1, 69, 77, 3, 65, 75, 7, 6, 4, 0]
OUTCOMES = {"succeeded": 0, "submitted": 0, "planned": 0, "partial": 7, "pending": 4, "cancelled": 6, "unknown": 5}
CODES = {"bad_request": 65, "duplicate_id": 65, "host_not_found": 65, "host_ambiguous": 65, "policy": 3, "suspended": 3,
         "approval_required": 3, "busy": 75, "cap": 75, "quota": 75, "journal": 75, "timeout": 75, "unreachable": 69,
         "tls": 69, "ksc_unavailable": 69, "login": 77, "locked": 77, "second_factor": 77, "denied": 77}


def exit_code(result):
    """The exit code for one result; what is not known is a failure."""
    if result["outcome"] in ("refused", "failed"):
        return CODES.get(result.get("error", {}).get("code"), 1)
    return OUTCOMES.get(result["outcome"], 1)


class Responder:
    """A running kes-respond. Every request that was sent gets exactly one result."""

    def __init__(self, program="kes-respond"):
        # A session of its own: Ctrl-C in the terminal is for us, and we cancel.
        self.process = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        encoding="utf-8", start_new_session=True)
        self.lock = threading.Lock()
        self.open = {}   # id as JSON -> request, until its result
        self.lines = {}  # number of the line -> id as JSON
        self.sent = 0
        self.closing = False
        self.gone = False  # kes-respond has: its events have ended

    def send(self, request):
        """Hands one request over. It has an id, which no other has that still runs.
        ConnectionError says that it was handed to nobody."""
        key = json.dumps(request["id"])
        with self.lock:
            if key in self.open:
                raise ValueError("id %s is in use" % key)
            self.open[key] = request
        if self.gone and self.open.pop(key, None) is not None:
            raise ConnectionError("kes-respond has gone; it was not sent")
        self._write(request, key)

    def cancel(self):
        """Takes back what was not sent to KSC yet. The results say what was."""
        for key in list(self.open):
            self._write({"type": "cancel", "target": json.loads(key)}, None)

    def _write(self, line, key):
        with self.lock:
            self.sent += 1
            if key is not None:
                self.lines[self.sent] = key
            try:
                self.process.stdin.write(json.dumps(line) + "\n")
                self.process.stdin.flush()
            except (OSError, ValueError):
                pass  # it has gone: events() says of each open request that its end is not known

    def close(self):
        """No more requests. What runs is finished, and may still be cancelled."""
        self.closing = True
        self._end()

    def _end(self):  # without the lock: whoever reads must never wait for whoever writes
        if self.closing and not self.open:
            try:
                self.process.stdin.close()
            except OSError:
                pass

    def events(self):
        """Yields every event, and at the end a result for whatever got none."""
        for text in self.process.stdout:
            try:
                event = json.loads(text)
            except ValueError:
                break  # half a line: the stream is lost
            if event.get("type") == "result":
                self.open.pop(json.dumps(event["id"]), None)
                self._end()
            if event.get("type") == "error" and event.get("line") in self.lines:
                key = self.lines[event["line"]]
                if self.open.pop(key, None) is not None:
                    self._end()
                    yield {"type": "result", "id": json.loads(key), "outcome": "refused", "message": event["message"], "error": event}
                    continue
            yield event  # a type that is not known here is for whoever knows it
        self.gone = True  # before looking: what comes later is for send() to tell
        for key in list(self.open):
            if self.open.pop(key, None) is None:
                continue
            yield {"type": "result", "id": json.loads(key), "outcome": "unknown", "error": {"code": "carrier_lost"},
                   "message": "kes-respond went away without an answer: it may have happened. Send the request again "
                              "with the same idempotencyKey, or see \"kes-respond recover\""}
        self.process.wait()


def main():
    try:
        responder = Responder(sys.argv[1] if len(sys.argv) > 1 else "kes-respond")
    except OSError as e:
        print("respond: %s; nothing was sent" % e, file=sys.stderr)
        return 69

    def interrupted(*_):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=responder.cancel).start()

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    codes = [0]

    def feed():  # beside reading: neither waits for the other
        for number, text in enumerate(sys.stdin, 1):
            if not text.strip():
                continue
            try:
                request = json.loads(text)
                request.setdefault("id", "line-%d" % number)
                responder.send(request)
            except (ValueError, AttributeError) as e:
                codes.append(65)
                print("respond: line %d is no request: %s" % (number, e), file=sys.stderr)
            except OSError as e:
                codes.append(69)
                print("respond: line %d: %s" % (number, e), file=sys.stderr)
        responder.close()

    threading.Thread(target=feed, daemon=True).start()
    for event in responder.events():
        if event["type"] == "result":
            codes.append(exit_code(event))
            print(json.dumps(event["id"]), event["outcome"], event.get("message", ""), sep="\t", flush=True)
        elif event["type"] == "accepted":
            print(json.dumps(event["id"]), "accepted", sep="\t", file=sys.stderr)
        elif event["type"] == "progress":
            print(json.dumps(event["id"]), event["stage"], event.get("message", ""), sep="\t", file=sys.stderr)
        elif event["type"] == "error":
            print("respond: %s" % event["message"], file=sys.stderr)
    if not responder.closing:
        codes.append(69)
        print("respond: kes-respond ended before the requests did: what has no result here was not sent", file=sys.stderr)
    return min(codes, key=lambda c: ORDER.index(c) if c in ORDER else 1)


if __name__ == "__main__":
    sys.exit(main())
