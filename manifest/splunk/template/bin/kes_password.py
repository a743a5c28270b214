# Prints the password of the KSC account from Splunk's own store, for
# kes-respond-splunk alone: realm kes_respond. The key of the session comes by
# standard input, and nothing else is printed.
import json
import sys

from splunk import rest


def main():
    key = sys.stdin.readline().strip()
    _, content = rest.simpleRequest(
        "/servicesNS/nobody/kes_respond/storage/passwords", sessionKey=key, getargs={"output_mode": "json", "count": "0"})
    found = [e["content"]["clear_password"] for e in json.loads(content)["entry"] if e["content"].get("realm") == "kes_respond"]
    if len(found) > 1:
        sys.exit(3)
    if found:  # else the configuration says where it is
        print(found[0])


if __name__ == "__main__":
    main()
