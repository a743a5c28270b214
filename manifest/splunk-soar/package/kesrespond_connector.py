# A thin layer: kes-respond, beside this file, does all of it. It gets one JSON
# document on standard input, the password in it, and answers with one.
import json
import os
import subprocess
import sys

import phantom.app as phantom
from phantom.action_result import ActionResult
from phantom.base_connector import BaseConnector

# The parameters of each task; all others are members of the request.
TASKS = {
    "deleteFile": ["md5hash", "sha256hash", "path", "searchInSubfolders"],
    "getFile": ["md5hash", "sha256hash", "path"],
    "iocScan": ["ioc", "isolateHost", "scanCriticalAreas", "quarantineObject"],
    "isolateHost": ["action"],
    "onDemandScan": ["enabled", "path", "recursive", "type"],
    "preventExecution": ["hash", "path", "caseSensitive"],
    "quarantineFile": ["md5hash", "sha256hash", "path"],
    "startProcess": ["executablePath", "arguments", "workingFolder"],
    "terminateProcess": ["md5hash", "sha256hash", "path", "caseSensitive"],
}
CONNECTION = ["kscHost", "kscPort", "kscCert", "kscUser", "kscPassword", "kscDomain", "kscInternalUser", "kscVServer"]
MEMBERS = ["targetHost", "params", "dryRun", "wait", "timeout", "hostLookup", "idempotencyKey", "allowDuplicate", "marker", "reason", "caseId", "incident"]
PROGRAM_TIME = 3600  # the program ends by itself before
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kes-respond")


class KESRespondConnector(BaseConnector):

    def initialize(self):
        return phantom.APP_SUCCESS

    def finalize(self):
        return phantom.APP_SUCCESS

    def _ask(self, document):
        """Gives kes-respond's answer. What goes wrong on the way counts as not known."""
        config = self.get_config()
        document["connection"] = {name: config[name] for name in CONNECTION if config.get(name) not in (None, "")}
        environment = dict(os.environ)
        if not environment.get("STATE_DIRECTORY"):
            environment["STATE_DIRECTORY"] = self.get_state_dir()
        try:
            done = subprocess.run([PROGRAM, "as", "form"], input=json.dumps(document), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  universal_newlines=True, timeout=PROGRAM_TIME, env=environment)
        except OSError as e:
            return {"exit": 69, "message": "kes-respond cannot be started: %s; nothing was sent" % e.strerror}
        except subprocess.TimeoutExpired:
            return {"exit": 5, "outcome": "unknown", "message": "kes-respond did not answer: it may have happened. Look in the KSC console"}
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"exit": 5, "outcome": "unknown", "message": "kes-respond went away without an answer: it may have happened. Look in the KSC console"}

    def _test(self, param):
        action_result = self.add_action_result(ActionResult(dict(param)))
        self.save_progress("Asking Kaspersky Security Center")
        reply = self._ask({"request": "check"})
        if reply["exit"] != 0:
            self.save_progress("Test Connectivity Failed")
            return action_result.set_status(phantom.APP_ERROR, self._text(reply))
        self.save_progress("Test Connectivity Passed")
        return action_result.set_status(phantom.APP_SUCCESS, self._text(reply))

    def _run(self, action, param):
        action_result = self.add_action_result(ActionResult(dict(param)))
        document = {name: param[name] for name in MEMBERS if param.get(name) not in (None, "")}
        if action == "status":
            document["request"] = "status"
        else:
            document.update(request="respond", task=action, actor="Splunk SOAR")
            if "params" not in document:
                document["params"] = {name: param[name] for name in TASKS[action] if param.get(name) not in (None, "")}
            elif any(param.get(name) not in (None, "") for name in TASKS[action]):
                return action_result.set_status(phantom.APP_ERROR, "params and a parameter by its own name exclude each other; nothing was sent")
        reply = self._ask(document)
        action_result.add_data(reply)
        action_result.update_summary({"outcome": reply.get("outcome", "unknown" if reply["exit"] == 5 else "refused")})
        asked = action == "status" and param.get("wait") != "done" and reply.get("outcome") == "pending"
        return action_result.set_status(phantom.APP_SUCCESS if reply["exit"] == 0 or asked else phantom.APP_ERROR, self._text(reply))

    @staticmethod
    def _text(reply):
        text = ": ".join(part for part in (reply.get("outcome"), reply.get("message")) if part)
        return text.replace("{", "{{").replace("}", "}}")  # SOAR fills messages in as templates

    def handle_action(self, param):
        action = self.get_action_identifier()
        if action == "test_connectivity":
            return self._test(param)
        if action == "status" or action in TASKS:
            return self._run(action, param)
        return self.set_status(phantom.APP_ERROR, "%s is no action of this app" % action)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:  # by hand, as SOAR's own apps have it
        print(KESRespondConnector()._handle_action(file.read(), None))
