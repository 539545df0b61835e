"""What can go wrong on the way into the engine. Non-goals: refusals by the engine, which are events."""


class GatewayError(RuntimeError):
    """The gateway cannot be used any more; the message says why and what to do."""


class OutcomeUnknown(RuntimeError):
    """The command may or may not be executed: Redis or the engine did not answer in time."""


class Overloaded(RuntimeError):
    """The command was not appended, because too much is waiting already; the message says what."""
