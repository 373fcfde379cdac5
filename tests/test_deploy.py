"""The deployment examples: each can be read by what will read it, and runs commands that exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from recsys import cli

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"
ROOT = DEPLOY.parents[1]


def read(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def documents(name: str) -> list[dict]:
    return list(yaml.safe_load_all(read(name)))


def commands() -> dict[str, set[str]]:
    """Every command with its options."""
    group = typer.main.get_command(cli.app)
    return {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, command in group.commands.items()
    }


def assert_runs(words: list[str]) -> None:
    known = commands()
    assert words[0] in known, words
    assert {word for word in words[1:] if word.startswith("--")} <= known[words[0]], words


def images() -> list[list[str]]:
    """The arguments of every container."""
    compose = documents("compose.yaml")[0]["services"]
    found = [compose["night"]["command"], ["serve", "--host", "0.0.0.0"]]
    for document in documents("kubernetes.yaml"):
        pods = [
            document["spec"].get("template"),
            document["spec"].get("jobTemplate", {}).get("spec", {}).get("template"),
        ]
        found += [container["args"] for pod in pods if pod for container in pod["spec"]["containers"]]
    return found


def test_every_command_of_the_examples_exists_with_its_options():
    entry = re.search(r"^CMD (\[.*\])$", read("Dockerfile"), re.MULTILINE)
    lines = [json.loads(entry[1]), *images()]
    for name in ("recsys-serve.service", "recsys-nightly.service", "crontab", "airflow_dag.py"):
        text = read(name).replace("{TABLES}", "--items F --interactions F")
        found = re.findall(r"(?:/opt/recsys/bin/|\")recsys ([a-z][^\"\n>]*)", text)
        assert found, name
        lines += [shlex.split(line) for line in found]
    assert len(lines) >= 12
    for words in lines:
        assert_runs(words)


def test_the_image_copies_what_is_there_and_installs_extras_that_are():
    text = read("Dockerfile")
    for sources in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in sources.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in read("Dockerfile.dockerignore").splitlines(), name
    extras = re.search(r"'\.\[(.+)\]'", text)[1].split(",")
    assert set(extras) <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)


def test_compose_mounts_what_is_there_and_scrapes_the_server():
    compose = documents("compose.yaml")[0]
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file(), source
            elif not source.startswith("$"):
                assert source in compose["volumes"], source
    assert compose["services"]["serve"]["build"] == {"context": "../..", "dockerfile": "docs/deploy/Dockerfile"}
    assert (DEPLOY / "../..").resolve() == ROOT
    job = documents("prometheus.yml")[0]["scrape_configs"][0]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["credentials_file"] == "/run/secrets/" + compose["services"]["prometheus"]["secrets"][0]
    assert job["static_configs"][0]["targets"] == ["serve:8000"]
    assert documents("grafana/datasource.yaml")[0]["datasources"][0]["uid"] == "prometheus"


def test_the_pods_are_probed_where_the_service_answers_and_run_as_nobody_special():
    kinds = {document["kind"]: document for document in documents("kubernetes.yaml")}
    assert set(kinds) == {"PersistentVolumeClaim", "Deployment", "Service", "CronJob"}
    pod = kinds["Deployment"]["spec"]["template"]
    server = pod["spec"]["containers"][0]
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert server["ports"][0]["name"] == kinds["Service"]["spec"]["ports"][0]["targetPort"]
    assert kinds["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    night = kinds["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for spec in (pod["spec"], night):
        assert spec["securityContext"]["runAsNonRoot"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert kinds["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"  # one writer at a time


def test_the_dashboard_asks_for_metrics_that_the_service_has():
    pytest.importorskip("prometheus_client", reason="the extra 'serve' is not installed")
    from recsys.service.metrics import Metrics

    metrics = Metrics()
    metrics.observe("POST", "/recommend", 200, 0.01)
    metrics.took("view")
    metrics.cached()
    there = set(re.findall(r"^(\w+)(?:\{| )", metrics.text(lambda: None).decode(), re.MULTILINE))
    panels = json.loads(read("grafana/recsys.json"))["panels"]
    asked = {name for panel in panels for t in panel["targets"] for name in re.findall(r"recsys_\w+", t["expr"])}
    assert asked
    assert asked <= there, asked - there
    uid = documents("grafana/datasource.yaml")[0]["datasources"][0]["uid"]
    assert {panel["datasource"]["uid"] for panel in panels} == {uid}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(panels)


def test_systemd_takes_the_units(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    names = ["recsys-serve.service", "recsys-nightly.service", "recsys-nightly.timer"]
    for name in names:  # the program of the unit has to be there
        (tmp_path / name).write_text(read(name).replace("/opt/recsys/bin/recsys", "/bin/true"))
    found = subprocess.run(
        [program, "verify", *(str(tmp_path / name) for name in names)], capture_output=True, text=True, timeout=60
    )
    said = [line for line in found.stderr.splitlines() if "recsys" in line]
    assert found.returncode == 0, found.stderr
    assert not said
    when = re.search(r"OnCalendar=(.+)", read("recsys-nightly.timer"))[1]
    subprocess.run([program, "calendar", when], check=True, capture_output=True, timeout=60)


def test_the_airflow_example_is_a_chain_of_commands():
    tree = ast.parse(read("airflow_dag.py"))
    tasks = [
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "task_id"
    ]
    assert tasks == ["doctor", "check", "nightly", "lists"]


def test_the_cron_line_is_one():
    lines = [line for line in read("crontab").splitlines() if line and line[0].isdigit()]
    assert len(lines) == 1
    assert re.fullmatch(r"(\S+ ){5}recsys cd \S+ && .+", lines[0])
