"""How the packages are installed that only some commands need."""


def how_to_install(extra: str) -> str:
    return f"pip install 'exchange-….whl[{extra}]' with the wheel's own name; in a checkout: make setup-dev"
