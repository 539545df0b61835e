"""The container files, checked by what needs no daemon: their schema, a linter, and each other."""

import json
import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from engine_core import VERSION
from engine_core.config.exchange_toml import PROFILES
from engine_core.config.redis_url import sentinel_url
from tests.attacks.proxy import adapted, shipped
from tests.docker.compose import DOCKER, ROOT, SECRETS, TWO_SHARDS, compose, image_environment, interpolate, ours


def tool(name: str) -> str:
    """A program of the venv, or of the system."""
    own = Path(sys.executable).with_name(name)
    found = str(own) if own.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def answering(folder: Path, name: str, answer: str) -> dict[str, str]:
    """An environment in which the program `name` prints `answer` and is content, as valkey-cli is with an error."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_the_compose_file_fits_the_specification() -> None:
    specification = pytest.importorskip("compose_spec")
    for whole in (compose(), compose(TWO_SHARDS)):
        read = specification.PyCompose.from_yaml(yaml.safe_dump(whole))
        assert set(read.service_names()) == set(whole["services"])
    alone = (DOCKER / "compose.shards.yaml").read_text(encoding="utf-8")
    specification.PyCompose.from_yaml(interpolate(alone, {}))
    with pytest.raises(ValueError, match="imagee"):  # it does look
        specification.PyCompose.from_yaml("services: {x: {imagee: y}}")


def test_the_dockerfile_has_nothing_to_complain_about() -> None:
    done = subprocess.run([tool("hadolint"), "--no-color", str(DOCKER / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_images_are_pinned_and_ours_is_not_root() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    bases = re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    images = [service["image"] for service in compose()["services"].values()]
    for image in [*bases, *images]:
        assert re.search(r":v?\d+\.\d+\.\d+", image), f"{image} is not pinned to a version"
    assert compose()["services"]["engine"]["image"] == f"exchange:{VERSION}"
    assert f"-t exchange:{VERSION} ." in dockerfile
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert "uid=10001,gid=10001" in compose()["volumes"]["runtime"]["driver_opts"]["o"]


def test_passwords_have_no_default() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    for name in SECRETS:
        with pytest.raises(KeyError, match=name):
            interpolate(text, {other: "p" for other in SECRETS if other != name})


def test_the_example_of_the_env_file_has_every_variable_and_its_default() -> None:
    text = "".join((DOCKER / name).read_text(encoding="utf-8") for name in TWO_SHARDS)
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DOCKER / "env.example").read_text(), re.MULTILINE))
    used = dict(re.findall(r"\$\{([A-Z_]+)(?::-([^$}]*))?", text))
    assert {*example} ^ {*used} == {"COMPOSE_PROFILES"}, "Compose itself reads that"
    for name, value in used.items():
        assert name in SECRETS or name == "LOG_URL" or example[name] == value, name


def test_every_process_reads_the_same_configuration() -> None:
    for name, service in ours(TWO_SHARDS, CONFIGURATION="./mine.toml").items():
        assert service["configs"] == [{"source": "configuration", "target": image_environment()["EXCHANGE_CONFIG"]}], (
            name
        )
    assert compose(CONFIGURATION="./mine.toml")["configs"]["configuration"]["file"] == "./mine.toml"
    assert (DOCKER / compose()["configs"]["configuration"]["file"]).resolve() == ROOT / "exchange.toml"


def test_a_session_secret_that_is_too_short_is_named(tmp_path: Path) -> None:
    """Compose only sees that it is not empty."""
    given = image_environment() | compose(SESSION_SECRET="tooshort")["services"]["ingress"]["environment"]
    here = {"EXCHANGE_CONFIG": str(ROOT / "exchange.toml"), "EXCHANGE_WORKER": "0", "PYTHONPATH": str(ROOT)}
    here |= {"EXCHANGE_DATA": str(tmp_path), "EXCHANGE_RUNTIME": str(tmp_path), "PATH": os.environ["PATH"]}
    kept = {name: os.environ[name] for name in ("HOME", "EXCHANGE_CACHE_DIR") if name in os.environ}
    command = [sys.executable, "-P", "-m", "ingress"]
    done = subprocess.run(command, env={**given, **here, **kept}, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "EXCHANGE_SESSION_SECRET: must be at least 32 hexadecimal digits" in done.stderr


@pytest.mark.parametrize("name", sorted(ours(TWO_SHARDS)))
def test_every_process_is_confined_and_stops_gracefully(name: str) -> None:
    service = ours(TWO_SHARDS)[name]
    assert service["stop_grace_period"] == "10s"
    if name != "admin":
        assert service["command"][:3] == ["python", "-P", "-m"]
        module = service["command"][3].replace(".", "/")
        assert (ROOT / f"{module}.py").is_file() or (ROOT / module / "__main__.py").is_file()
    targets = {volume.split(":")[1] for volume in service.get("volumes", ())}
    environment = image_environment()
    assert {environment[key] for key in ("EXCHANGE_DATA", "EXCHANGE_RUNTIME")} >= targets
    writable = {volume.split(":")[1] for volume in service.get("volumes", ()) if not volume.endswith(":ro")}
    assert ("/data" in writable) == (name.removesuffix("-1") in ("engine", "standby", "setup", "admin"))


def test_each_shard_has_processes_of_its_own_and_all_others_know_how_many_there_are() -> None:
    two = compose(TWO_SHARDS, SHARDS="2")["services"]
    own = {name for name, service in two.items() if (service.get("environment") or {}).get("EXCHANGE_SHARD") == "1"}
    assert own == {"engine-1", "standby-1", "writer-1"}
    for name in own:
        first = two[name.removesuffix("-1")]
        assert two[name]["environment"] == {**first["environment"], "EXCHANGE_SHARD": "1"}
    assert two["engine-1"]["cpuset"] != two["engine"]["cpuset"]
    assert {service["environment"]["EXCHANGE_SHARDS"] for service in ours(TWO_SHARDS, SHARDS="2").values()} == {"2"}
    assert two["setup"]["depends_on"].keys() == {"engine", "engine-1"}
    assert {name: service for name, service in two.items() if name not in (*own, "setup")} == {
        name: service for name, service in compose(SHARDS="2")["services"].items() if name != "setup"
    }


def test_nothing_runs_with_more_than_it_needs() -> None:
    for name, service in compose(TWO_SHARDS)["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] and service["mem_limit"], name
    script = (DOCKER / "database" / "create-user.sh").read_text()
    assert "NOSUPERUSER" in script and compose()["services"]["database"]["environment"]["POSTGRES_USER"] != "exchange"
    for service in compose()["services"].values():  # arguments can be read by every process of the machine
        assert not any(secret.lower() in str(service.get("command")) for secret in SECRETS)


def test_the_default_is_a_venue_behind_its_own_proxy() -> None:
    assert image_environment()["EXCHANGE_PROFILE"] == "venue" and "venue" in PROFILES
    subnet = compose()["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    for name in ("ingress", "egress"):
        environment = compose()["services"][name]["environment"]
        assert (environment["EXCHANGE_PROFILE"], environment["EXCHANGE_TRUSTED_PROXIES"]) == ("venue", subnet)


def test_only_the_proxy_is_reachable_from_outside() -> None:
    for name, service in compose()["services"].items():
        assert ("ports" in service) == (name in ("proxy", "grafana")), name
        assert "container_name" not in service, "or there could be no copies"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert compose()["networks"]["inside"]["internal"] is True


def test_the_engine_has_a_core_of_its_own_and_the_log_never_evicts() -> None:
    services = compose()["services"]
    assert services["engine"]["cpuset"] == "1"
    assert services["valkey"]["environment"]["VALKEY_FSYNC"] == "everysec"
    command = (DOCKER / "valkey" / "server.sh").read_text()
    for setting in ("--appendonly yes", '--appendfsync "$VALKEY_FSYNC"', "--maxmemory-policy noeviction", '--save ""'):
        assert setting in command


def test_servers_and_sentinels_of_the_log_differ_in_name_and_volume_alone() -> None:
    services = compose()["services"]
    for kind, names in (("server", ("valkey", "valkey-2", "valkey-3")), ("sentinel", [f"sentinel-{n}" for n in "123"])):
        for name in names:
            assert services[name]["command"] == ["sh", f"/opt/valkey/{kind}.sh"]
            assert services[name]["environment"]["ANNOUNCE"] == name
            assert ("profiles" in services[name]) == (name != "valkey")
        assert len({services[name]["volumes"][0] for name in names}) == 3
        hosts = {name: services[name]["networks"]["inside"]["ipv4_address"] for name in names}
        for name, service in services.items():
            if "REDIS_URL" in service.get("environment", {}) or name in names:
                assert hosts.items() <= service["extra_hosts"].items(), f"{name} asks a resolver for who may be down"
    example = (DOCKER / "env.example").read_text()
    (address,) = re.findall(r"^# LOG_URL=(\S+)$", example, re.MULTILINE)
    asked = sentinel_url(interpolate(address, {"VALKEY_PASSWORD": "p"}))
    assert {host for host, _ in asked.sentinels} == {"sentinel-1", "sentinel-2", "sentinel-3"}
    assert (asked.name, asked.password, compose(LOG_URL="there")["services"]["engine"]["environment"]["REDIS_URL"]) == (
        "exchange",
        "p",
        "there",
    )


def test_addresses_that_are_given_out_are_of_hosts_and_not_those_that_are_fixed() -> None:
    """Podman took the last of a range for a host's, and a container that had the broadcast address reached nobody."""
    inside = compose()["networks"]["inside"]["ipam"]["config"][0]
    subnet, given = ip_network(inside["subnet"]), ip_network(inside["ip_range"])
    assert subnet.supernet_of(given)  # type: ignore[arg-type]
    assert not {subnet.network_address, subnet.broadcast_address} & {*given}
    services = compose()["services"]
    networks = [service["networks"]["inside"] for service in services.values() if isinstance(service["networks"], dict)]
    fixed = [ip_address(each["ipv4_address"]) for each in networks]
    assert fixed and not {*fixed} & {*given}
    assert given.num_addresses > 2 * len(services)


