"""What the Python drivers share: the emulators and their control, and one JSON line per operation.

Nothing secret is ever printed: a failure shows the driver's own words or the error's class, never its text.
"""

import datetime
import importlib.metadata
import json
import platform
import sys
import threading
import time
import types
import urllib.error
import urllib.request
from base64 import b64encode
from collections import deque
from enum import Enum
from urllib.parse import quote_plus, urlencode

# How long a client told to give up after TIMEOUT seconds is watched, and one that cannot be told so.
TIMEOUT = 1.0
PATIENCE = 4.0


class Wrong(Exception):
    """The client did something else than the operation promises; the text is the driver's own."""


class Cannot(Exception):
    """The client has no way to do this; the text says why."""


def expect(holds, otherwise):
    if not holds:
        raise Wrong(otherwise)


def say(line):
    print(json.dumps(line), flush=True)


def about(client, source, package, over):
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in over]
    version = importlib.metadata.version(package)
    over = [f"Python {platform.python_version()}", *libraries]
    say({"client": client, "source": source, "version": version, "over": over})


def about_bare():
    today = datetime.date.today().isoformat()
    version = platform.python_version()
    say({"client": "http.client", "source": "Python", "version": version, "over": [], "date": today})


def operation(subject, name, run):
    """Runs one operation and reports it; a note says what the table should add to an ok."""
    line = {"subject": subject, "operation": name}
    try:
        note = run()
        line["result"] = "ok"
        if note:
            line["note"] = note
    except Cannot as cannot:
        line.update(result="cannot", why=str(cannot))
    except Wrong as wrong:
        line.update(result="failed", why=str(wrong))
    except Exception as error:  # noqa: BLE001, whatever a client raises is its answer
        line.update(result="failed", why=f"raised {kind(error)}")
    say(line)


def score(subject, name, verdict, observed):
    """Reports what was observed; the verdict is yes, no, or buried: there, but only inside an error."""
    if isinstance(verdict, bool):
        verdict = "yes" if verdict else "no"
    say({"subject": subject, "score": name, "verdict": verdict, "observed": observed})


def times(count):
    return "once" if count == 1 else f"{count} times"


def kind(error):
    return type(error).__name__


def raises(error_class, call, otherwise):
    """The error that the call ends in; anything else is wrong."""
    try:
        call()
    except error_class as error:
        return error
    raise Wrong(otherwise)


class Emulator:
    """The emulators that the command started, as told in one JSON line on stdin."""

    def __init__(self):
        self.all = json.loads(sys.stdin.readline())
        # Of each answer that shows a secret: its documented fields besides the secret, and where a cut falls behind
        # the secret and before the end of a compact answer.
        self.answers = self.all["answers"]
        self.control_url = self.all["control_url"]
        self.control("POST", "reset")

    def vendor(self, name):
        return self.all["vendors"][name]

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def behave(self, name, value):
        self.control("POST", "behaviours", {"name": name, "value": value})

    def seen(self, operation):
        """How many requests for this operation arrived, whatever became of them."""
        return sum(1 for entry in self.control("GET", "log")["log"] if entry["operation"] == operation)

    def fault(self, text):
        return Fault(self, text)


class Fault:
    """A fault, for the calls within a `with` block."""

    def __init__(self, emulator, text):
        self.emulator, self.text = emulator, text

    def __enter__(self):
        self.emulator.control("POST", "faults", {"fault": self.text})

    def __exit__(self, *_):
        self.emulator.control("DELETE", "faults")
        self.emulator.control("POST", "release")


def post_form(url, fields, basic=None):
    """Status and JSON body of a plain form POST, for what a client has no call for."""
    request = urllib.request.Request(url, data=urlencode(fields).encode(), method="POST")
    if basic:
        pair = ":".join(quote_plus(part) for part in basic)
        request.add_header("Authorization", "Basic " + b64encode(pair.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def watched(call, patience=PATIENCE):
    """Runs a call that may never return: how it ended within `patience` seconds, and after how long."""
    ended = {}

    def run():
        try:
            ended["value"] = call()
        except Exception as error:  # noqa: BLE001
            ended["error"] = error

    started = time.monotonic()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience)
    took = time.monotonic() - started
    if thread.is_alive():
        return "silent", thread, took
    if "error" in ended:
        return "raised", ended["error"], took
    return "returned", ended.get("value"), took


def cut_score(subject, how, what, mark):
    """Whether the bytes of an answer that was cut behind its secret are still there."""
    path = find(what, mark)
    verdict = "no" if path is None else "yes" if how == "returned" else "buried"
    score(subject, "cut_body", verdict, f"{how} {kind(what)}; the bytes are {'in ' + path if path else 'gone'}")


def outcome(call):
    """What a call ends in: its value, or the error it raises."""
    try:
        return "returned", call()
    except Exception as error:  # noqa: BLE001
        return "raised", error


OPAQUE = (
    type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.FrameType,
    types.TracebackType, Enum,
)


def find(root, needle):
    """Where `needle` can be reached from an object, by fields, items, causes or listed errors; None if nowhere.

    Tracebacks are left out: what only a debugger can dig up, no program can keep.
    """
    needle_bytes, seen, todo = needle.encode(), set(), deque([(kind(root), root)])
    while todo:
        path, item = todo.popleft()
        if id(item) in seen or isinstance(item, OPAQUE):
            continue
        seen.add(id(item))
        if isinstance(item, str):
            if needle in item:
                return path
        elif isinstance(item, (bytes, bytearray)):
            if needle_bytes in bytes(item):
                return path
        elif isinstance(item, dict):
            todo += [(f"{path}[{key!r}]" if isinstance(key, str) else path, value) for key, value in item.items()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            todo += [(f"{path}[{at}]", value) for at, value in enumerate(item)]
        else:
            todo += [(f"{path}.{name}", value) for name, value in getattr(item, "__dict__", {}).items()]
            if isinstance(item, BaseException):
                todo += [(f"{path}.__cause__", item.__cause__), (f"{path}.__context__", item.__context__)]
                errors = getattr(item, "errors", None)
                if callable(errors):
                    todo.append((f"{path}.errors()", errors()))
                todo.append((f"{path}.args", item.args))
    return None
