# One image for all programs, run as nobody in particular: `docker build -t roundhouse .`, `docker run roundhouse demo`.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
# Of pyproject.toml; `cuda` would need a base with NVIDIA's libraries.
ARG EXTRAS=fast,postgres,web
WORKDIR /build
RUN python3 -m venv /opt/roundhouse
# What we stand on has a layer of its own, which a change of our code leaves as it is.
COPY pyproject.toml constraints.txt ./
RUN python3 -c "import sys, tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; print(*project['dependencies'], sep='\n'); \
[print(*extras[name], sep='\n') for name in sys.argv[1].split(',')]" "${EXTRAS}" > needed.txt && \
    /opt/roundhouse/bin/python -m pip install --no-cache-dir --constraint constraints.txt --requirement needed.txt
COPY . .
RUN /opt/roundhouse/bin/python -m pip install --no-cache-dir --no-deps .

FROM ${BASE}
RUN useradd --uid 10001 --home-dir /data --no-create-home roundhouse && \
    install -d -o roundhouse -g roundhouse -m 700 /data /keys /introduction
COPY --from=build /opt/roundhouse /opt/roundhouse
ENV PATH=/opt/roundhouse/bin:/usr/local/bin:/usr/bin:/bin HOME=/data PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["roundhouse"]
CMD ["--help"]
