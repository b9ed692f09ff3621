"""Training: the paper's two stages (Sec. 4.1) and the perceptual network. Imports esrgan only."""
