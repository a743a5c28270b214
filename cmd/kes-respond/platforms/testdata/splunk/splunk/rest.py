# Stands in for Splunk's module of that name, as far as the helper uses it: a
# store that holds one account of the realm kes_respond and one of another.
import json
import os


def simpleRequest(path, sessionKey=None, getargs=None):
    assert path == "/servicesNS/nobody/kes_respond/storage/passwords", path
    assert getargs["output_mode"] == "json"
    if sessionKey != "the-key-of-a-session":
        raise RuntimeError("not logged in")
    if os.environ.get("SPLUNK_STORE") == "broken":
        raise RuntimeError("no capability")
    entries = [{"content": {"realm": "other", "username": "x", "clear_password": "wrong"}}]
    if os.environ.get("SPLUNK_STORE") != "empty":
        entries.append({"content": {"realm": "kes_respond", "username": "edr-operator", "clear_password": os.environ["STORED"]}})
    return None, json.dumps({"entry": entries}).encode()
