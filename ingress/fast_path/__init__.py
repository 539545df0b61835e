"""The short way of plain orders: one kernel reads the request, the answer is written from the feed."""
