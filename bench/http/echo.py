"""The yardstick of `bench http`: bare FastAPI routes with a pydantic body, as a beginner's exchange would start.

`python -m bench.http.echo PORT`. It verifies nothing, stores nothing and answers with what it was sent.
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    symbol: str
    side: str
    orderType: str
    price: str | None = None
    quantity: str | None = None
    timeInForce: str = "GTC"
    postOnly: bool = False
    clientId: int | None = None


@app.post("/api/v1/order")
async def echo(order: Order) -> Order:
    return order


@app.post("/api/v1/orders")
async def echo_batch(orders: list[Order]) -> list[Order]:
    return orders


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), http="httptools", loop="uvloop", log_level="error")
