# syntax=docker/dockerfile:1
# The images of the five services, a target for each: docker build --target registry -t skyulf/registry:0.1.0 .
# and that of the `skyulf` command with its operations: --target operate.
# Sizes, and why there is one image per service: docs/decisions/0025-an-image-per-service.md
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
# whose programs make backups: not older than the server, and on the same Debian as the image above
ARG POSTGRES_IMAGE=postgres:17-bookworm

# What installs. Packages come from wherever this base image's pip is told to look, and only with the hashes that we know.
FROM ${PYTHON_IMAGE} AS installer
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
    PIP_CACHE_DIR=/var/cache/pip
COPY --chmod=755 <<'SH' /usr/local/bin/install-requirements
#!/bin/sh
# install-requirements FILE...: into /opt/skyulf, with bytecode, without the tests and sources that libraries bring along
set -eu
[ -d /opt/skyulf ] || python -m venv --without-pip /opt/skyulf
for file in "$@"; do
  python -m pip --python /opt/skyulf/bin/python install --require-hashes --only-binary :all: --compile -r "$file"
done
find /opt/skyulf/lib -type d -name tests -prune -exec rm -rf {} +
find /opt/skyulf/lib -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.pyx' -o -name '*.pxd' \
  -o -name '*.pyi' \) -delete
SH
WORKDIR /src
COPY requirements/images requirements/images

# Wheels of our own packages, built from the tree without isolation: no package of a stranger can take their place.
FROM installer AS wheels
RUN --mount=type=cache,target=/var/cache/pip \
    python -m venv /build && /build/bin/python -m pip install --require-hashes -r requirements/images/build.txt
COPY libs libs
COPY services services
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels \
    ./libs/skyulf-core ./libs/skyulf-events ./libs/skyulf-service \
    ./services/gateway ./services/ingestion ./services/pipeline ./services/registry ./services/inference

FROM wheels AS operate-wheels
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels \
    ./libs/skyulf-client ./services/standalone

FROM installer AS gateway-packages
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/gateway.txt

FROM installer AS ingestion-packages
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/ingestion.txt

FROM installer AS pipeline-packages
# `viz` adds matplotlib, which draws the pictures of reports, and 90 MB
ARG PIPELINE_EXTRAS=
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/pipeline.txt \
    $(for extra in ${PIPELINE_EXTRAS}; do echo "requirements/images/pipeline-${extra}.txt"; done)

FROM installer AS registry-packages
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/registry.txt

FROM installer AS inference-packages
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/inference.txt

FROM installer AS operate-packages
RUN --mount=type=cache,target=/var/cache/pip install-requirements requirements/images/operate.txt

# pg_dump and pg_restore with the libraries that they are linked to, except those of the C library
FROM ${POSTGRES_IMAGE} AS postgres-programs
COPY --chmod=755 <<'SH' /usr/local/bin/gather-programs
#!/bin/sh
# gather-programs FOLDER NAME...: programs of PostgreSQL to FOLDER/bin, their libraries to FOLDER/lib
set -eu
folder=$1
shift
mkdir -p "$folder/bin" "$folder/lib"
for name in "$@"; do
  program=$(readlink -f "/usr/lib/postgresql/$PG_MAJOR/bin/$name")
  cp "$program" "$folder/bin/$name"
  ldd "$program" | sed -nE 's|.* => (/[^ ]+) .*|\1|p' | grep -vE '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv))\.so' \
    | xargs -r cp -L -t "$folder/lib"
done
SH
RUN gather-programs /opt/postgres pg_dump pg_restore

# What all services run on: the base image, a user that owns nothing but its home, and the settings of a container.
FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 skyulf \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/skyulf --no-create-home --shell /usr/sbin/nologin skyulf \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/skyulf /run/skyulf/keys /run/skyulf/secrets \
    && chown 10001:10001 /run/skyulf
ENV PATH=/opt/skyulf/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    SKYULF_HOME=/var/lib/skyulf SKYULF_KEYS_DIR=/run/skyulf/keys \
    SKYULF_HOST=0.0.0.0 SKYULF_FORM=distributed SKYULF_LOG_FORMAT=json
