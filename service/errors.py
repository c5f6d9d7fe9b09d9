"""Every error that moodline raises on purpose.

MoodlineError
├── StartError            the process refuses to start; one line for the operator
│   ├── BadSettings
│   ├── BadModel
│   ├── BadDatabase
│   └── BadPlaybook       one line for each fault of the file
├── Refused               nothing is sent to such an address; told as the outcome of a delivery
├── NotSwitched           what `churn fit` learned is no better than the scorecard, or too little is known
└── RequestError          answered to the caller as problem+json (RFC 9457), with the status below
    ├── BadRequest        400   the body is no JSON, or no UTF-8
    ├── Unauthorized      401   no key, or a wrong one
    ├── BadSignature      401   a webhook's signature is wrong, missing or old
    ├── Forbidden         403   the key lacks the scope, or a setting keeps it shut
    ├── NotFound          404
    ├── Conflict          409
    ├── BodyTooLarge      413
    ├── UnsupportedMediaType  415
    ├── Invalid           422   names the fields
    └── Unavailable       503   try again after a while
"""


class MoodlineError(Exception):
    pass


class StartError(MoodlineError):
    pass


class BadSettings(StartError):
    pass


class BadModel(StartError):
    pass


class BadDatabase(StartError):
    pass


class BadPlaybook(StartError):
    pass


class Refused(MoodlineError):
    pass


class NotSwitched(MoodlineError):
    pass


class RequestError(MoodlineError):
    """`errors` lists {"index": place in the array or None, "field": dotted path, "message": text}."""

    status, title = 500, "Error"

    def __init__(self, detail, errors=(), headers=None):
        super().__init__(detail)
        self.detail, self.errors, self.headers = detail, list(errors), dict(headers or {})


class BadRequest(RequestError):
    status, title = 400, "Bad request"


class Unauthorized(RequestError):
    status, title = 401, "Unauthorized"

    def __init__(self, detail):
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class BadSignature(RequestError):
    status, title = 401, "Bad signature"


class Forbidden(RequestError):
    status, title = 403, "Forbidden"


class NotFound(RequestError):
    status, title = 404, "Not found"


class Conflict(RequestError):
    status, title = 409, "Conflict"


class BodyTooLarge(RequestError):
    status, title = 413, "Body too large"


class UnsupportedMediaType(RequestError):
    status, title = 415, "Unsupported media type"


class Invalid(RequestError):
    status, title = 422, "Invalid input"


class Unavailable(RequestError):
    status, title = 503, "Service unavailable"

    def __init__(self, detail, retry_after_s):
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


# Marks of FastAPI and pydantic in an error's place that are no fields of the sender's.
_MARKS = {"body", "query", "path", "header", "one", "many"}


def faults_of(pydantic_errors):
    """RequestError.errors of pydantic's list of errors; what was sent is not quoted."""
    faults = []
    for fault in pydantic_errors:
        place = list(fault["loc"])
        while place and place[0] in _MARKS:
            place.pop(0)
        index = place.pop(0) if place and isinstance(place[0], int) else None
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
        faults.append({"index": index, "field": field or "body", "message": fault["msg"].removeprefix("Value error, ")})
    return faults