def test_everybody_waits_for_what_it_needs() -> None:
    services = compose()["services"]
    wanted = {
        "setup": {"engine": "service_healthy"},
        "writer": {"setup": "service_completed_successfully", "database": "service_healthy"},
        "market-maker": {"ingress": "service_healthy", "egress": "service_healthy"},
        "proxy": {"ingress": "service_healthy", "egress": "service_healthy"},
    }
    for name, needs in wanted.items():
        assert {need: how["condition"] for need, how in services[name]["depends_on"].items()} == needs


def test_up_works_while_the_first_server_of_the_log_is_dead() -> None:
    """After a fail-over: the log is alive elsewhere, and nobody may wait for the server that had it first."""
    services = compose()["services"]
    servers = {"valkey", "valkey-2", "valkey-3", "sentinel-1", "sentinel-2", "sentinel-3"}
    for name, service in services.items():
        for need, how in service.get("depends_on", {}).items() if isinstance(service.get("depends_on"), dict) else ():
            if need in servers:
                assert how == {"condition": "service_started", "required": False}, f"{name} waits for {need}"
    assert {*services["engine"]["depends_on"]} == servers, "they stop after it: it appends until the last moment"
    for name in servers - {"valkey"}:
        assert "depends_on" not in services[name]


@pytest.mark.parametrize("answer", ["PONG", "NOAUTH Authentication required.", "LOADING Valkey is loading"])
def test_servers_and_sentinels_are_healthy_when_they_say_so(tmp_path: Path, answer: str) -> None:
    for name in ("valkey", "valkey-2", "sentinel-1"):
        kind, *command = compose()["services"][name]["healthcheck"]["test"]
        done = subprocess.run(command, env=answering(tmp_path, "valkey-cli", answer))
        assert kind == "CMD" and (done.returncode == 0) == (answer == "PONG"), name


