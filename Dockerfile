# CPU:  docker build -t esrgan . && docker run -p 7860:7860 esrgan
# GPU:  docker build -t esrgan --build-arg TORCH_BACKEND=cu130 . && docker run --gpus all -p 7860:7860 esrgan
FROM python:3.12.12-slim-trixie

# Which build of PyTorch uv picks: cpu, cu126, cu130, rocm6.3, …
ARG TORCH_BACKEND=cpu

RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app

# All but PyTorch as requirements.lock has it, hashes included. The builds of PyTorch for a backend
# stand in its own index, where each has hashes of its own: of them, the version is the lock's.
COPY requirements.lock .
RUN printf '%s\n' 'uv==0.13.9 \' \
        '--hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19 \' \
        '--hash=sha256:5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe' >uv.lock \
    && pip install --no-cache-dir --require-hashes -r uv.lock \
    && sed -E '/^(torch|torchvision|triton|nvidia-[^=]+|cuda-[^=]+)==/,/[^\\]$/d' requirements.lock >rest.lock \
    && uv pip install --system --no-cache --require-hashes --no-deps -r rest.lock \
    && uv pip install --system --no-cache --torch-backend=${TORCH_BACKEND} \
        $(grep -Eo '^torch(vision)?==[0-9.]+' requirements.lock) \
    && rm uv.lock rest.lock

# The code is root's: what serves the page can't change it.
COPY app.py LICENSE ./
COPY esrgan esrgan
COPY train train
COPY assets assets
RUN python -m compileall -q esrgan train
# What is fine-tuned in the page, which -e ESRGAN_ALLOW_TRAINING=1 switches on;
# -v NAME:/home/user/app/runs keeps it.
RUN install -d -o user runs

USER user
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_ANALYTICS_ENABLED=False \
    PYTHONUNBUFFERED=1
EXPOSE 7860
CMD ["python", "app.py"]