WORKDIR /var/lib/skyulf
COPY --chmod=755 <<'SH' /usr/local/bin/install-own
#!/bin/sh
# install-own PACKAGE...: wheels of ours beside what they need; their own lists of needs are not asked again
PATH=${PATH#/opt/skyulf/bin:}   # the base image's Python has pip, ours has not
exec python3 -m pip --python /opt/skyulf/bin/python install --no-index --no-deps --no-cache-dir --compile \
  --find-links /wheels --root-user-action ignore "$@"
SH

FROM runtime AS gateway
COPY --from=gateway-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    install-own skyulf-events skyulf-service skyulf-gateway
# what compose's `secrets` runs; readable for everybody, whatever the modes in the clone
COPY --chmod=555 deploy/compose/make_secrets.py deploy/compose/databases.sh /
USER 10001:10001
EXPOSE 8000 8101
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s CMD ["python", "-m", "skyulf_service.probe", "gateway"]
ENTRYPOINT ["python", "-m", "skyulf_gateway.main"]
CMD ["api"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf gateway" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"

FROM runtime AS ingestion
COPY --from=ingestion-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    install-own skyulf-events skyulf-service skyulf-ingestion
USER 10001:10001
EXPOSE 8001 8111 8112
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s CMD ["python", "-m", "skyulf_service.probe", "ingestion"]
ENTRYPOINT ["python", "-m", "skyulf_ingestion.main"]
CMD ["api"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf ingestion" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"

FROM runtime AS pipeline
# LightGBM's library is linked to the system's OpenMP
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=pipeline-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    install-own skyulf-core skyulf-events skyulf-service skyulf-pipeline
# threads that wait shall sleep: spinning ones take the cores from whatever they wait for
ENV OMP_WAIT_POLICY=passive
USER 10001:10001
EXPOSE 8002 8121 8122
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s CMD ["python", "-m", "skyulf_service.probe", "pipeline"]
ENTRYPOINT ["python", "-m", "skyulf_pipeline.main"]
CMD ["api"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf pipeline" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"

FROM runtime AS registry
COPY --from=registry-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    install-own skyulf-events skyulf-service skyulf-registry
USER 10001:10001
EXPOSE 8003 8131
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s CMD ["python", "-m", "skyulf_service.probe", "registry"]
ENTRYPOINT ["python", "-m", "skyulf_registry.main"]
CMD ["api"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf registry" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"

FROM runtime AS inference
COPY --from=inference-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    install-own skyulf-core skyulf-events skyulf-service skyulf-inference
USER 10001:10001
EXPOSE 8004 8141
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s CMD ["python", "-m", "skyulf_service.probe", "inference"]
ENTRYPOINT ["python", "-m", "skyulf_inference.main"]
CMD ["api"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf inference" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"

# The `skyulf` command, where it can reach all databases, objects, Kafka and keys: docs/guides/operate.md
FROM runtime AS operate
COPY --from=postgres-programs /opt/postgres /opt/postgres
COPY --chmod=755 <<'SH' /usr/local/bin/pg_dump
#!/bin/sh
# its libraries are for it alone
LD_LIBRARY_PATH=/opt/postgres/lib exec "/opt/postgres/bin/${0##*/}" "$@"
SH
# what is missing for them shows here, not at the first backup
RUN ln -s pg_dump /usr/local/bin/pg_restore && pg_dump --version && pg_restore --version \
    && install -d -o 10001 -g 10001 -m 0700 /backups /run/skyulf/gateway-home
COPY --from=operate-packages /opt/skyulf /opt/skyulf
RUN --mount=type=bind,from=operate-wheels,source=/wheels,target=/wheels \
    install-own skyulf-core skyulf-events skyulf-service skyulf-gateway skyulf-ingestion skyulf-pipeline \
      skyulf-registry skyulf-inference skyulf-client skyulf-standalone
# what compose's `operate` runs
COPY --chmod=555 deploy/compose/operate.py /
USER 10001:10001
# where files go that a command is told by name only
WORKDIR /backups
ENTRYPOINT ["skyulf"]
CMD ["doctor"]
ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown
LABEL org.opencontainers.image.title="Skyulf operations" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" org.opencontainers.image.source="${SOURCE}"
