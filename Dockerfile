# Two stages: what installs packages is not in what runs.
FROM python:3.12-slim AS packages
COPY requirements.txt /
# --no-deps, as in the Makefile: the list is complete, and pip must not resolve it again.
RUN python -m venv /opt/portal \
 && /opt/portal/bin/pip install --no-cache-dir --disable-pip-version-check \
      --no-deps --require-hashes --only-binary :all: -r /requirements.txt

FROM python:3.12-slim
# A user who owns nothing but the folder for data; everything else belongs to root.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin portal \
 && install -d -m 0700 -o portal -g portal /data
COPY --from=packages /opt/portal /opt/portal
WORKDIR /app
COPY manage.py ./
COPY templates templates
COPY billing billing
COPY usage usage
COPY portal portal
ENV PATH=/opt/portal/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR=/data
USER portal
# The values only let the settings load; nothing of them is kept in the image.
RUN SECRET_KEY=only-while-the-image-is-built-0123456789-0123456789-0123456789 \
    MASTER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgres://nobody@localhost/none BROKER_URL=redis://localhost \
    python manage.py collectstatic --no-input --verbosity 0
VOLUME /data
EXPOSE 8000
# TERM, which `docker stop` sends, lets requests end; the configuration bounds that.
CMD ["gunicorn", "--config", "portal/stack/gunicorn_conf.py", "--bind", "0.0.0.0:8000", "portal.wsgi:application"]
