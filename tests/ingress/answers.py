"""What tests say about answers over HTTP."""

import httpx


def error_of(response: httpx.Response) -> tuple[int, str]:
    """(status, code) of a refusal, which has a message, too, and nothing else."""
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"code", "message"}
    return response.status_code, response.json()["code"]
