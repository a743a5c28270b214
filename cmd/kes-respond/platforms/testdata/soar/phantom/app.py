# Stands in for SOAR's module of that name, as far as the app uses it.
APP_SUCCESS = True
APP_ERROR = False
