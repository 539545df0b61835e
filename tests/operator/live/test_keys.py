"""`exchange keys create --name`: the name is in the database before there is the key, or there is none."""

import base64
import json

import psycopg

from tests.exchange import Exchange


def test_a_key_of_the_command_line_has_its_name(odd_exchange: Exchange) -> None:
    done = odd_exchange.command("keys", "create", "--account", "2", "--name", "desk 3 ü")
    assert done.returncode == 0, done
    made = json.loads(done.stdout)
    with psycopg.connect(odd_exchange.run["database"]) as connection:
        query = "select name, last_used from key_notes where public_key = %s"
        assert connection.execute(query, (base64.b64decode(made["apiKey"]),)).fetchall() == [("desk 3 ü", None)]


def test_keys_are_listed_with_their_names(odd_exchange: Exchange) -> None:
    made = odd_exchange.command("keys", "create", "--account", "3", "--permissions", "read", "--name", "listed")
    key = json.loads(made.stdout)["apiKey"]
    done = odd_exchange.command("keys", "list", "--account", "3", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["apiKey"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows[key]["permissions"] == ["read"] and rows[key]["name"] == "listed" and rows[key]["lastUsedAt"] is None
    assert {row["account"] for row in rows.values()} == {3}
    shown = odd_exchange.command("keys", "list").stdout
    assert key in shown and "listed" in shown and "last used" in shown


def test_what_is_no_name_makes_no_key(odd_exchange: Exchange) -> None:
    for name in ("", " desk", "x" * 41, "a\nb", "\u202edesk"):
        done = odd_exchange.command("keys", "create", "--account", "2", f"--name={name}")
        assert (done.returncode, done.stdout) == (1, "") and "1 to 40 printable characters" in done.stderr, done
        assert "Traceback" not in done.stderr
