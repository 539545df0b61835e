"""The arrays of the state, their records, and how an order's codes are packed."""
