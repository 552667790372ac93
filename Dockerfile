# A machine to train on, with or without a GPU: docker build -t auxhead .
FROM python:3.12-slim

# Where torch comes from. Empty: pip's index, whose wheels for Linux bring CUDA and run on CPUs, too. PyTorch's own index of
# wheels for CPUs, or for another CUDA, makes a smaller or an older one (pytorch.org, "Get started", names them).
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 YOLO_AUTOINSTALL=false

# OpenCV, which Ultralytics needs, is linked to these.
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*

WORKDIR /auxhead
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install torch torchvision ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
RUN pip install .

WORKDIR /data
ENTRYPOINT ["auxhead"]
