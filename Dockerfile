# Two stages: what builds stays behind. The image runs as a user of no rights, needs no file of its own to be writable,
# and has no compiler, no pip and no database server; `pg_dump` is in it for `manage.py backup`.
FROM python:3.11-slim-trixie AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements.lock
COPY . .
RUN UNMIGRATABLE_MODE=local UNMIGRATABLE_SECRET_KEY=only-to-collect-static-files-only-to-collect-static-files \
    DATABASE_URL=postgresql://none CELERY_BROKER_URL=memory:// UNMIGRATABLE_VAR=/var/lib/unmigratable \
    /venv/bin/python manage.py collectstatic --noinput \
    && /venv/bin/python -m compileall -q /venv/lib .

FROM python:3.11-slim-trixie
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/* \
    && pip uninstall -y pip setuptools wheel \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build /var/lib/unmigratable /var/lib/unmigratable
WORKDIR /app
ARG COMMIT=""
ENV PATH=/venv/bin:/usr/lib/postgresql/17/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    UNMIGRATABLE_VAR=/var/lib/unmigratable UNMIGRATABLE_COMMIT=$COMMIT
USER 10001
EXPOSE 8000
CMD ["gunicorn", "-c", "config/server.py", "config.wsgi", "--bind", "0.0.0.0:8000"]
