# Stands in for SOAR's module of that name, as far as the app uses it.
class ActionResult:
    def __init__(self, param=None):
        self.param, self.data, self.summary, self.status, self.message = param, [], {}, None, ""

    def add_data(self, item):
        self.data.append(item)

    def update_summary(self, summary):
        self.summary.update(summary)
        return self.summary

    def set_status(self, status, message=""):
        self.status, self.message = status, message.format()
        return status
