"""ESRGAN: super-resolution networks, their weights, interpolation and measurement.

The library of the project. It imports neither gradio nor `train`.
"""

__version__ = "0.1.0"
