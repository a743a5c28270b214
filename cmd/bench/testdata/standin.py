"""Makes with requests the four calls that one isolateHost command makes of KSC.

Written for this benchmark, as one would write such a script. It checks nothing.
"""

import base64
import datetime
import json
import os

import requests


def b64(text):
    return base64.b64encode(text.encode()).decode()


base = "https://%s:%s/api/v1.0/" % (os.environ["kscHost"], os.environ["kscPort"])
session = requests.Session()
session.verify = os.environ["kscCert"]


def post(method, args, **headers):
    answer = session.post(base + method, json=args, headers=headers)
    answer.raise_for_status()
    return answer.json().get("PxgRetVal")


session.headers["X-KSC-Session"] = post(
    "Session.StartSession",
    {},
    Authorization='KSCBasic user="%s", pass="%s", internal="0"'
    % (b64(os.environ["kscUser"]), b64(os.environ["kscPassword"])),
)
body = {
    "targetHost": "host",
    "task": "isolateHost",
    "params": {"action": 1},
    "responseEventIncident": True,
    "responseEventIncidentArea": "KUMA",
}
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
incident = post(
    "HostGroup.AddIncident",
    {
        "pData": {
            "KLINCDT_SEVERITY": 2,
            "KLHST_WKS_HOSTNAME": "host",
            "KLINCDT_ADDED": {"type": "datetime", "value": now},
            "KLINCDT_BODY": json.dumps(body),
        }
    },
)
post(
    "HostGroup.UpdateIncident",
    {"nId": incident, "pData": {"KLHST_WKS_HOSTNAME": "host", "KLINCDT_IS_HANDLED": False}},
)
post("Session.EndSession", {})
print(incident)
