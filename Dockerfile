# syntax=docker/dockerfile:1

# Both stages are Debian 12, so that the program finds the C library that it was linked with. All else (ring, SQLite) is in
# the binary.
FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
# The caches stay with the builder, not in the image, and the binary is taken out of one of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --bin orloj-operator \
    && cp target/release/orloj-operator /orloj-operator

# No shell and no package manager; certificates and time zones are there. nonroot is user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
# `make image` says both.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="orloj-operator" \
      org.opencontainers.image.description="Keeps the rows that orlojd reads equal to the custom resources in a Kubernetes cluster" \
      org.opencontainers.image.source="https://github.com/orlojhq/orloj-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /src/LICENSE /LICENSE
COPY --from=builder /orloj-operator /usr/local/bin/orloj-operator
# By number: runAsNonRoot cannot check a name.
USER 65532:65532
# 8080: metrics. 8081: health.
EXPOSE 8080 8081
ENTRYPOINT ["/usr/local/bin/orloj-operator"]