def test_an_upgrade_renews_one_process_after_the_other(tmp_path: Path) -> None:
    """docker/upgrade.sh with a docker that writes down what it is asked to do; there are two of ingress."""
    calls, program = tmp_path / "calls", tmp_path / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\n'
        'case "$*" in *"ps --quiet ingress") printf "i1\\ni2\\n";; *"ps --quiet "*) echo c1;; esac\n'
    )
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([DOCKER / "upgrade.sh"], env=environment, check=True, capture_output=True)
    said = [line.removeprefix(f"compose -f {DOCKER}/compose.yaml ") for line in calls.read_text().splitlines()]
    said = [line for line in said if not line.startswith("ps")]
    up = "up --detach --no-deps --no-build"
    (settings,) = re.findall(r"exec nginx -c (\S+)", (DOCKER / "proxy" / "start.sh").read_text())
    look = f"exec -T proxy nginx -c {settings} -s reload"
    copy = [f"{up} --no-recreate --wait --scale ingress=3 ingress", look, "stop i1", "rm i1", look]
    assert said[:4] == [
        f"{up} --wait standby",
        f"{up} --wait engine",
        "run --rm -T --no-deps setup",
        f"{up} --wait writer",
    ]
    assert said[4:14] == copy + [line.replace("i1", "i2") for line in copy]
    assert [line.replace("egress=2 egress", "…") for line in said[14:]] == [
        f"{up} --no-recreate --wait --scale …",
        *(look, "stop c1", "rm c1", look),
    ]
    named = {line.split()[-1] for line in said if line.startswith(("up", "run"))}
    assert named < {*ours()}, "the log, the database and the door are left alone"


