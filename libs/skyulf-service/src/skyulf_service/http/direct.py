"""Routes without FastAPI's work between request and endpoint, for the one or two whose microseconds count."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from skyulf_service.http.json_body import StrictRoute, admit


class DirectRoute(StrictRoute):
    """A route whose endpoint gets the request and the path's parameters as they are, and returns a response.

    Identity, permission and size are checked as on every route, and the endpoint's signature is its documentation, but
    nothing is validated by it and no dependencies are solved: the endpoint calls `identify` and `read_json` itself.
    """

    # The signature is FastAPI's.
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check, then call the endpoint."""
        endpoint = self.endpoint

        async def direct(request: Request) -> Response:
            await admit(request)
            answer: Response = await endpoint(request=request, **request.path_params)
            return answer

        return direct
