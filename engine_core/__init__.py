VERSION = "0.2.0"  # the only place that says so; pyproject.toml reads it
