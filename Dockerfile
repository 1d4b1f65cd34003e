FROM python:3.11-slim
WORKDIR /app
ENV PYTHONUNBUFFERED=1
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN UNMIGRATABLE_MODE=local UNMIGRATABLE_SECRET_KEY=only-to-collect-static-files-only-to-collect-static-files \
    DATABASE_URL=postgresql://none CELERY_BROKER_URL=memory:// python manage.py collectstatic --noinput \
    && useradd --no-create-home app && mkdir -p var && chown -R app var
USER app
