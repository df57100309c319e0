# The operator image: one image, three commands (run, webhook, serve).
#
# `make docker-build` prepares build/image/ (the locked packages and ours, installed for this image's
# Python; docs/decisions/0003-image-files.md) and then builds this. By hand: `make image-root` first.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="helloworld-operator" \
      org.opencontainers.image.description="Keeps a greeting service running for each HelloWorld object" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# What Red Hat's certification asks of every image, the license included.
LABEL name="helloworld-operator" \
      vendor="HelloWorld Operator maintainers" \
      version="${VERSION}" \
      release="1" \
      summary="Keeps a greeting service running for each HelloWorld object" \
      description="Keeps a greeting service running for each HelloWorld object" \
      maintainer="HelloWorld Operator maintainers"
COPY LICENSE /licenses/LICENSE

COPY build/image/ /opt/helloworld-operator/

ENV PYTHONPATH=/opt/helloworld-operator \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# Not a name: the kubelet can check runAsNonRoot only for a number.
USER 65532:65532
ENTRYPOINT ["python3", "-m", "helloworld_operator"]
CMD ["run"]
