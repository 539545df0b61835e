VERSION = "0.1.0"  # the only place that says so; pyproject.toml reads it