def test_commands_of_the_readme_are_of_this_file() -> None:
    text = (DOCKER / "README.md").read_text(encoding="utf-8")
    assert text.count("docker compose") == text.count("alias compose='docker compose -f docker/compose.yaml'") == 1
    named = re.findall(
        r"compose (?:exec|restart|run --rm(?: --no-deps)?|up --detach --no-deps --wait) ([a-z][\w-]*)", text
    )
    assert len(named) > 8 and {*named} <= {*compose(TWO_SHARDS)["services"]}
    (settings,) = {*re.findall(r"exec proxy nginx -c (\S+) -s reload", text)}
    assert f"exec nginx -c {settings} " in (DOCKER / "proxy" / "start.sh").read_text()


def test_the_proxy_and_prometheus_know_the_right_ports() -> None:
    environment = image_environment()
    proxy = shipped(tls=True)
    assert f"server ingress:{environment['EXCHANGE_HTTP_PORT']};" in proxy
    assert f"server egress:{environment['EXCHANGE_WS_PORT']};" in proxy
    locations = re.findall(r"location [^{@]*{([^}]*)}", proxy)
    assert locations
    assert all("proxy_set_header" not in location for location in locations), "one there takes away all of the others"
    scraped = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    looked_up = scraped["scrape_configs"][0]["dns_sd_configs"][0]
    assert str(looked_up["port"]) == environment["EXCHANGE_METRICS_PORT"]
    assert set(looked_up["names"]) == {name for name in ours(TWO_SHARDS) if name not in ("setup", "admin")}


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    """Every exchange_… name stands, without its suffix, in the code of some process."""
    code = "\n".join(
        path.read_text()
        for folder in ("engine_core", "ingress", "egress", "persistence", "bench")
        for path in (ROOT / folder).rglob("*.py")
    )
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "exchange.json").read_text())
    text = (DOCKER / "prometheus" / "alerts.yml").read_text()
    text += " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    names = set(re.findall(r"\bexchange_(\w+)", text))
    assert len(names) > 10
    for name in names:
        assert f'"{name.removesuffix("_bucket")}"' in code, name
    assert yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]


def test_the_proxy_configuration_is_valid_nginx(tmp_path: Path) -> None:
    nginx = tool("nginx")
    path = tmp_path / "nginx.conf"
    path.write_text(adapted(tmp_path, (8080, 8081), 8080, 8081))
    done = subprocess.run([nginx, "-t", "-c", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
