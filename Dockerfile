# CPU:  docker build -t esrgan . && docker run -p 7860:7860 esrgan
# GPU:  docker build -t esrgan --build-arg TORCH_BACKEND=cu128 . && docker run --gpus all -p 7860:7860 esrgan
FROM python:3.11-slim

# Which build of PyTorch uv picks: cpu, cu126, cu128, rocm6.3, …
ARG TORCH_BACKEND=cpu

RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app

COPY requirements.txt .
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --torch-backend=${TORCH_BACKEND} -r requirements.txt

COPY --chown=user app.py LICENSE ./
COPY --chown=user esrgan esrgan
COPY --chown=user train train
COPY --chown=user assets assets
# What is fine-tuned in the page; -v NAME:/home/user/app/runs keeps it.
RUN install -d -o user runs

USER user
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_ANALYTICS_ENABLED=False \
    PYTHONUNBUFFERED=1
EXPOSE 7860
CMD ["python", "app.py"]
