"""Who asks, and how much they may: signatures and sessions, used signatures, rate limits."""
