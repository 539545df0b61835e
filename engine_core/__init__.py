VERSION = "0.3.0.dev0"  # the only place that says so; pyproject.toml reads it
