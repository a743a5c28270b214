import demistomock as demisto  # noqa: F401
from CommonServerPython import *  # noqa: F401

import json
import subprocess

# A thin layer: kes-respond does all of it. It gets one JSON document on standard
# input, the password in it, and answers with one.

TASKS = {
    "kes-delete-file": ("deleteFile", ["md5hash", "sha256hash", "path", "searchInSubfolders"]),
    "kes-get-file": ("getFile", ["md5hash", "sha256hash", "path"]),
    "kes-ioc-scan": ("iocScan", ["ioc", "isolateHost", "scanCriticalAreas", "quarantineObject"]),
    "kes-isolate-host": ("isolateHost", ["action"]),
    "kes-on-demand-scan": ("onDemandScan", ["enabled", "path", "recursive", "type"]),
    "kes-prevent-execution": ("preventExecution", ["hash", "path", "caseSensitive"]),
    "kes-quarantine-file": ("quarantineFile", ["md5hash", "sha256hash", "path"]),
    "kes-start-process": ("startProcess", ["executablePath", "arguments", "workingFolder"]),
    "kes-terminate-process": ("terminateProcess", ["md5hash", "sha256hash", "path", "caseSensitive"]),
}
MEMBERS = ["hostLookup", "idempotencyKey", "allowDuplicate", "marker", "reason", "timeout"]
PROGRAM_TIME = 900  # the program ends by itself long before


def connection(params):
    account = params.get("credentials") or {}
    names = ["kscHost", "kscPort", "kscCert", "kscDomain", "kscInternalUser", "kscVServer"]
    found = {name: params[name] for name in names if params.get(name) not in (None, "")}
    found.update(kscUser=account.get("identifier"), kscPassword=account.get("password"))
    return found


def ask(params, document):
    """Gives kes-respond's answer. What goes wrong on the way counts as not known."""
    document["connection"] = connection(params)
    program = params.get("program") or "/usr/local/bin/kes-respond"
    lost = {"exit": 5, "outcome": "unknown", "result": {"task": document.get("task")}}
    try:
        done = subprocess.run([program, "as", "form"], input=json.dumps(document), capture_output=True, text=True, timeout=PROGRAM_TIME)
    except OSError as e:
        return dict(lost, exit=69, outcome="failed", message="%s cannot be started: %s; nothing was sent" % (program, e.strerror))
    except subprocess.TimeoutExpired:
        return dict(lost, message="kes-respond did not answer: it may have happened. Look in the KSC console")
    try:
        return json.loads(done.stdout)
    except ValueError:
        return dict(lost, message="kes-respond went away without an answer: it may have happened. Look in the KSC console")


def context(reply):
    result = reply.get("result") or {}
    incident = result.get("incident") or {}
    found = {"ID": reply.get("id"), "Task": result.get("task"), "Outcome": reply.get("outcome"), "Message": reply.get("message"),
             "Code": (result.get("error") or {}).get("code"), "Incident": incident.get("id"), "DuplicateOf": result.get("duplicateOf"),
             "ConsoleTask": (result.get("consoleTask") or {}).get("state")}
    host = result.get("host") or {}
    endpoint = {"ID": host.get("id"), "Hostname": host.get("name"), "Vendor": "Kaspersky"} if host else None
    return {name: value for name, value in found.items() if value}, endpoint


def respond(command, args, params):
    task, names = TASKS[command]
    hosts = argToList(args.get("targetHost"))
    if not hosts:
        raise DemistoException("targetHost names no host; nothing was sent")
    if len(hosts) > 1 and params.get("several") not in (True, "true"):
        raise DemistoException("targetHost names %d hosts, and this instance allows one; nothing was sent" % len(hosts))
    own = {name: args[name] for name in names if args.get(name) is not None}
    if args.get("params") and any(own.values()):
        raise DemistoException("params and an argument of its own exclude each other; nothing was sent")
    outputs, failed = [], []
    for host in hosts:  # one that fails keeps no other from being done
        document = {"request": "respond", "task": task, "targetHost": host, "actor": "Cortex XSOAR"}
        document.update({name: args[name] for name in MEMBERS if args.get(name)})
        if args.get("idempotencyKey") and len(hosts) > 1:
            document["idempotencyKey"] = "%s-%s" % (args["idempotencyKey"], host)
        document["dryRun"] = args.get("dryRun") or params.get("dryRun") or "false"
        document["params"] = args.get("params") or own
        reply = ask(params, document)
        request, endpoint = context(reply)
        if reply["exit"] != 0:
            failed.append("%s: %s: %s" % (host, reply.get("outcome"), reply.get("message")))
        outputs.append((host, request, endpoint, reply))
    if len(failed) == len(hosts):
        raise DemistoException("\n".join(failed))
    lines = ["%s: %s. %s" % (host, request.get("Outcome"), request.get("Message", "")) for host, request, _, _ in outputs]
    return CommandResults(
        readable_output="\n".join(lines),
        outputs={"KES.Request(val.ID && val.ID == obj.ID)": [request for _, request, _, _ in outputs],
                 "Endpoint(val.ID && val.ID == obj.ID)": [endpoint for _, _, endpoint, _ in outputs if endpoint]},
        raw_response=[reply for _, _, _, reply in outputs],
    )


def status(args, params):
    """Looks once. While the end is not known XSOAR is asked to run it again; when
    the time is up, or the end is not that the host has done it, that is an error."""
    reply = ask(params, {"request": "status", "incident": args.get("incident")})
    outcome, message, result = reply.get("outcome"), reply.get("message"), reply.get("result") or {}
    if result.get("incident"):
        request, _ = context(reply)
        request["Incident"] = args.get("incident")
        outputs = {"KES.Request(val.Incident && val.Incident == obj.Incident)": request}
        again = outcome == "pending" and request.get("Code") != "task_ambiguous"  # to ask again would tell no more of that
    else:  # the look has failed, and nothing is known of the request
        outcome, outputs, again = "not known", None, (result.get("error") or {}).get("retryable")
    text = "%s: %s" % (outcome, message)
    results = CommandResults(readable_output=text, outputs=outputs, raw_response=reply)
    if outcome == "succeeded":
        return results, None
    interval = arg_to_number(args.get("interval_in_seconds")) or 30
    left = arg_to_number(args.get("timeout_in_seconds")) or 1800
    if not again or left <= interval:
        return results, text
    ScheduledCommand.raise_error_if_not_supported()
    results.scheduled_command = ScheduledCommand(
        command="kes-request-status", next_run_in_seconds=interval,
        args={"incident": args.get("incident"), "interval_in_seconds": interval, "timeout_in_seconds": left - interval},
        timeout_in_seconds=left)
    return results, None


def main():
    params, command = demisto.params(), demisto.command()
    try:
        handle_proxy()  # into the environment, which kes-respond reads, or out of it
        if command == "test-module":
            reply = ask(params, {"request": "check"})
            if reply["exit"] != 0:
                raise DemistoException(reply.get("message"))
            return_results("ok")
        elif command == "kes-request-status":
            results, error = status(demisto.args(), params)
            return_results(results)
            if error:
                return_error(error)
        elif command in TASKS:
            return_results(respond(command, demisto.args(), params))
        else:
            raise NotImplementedError("%s is no command of this integration" % command)
    except Exception as e:  # noqa: BLE001
        return_error("Failed to execute %s. %s" % (command, e))


if __name__ in ("__main__", "__builtin__", "builtins"):
    main()
