"""Why nobody answered, in words, and what to do."""

from __future__ import annotations

from textwrap import shorten

from botocore import exceptions
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError

PAGE = "docs/how-to/check-an-account.md"
LOG_IN = "log in: aws sso login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID with its secret"

_NONE = (
    exceptions.ConfigParseError,
    exceptions.CredentialRetrievalError,
    exceptions.InvalidConfigError,
    exceptions.LoginError,
    exceptions.MetadataRetrievalError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
    exceptions.UnknownCredentialError,
)
"""There are none that could be sent: a profile that is not there, a session that has run out, …"""

_FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_REFUSED = frozenset(
    {
        "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
        "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
        "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
    }
)  # fmt: skip
_TOO_MUCH = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)


def refused(error: Exception) -> str | None:
    """What is wrong with the credentials, if that is what the error says."""
    match error:
        case NoCredentialsError():
            return "there are no credentials on this machine"
        case ClientError() if code(error) in _REFUSED:
            return f"AWS does not take them: {message(error)}"
    return str(error) if isinstance(error, _NONE) else None


def why(error: Exception) -> tuple[str, str]:
    """What happened, and what to do."""
    if refused(error):
        # Those of a region that is not enabled are not taken either.
        return "the credentials are not taken", "see credentials and region"
    match error:
        case ClientError() if code(error) in _FORBIDDEN:
            asked = error.operation_name
            return f"no permission for {asked}", f"allow the caller what {PAGE} lists"
        case ClientError() if code(error) in _TOO_MUCH:
            return "AWS has too many requests of this account", "run it again in a minute"
        case ClientError():
            return f"AWS answers {error.operation_name}: {message(error)}", "run it again"
        case exceptions.ConnectionError() | HTTPClientError():
            return f"no answer: {error}", "look at the network, and run it again"
    return f"an answer that cannot be read: {type(error).__name__}: {error}", "report it"


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    details = error.response.get("Error", {})
    return shorten(str(details.get("Message") or details.get("Code") or error), 200)
