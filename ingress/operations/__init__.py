"""What each route does, free of HTTP: orders, accounts, market data, transfers, administration."""
