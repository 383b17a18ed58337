"""Intuit's OAuth as far as a ledger needs it: codes, bearer tokens of one company, refresh tokens that rotate."""

import base64
import binascii
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from beltstack.demo.quickbooks.answers import Answer, NotAllowedIn

ACCESS_TOKEN_LIFE = timedelta(hours=1)
REFRESH_TOKEN_LIFE = timedelta(days=100)


class OAuth:
    """The tokens of one app at one company. `refresh_grace` is how long a rotated refresh token still answers."""

    def __init__(self, *, realm_id: str, clock: Callable[[], datetime]) -> None:
        self.client_id = f"AB{secrets.token_hex(12)}"
        self.client_secret = secrets.token_urlsafe(24)
        self.refresh_grace = timedelta(0)
        self._realm_id = realm_id
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, str] = {}
        self._access: dict[str, datetime] = {}
        self._refresh: dict[str, datetime] = {}
        self._successor: dict[str, str] = {}

    def connect(self) -> dict[str, str]:
        """Return a fresh pair, as if a person had clicked through."""
        with self._lock:
            pair = self._pair(self._new_refresh_token())
        return {
            "access_token": pair["access_token"],
            "refresh_token": pair["refresh_token"],
            "realm_id": self._realm_id,
        }

    def code(self, redirect_uri: str) -> str:
        """Return an authorization code for one exchange with the same redirect address."""
        with self._lock:
            code = f"XAB{secrets.token_urlsafe(24)}"
            self._codes[code] = redirect_uri
            return code

    def expire_access_tokens(self) -> None:
        """Make every access token given out so far too old."""
        with self._lock:
            self._access = dict.fromkeys(self._access, self._clock())

    def revoke(self) -> None:
        """Disconnect the app: no token given out so far works again."""
        with self._lock:
            for tokens in (self._codes, self._access, self._refresh, self._successor):
                tokens.clear()

    def check(self, authorization: str, realm_id: str) -> None:
        """Let a bearer token in; raises `NotAllowedIn` 401 unknown or expired, 403 for another company."""
        with self._lock:
            until = self._access.get(authorization.removeprefix("Bearer "))
            if until is None:
                raise NotAllowedIn(401, "Malformed bearer token: unknown or revoked")
            if until <= self._clock():
                raise NotAllowedIn(401, "Token expired")
        if realm_id != self._realm_id:
            raise NotAllowedIn(403, "The token was given for another company")

    def token(self, authorization: str, form: Mapping[str, str]) -> Answer:
        """Answer the token endpoint: authorization_code and refresh_token grants, client named by Basic."""
        if not self._is_client(authorization):
            return _refusal("invalid_client", status=401)
        with self._lock:
            match form.get("grant_type"):
                case "authorization_code":
                    known = self._codes.pop(form.get("code", ""), None)
                    token = (
                        self._new_refresh_token() if known is not None and known == form.get("redirect_uri") else None
                    )
                case "refresh_token":
                    token = self._rotated(form.get("refresh_token", ""))
                case _:
                    return _refusal("unsupported_grant_type")
            if token is None:
                return _refusal("invalid_grant", error_description="Incorrect or invalid refresh token")
            return Answer(200, self._pair(token))

    def revocation(self, authorization: str, token: str) -> Answer:
        """Answer the revocation endpoint; naming either token ends the whole connection."""
        if not self._is_client(authorization):
            return _refusal("invalid_client", status=401)
        with self._lock:
            known = token in self._access or token in self._refresh
        if not known:
            return _refusal("invalid_request")
        self.revoke()
        return Answer(200, "")

    def _pair(self, refresh_token: str) -> dict[str, Any]:
        access_token = secrets.token_urlsafe(48)
        self._access[access_token] = self._clock() + ACCESS_TOKEN_LIFE
        return {
            "token_type": "bearer",
            "access_token": access_token,
            "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
            "refresh_token": refresh_token,
            "x_refresh_token_expires_in": int(REFRESH_TOKEN_LIFE.total_seconds()),
        }

    def _new_refresh_token(self) -> str:
        token = f"RT1-{secrets.token_urlsafe(24)}"
        self._refresh[token] = self._clock() + REFRESH_TOKEN_LIFE
        return token

    def _rotated(self, token: str) -> str | None:
        """Return the token that follows, or None for one that is unknown, too old, or already followed."""
        if self._refresh.get(token, self._clock()) <= self._clock():
            return None
        if token in self._successor:  # within the grace: the answer that carried the new one may have been lost
            return self._successor[token]
        self._successor[token] = self._new_refresh_token()
        self._refresh[token] = self._clock() + self.refresh_grace
        return self._successor[token]

    def _is_client(self, authorization: str) -> bool:
        try:
            named = base64.b64decode(authorization.removeprefix("Basic "), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(named, f"{self.client_id}:{self.client_secret}".encode())


def _refusal(error: str, *, status: int = 400, **more: str) -> Answer:
    return Answer(status, {"error": error, **more}, media_type="application/json")


def discovery(url: str) -> dict[str, Any]:
    """Return Intuit's discovery document for a server at `url`."""
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/connect/oauth2",
        "token_endpoint": f"{url}/oauth2/v1/tokens/bearer",
        "revocation_endpoint": f"{url}/v2/oauth2/tokens/revoke",
        "userinfo_endpoint": f"{url}/v1/openid_connect/userinfo",
        "jwks_uri": f"{url}/op/v1/jwks",
        "response_types_supported": ["code"],
        "scopes_supported": ["com.intuit.quickbooks.accounting"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
