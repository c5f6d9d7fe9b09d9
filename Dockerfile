# The service with PyTorch's CPU build. Data of the embedded database lies in /data; a PostgreSQL is given by MOODLINE_DATABASE_URL.
#   docker build -t moodline .
#   docker run -p 8000:8000 -v moodline:/data moodline
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 MOODLINE_HOST=0.0.0.0 MOODLINE_DATA_DIR=/data
WORKDIR /app

COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --torch-backend cpu -r requirements.lock

COPY service service
COPY migrations migrations
COPY models/__init__.py models/__init__.py
COPY models/sentiment models/sentiment
RUN uv pip install --system --no-cache --no-deps -e . \
    && useradd --create-home moodline && mkdir /data && chown moodline /data

USER moodline
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"
CMD ["moodline", "serve"]
