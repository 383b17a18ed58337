"""What a reaction raises when it cannot finish, named by who acts next."""

from uuid import UUID


class PluginError(Exception):
    """`message` is shown to the tenant's admin: one sentence, no secrets."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        # They cross from the child process of `context.blocking`.
        return (_rebuild, (type(self), self.__dict__))


class RetryLater(PluginError):
    """The machine acts: try again, after `seconds` if the remote said so, else with back-off."""

    def __init__(self, message: str, *, seconds: float | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.seconds = seconds


class Throttled(RetryLater):
    """The remote counts this connection's calls: the whole lane rests for `seconds`."""


class OutcomeUnknown(RetryLater):
    """The call was sent and no answer came: it may have happened. The next attempt looks before it sends again."""


class NeedsAttention(PluginError):
    """The office acts: map a tax code, rename a customer, reopen a period."""


class ReconnectNeeded(NeedsAttention):
    """The office acts: connect the integration again. Its deliveries wait and cost no attempts."""


class Rejected(PluginError):
    """Nobody can make this succeed as it is: a defect in the plugin or the data."""


class WaitFor(PluginError):
    """Another record has to be linked first; costs no attempts and wakes when it is."""

    def __init__(self, entity: str, entity_id: UUID) -> None:
        super().__init__(f"Waits until {entity.replace('_', ' ')} {entity_id} is linked.")
        self.entity = entity
        self.entity_id = entity_id


def _rebuild(kind: type[PluginError], state: dict[str, object]) -> PluginError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["message"],)
    return error
