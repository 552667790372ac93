# A machine to train on: docker build -t auxhead . ; with CUDA: docker build -t auxhead --build-arg TORCH=https://pypi.org/simple .
FROM python:3.12-slim

# Where torch comes from: PyTorch's own index has it without CUDA, PyPI's wheels for Linux have it with CUDA.
ARG TORCH=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 YOLO_AUTOINSTALL=false

# OpenCV, which Ultralytics needs, is linked to these.
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*

WORKDIR /auxhead
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install torch torchvision --index-url "$TORCH"
RUN pip install .

WORKDIR /data
ENTRYPOINT ["auxhead"]
