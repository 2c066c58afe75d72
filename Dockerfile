# Airflow with Lifecycle in it, one image for every service of docker-compose.yml.
FROM python:3.12-slim AS packages
WORKDIR /opt/lifecycle
COPY pyproject.toml requirements.lock ./
# The lock as constraints: its versions and hashes, without the packages that only demo and tests need.
RUN pip install --no-cache-dir "$(grep -o '^uv==[0-9.]*' requirements.lock)" \
    && python -m venv --without-pip .venv \
    && uv pip install --python .venv/bin/python --no-cache --compile-bytecode --require-hashes \
        --constraints requirements.lock --requirements pyproject.toml --extra server

FROM python:3.12-slim
RUN useradd --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow airflow \
    && install --directory --owner airflow --group 0 --mode 0770 /opt/airflow /opt/airflow/logs \
        /opt/airflow/data /opt/airflow/data/reports
COPY --from=packages /opt/lifecycle/.venv /opt/lifecycle/.venv
WORKDIR /opt/lifecycle
COPY dags /opt/lifecycle/dags
COPY dbt_project /opt/lifecycle/dbt_project
COPY expectations /opt/lifecycle/expectations
COPY plugins /opt/lifecycle/plugins
COPY quiet.env /opt/lifecycle/quiet.env
ENV PATH=/opt/lifecycle/.venv/bin:$PATH \
    PYTHONPATH=/opt/lifecycle/plugins \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/lifecycle/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/lifecycle/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    AIRFLOW__CORE__AUTH_MANAGER=airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager \
    LIFECYCLE_DBT_MANIFEST=/opt/lifecycle/manifest.json \
    LIFECYCLE_WORK=/opt/airflow/data
# What the DAG makes a task per model of. Nothing is connected to: the profile only has to be complete.
RUN DBT_HOST=- DBT_PORT=0 DBT_USER=- DBT_PASSWORD=- DBT_DBNAME=- DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project --target-path /tmp/dbt --log-path /tmp/dbt \
    && install --mode 0644 /tmp/dbt/manifest.json "$LIFECYCLE_DBT_MANIFEST" \
    && rm -r /tmp/dbt
USER airflow
WORKDIR /opt/airflow
CMD ["airflow", "version"]
