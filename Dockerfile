# The study in a container, on the processor alone:
#   docker build --tag dfd . && docker run --name dfd dfd && docker cp dfd:/study/build .
# JupyterLab instead: docker run -p 8888:8888 dfd jupyter lab --ip 0.0.0.0
FROM python:3.11-slim

# make runs the study, and git names the commit in its record.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 1000 --create-home --shell /bin/bash reader && install --directory --owner reader /study
USER 1000
WORKDIR /study
ENV VENV=/home/reader/venv
ENV PATH="$VENV/bin:$PATH" PIP_NO_CACHE_DIR=1

# The locked packages have a layer of their own, which only a change of the lock makes anew. On x86 PyTorch comes with
# three gigabytes for GPUs; its site names an index of builds without: --build-arg PIP_EXTRA_INDEX_URL=<that index>.
ARG PIP_EXTRA_INDEX_URL=
COPY --chown=reader requirements.txt ./
RUN python -m venv "$VENV" && python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt

COPY --chown=reader . .
RUN make install

CMD ["make", "study"]
