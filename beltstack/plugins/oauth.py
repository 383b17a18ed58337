"""Connecting by OAuth: the core keeps state, proof and credentials; the plugin knows the remote's two addresses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from beltstack.plugins.context import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What the remote's page of consent has to be asked with; it comes back to `redirect_uri` with `state`.

    `code_challenge` is PKCE's, made with S256, for remotes that know it.
    """

    state: str
    redirect_uri: str
    code_challenge: str
    settings: Any

    def settings_as(self, kind: type[T]) -> T:
        """The integration's settings as the plugin's own dataclass."""
        assert isinstance(self.settings, kind), f"the manifest names {type(self.settings).__name__} as its settings"
        return self.settings


@dataclass(frozen=True, slots=True)
class ConnectAnswer:
    """What the remote came back with. `parameters` are its others, like a company's id, as sent: check them."""

    code: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    parameters: Mapping[str, str]


class ConnectsByOAuth(ABC):
    """A second parent for plugins whose credentials come from a page of consent."""

    @abstractmethod
    def authorize_url(self, ask: ConnectRequest) -> str:
        """Where the admin's browser is sent. Pure; its settings' secrets are left out."""

    @abstractmethod
    async def connect(self, answer: ConnectAnswer, connection: Connection) -> Any:
        """Exchange the code: the manifest's credentials, which the core seals. Raises PluginErrors; 20 s.

        A code counts once, so this is called once for each; `connection.credentials` may hold older ones, or none.
        """
