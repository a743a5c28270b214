# Stands in for XSOAR's module of that name, as far as the integration uses it:
# what XSOAR would hand over is one JSON document on standard input.
import json
import sys

_given = json.load(sys.stdin)


def params():
    return _given["params"]


def args():
    return _given.get("args", {})


def command():
    return _given["command"]
