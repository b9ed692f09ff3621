"""The commands of `python -m esrgan`, a file each: `add` declares its options, `run` does it."""
