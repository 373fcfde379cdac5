"""Client of the HTTP service: `Client` and `AsyncClient`, with a method for each endpoint.

>>> from recsys.client import Client, shopper_token
"""

from __future__ import annotations

from recsys.service.client import AsyncClient, Client, ServiceError, StreamEvent
from recsys.service.keys import shopper_token

__all__ = ["AsyncClient", "Client", "ServiceError", "StreamEvent", "shopper_token"]
