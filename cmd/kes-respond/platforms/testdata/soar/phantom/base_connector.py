# Stands in for SOAR's module of that name, as far as the app uses it: the steps
# of a run, once for each set of parameters, and the JSON that SOAR keeps of it.
import json
import os

from phantom.app import APP_SUCCESS


class BaseConnector:
    def __init__(self):
        self._results, self._progress, self._status = [], [], (APP_SUCCESS, "")

    def get_config(self):
        return self._given["config"]

    def get_action_identifier(self):
        return self._given["identifier"]

    def get_state_dir(self):
        return os.environ["SOAR_STATE"]

    def add_action_result(self, result):
        self._results.append(result)
        return result

    def save_progress(self, text):
        self._progress.append(text)

    def set_status(self, status, message=""):
        self._status = (status, message)
        return status

    def _handle_action(self, document, _):
        self._given = json.loads(document)
        assert self.initialize()
        for param in self._given["parameters"]:
            self.handle_action(param)
        assert self.finalize()
        good = [r for r in self._results if r.status]
        return json.dumps({
            "status": self._status[0] and len(good) == len(self._results), "message": self._status[1], "progress": self._progress,
            "result_data": [{"status": "success" if r.status else "failed", "message": r.message, "parameter": r.param, "data": r.data, "summary": r.summary}
                            for r in self._results],
            "result_summary": {"total_objects": len(self._results), "total_objects_successful": len(good)},
        })
