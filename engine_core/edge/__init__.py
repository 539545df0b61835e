"""What both servers share at their edge: signatures, session tokens, the API's words, sets that all workers see."""
