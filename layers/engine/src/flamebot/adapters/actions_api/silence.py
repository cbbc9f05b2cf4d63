"""Why a call got no response, in words for operators."""

from __future__ import annotations

from typing import Final

import httpx

# By the name of the error's class, which is the text of a transport error of `DeadlineTransport`.
_CAUSES: Final = {
    "ConnectError": "no connection: it was refused, or the address is not known",
    "ConnectTimeout": "no connection within the time of a call",
    "PoolTimeout": "no connection was free within the time of a call",
    "ReadTimeout": "no response within the time of a call",
    "WriteTimeout": "the request could not be sent within the time of a call",
    "ReadError": "the connection broke before the response",
    "WriteError": "the connection broke while the request was sent",
    "RemoteProtocolError": "the connection ended without a response in HTTP",
    "LocalProtocolError": "the request cannot be sent as HTTP",
    "UnsupportedProtocol": "the address is not one of HTTP",
    "SSLError": "no connection: its certificate is not accepted",
    "SSLCertVerificationError": "no connection: its certificate is not accepted",
}


def silence(error: Exception) -> str:
    """Return a sentence that says why there was no response, and names no class."""
    name = str(error) if isinstance(error, httpx.TransportError) else type(error).__name__
    return f"The actions service did not respond: {_CAUSES.get(name, 'the connection failed')}."
