# Stands in for XSOAR's module of that name, as far as the integration uses it.
# What the integration returns is printed as JSON.
import json
import os
import sys

import demistomock as demisto


class DemistoException(Exception):
    pass


class ScheduledCommand:
    def __init__(self, command, next_run_in_seconds, args=None, timeout_in_seconds=None):
        self.scheduled = {"command": command, "next": next_run_in_seconds, "args": args, "timeout": timeout_in_seconds}

    @staticmethod
    def raise_error_if_not_supported():
        pass


class CommandResults:
    def __init__(self, readable_output=None, outputs=None, raw_response=None):
        self.readable_output, self.outputs, self.raw_response, self.scheduled_command = readable_output, outputs, raw_response, None


def argToList(value):
    if not value:
        return []
    if isinstance(value, list):
        return value
    if value.strip().startswith("["):
        return json.loads(value)
    return [one.strip() for one in value.split(",")]


def arg_to_number(value):
    return int(value) if value not in (None, "") else None


def handle_proxy():
    if demisto.params().get("proxy") in (True, "true"):
        return
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)


def return_results(results):
    if isinstance(results, str):
        print(json.dumps({"text": results}))
        return
    scheduled = results.scheduled_command
    print(json.dumps({"text": results.readable_output, "outputs": results.outputs, "raw": results.raw_response,
                      "scheduled": scheduled.scheduled if scheduled else None}))


def return_error(message):
    print(json.dumps({"error": message}))
    sys.exit(0)
