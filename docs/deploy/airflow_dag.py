"""A night as an Airflow DAG (2.4 or later): check the tables, publish, then lists for a shop that reads a table.

A refused candidate (exit 1) ends the run without lists of a new version; the live version and its lists stay.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator

TABLES = "--items /srv/shop/items.parquet --interactions /srv/shop/events.parquet"

with DAG(
    "recsys_nightly",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # one writer at a time
    default_args={
        "env": {"RECSYS_ARTIFACTS": "/var/lib/recsys/artifacts"},
        "append_env": True,
        "execution_timeout": timedelta(hours=4),
    },
):
    doctor = BashOperator(task_id="doctor", bash_command="recsys doctor --json")
    check = BashOperator(task_id="check", bash_command=f"recsys check {TABLES} --json")
    night = BashOperator(task_id="nightly", bash_command=f"recsys nightly {TABLES} --json")
    lists = BashOperator(
        task_id="lists",
        bash_command="recsys recommend --users /srv/shop/users.parquet --k 20 --out redis://cache:6379/0#recommendations",
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
    doctor >> check >> night >> lists
