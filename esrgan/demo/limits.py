"""Limits of what one visitor may ask of the machine; the command line has none of them.

Those of a single tab stand in its `job`, those of what everybody shares in `server`.
"""

MAX_LR_PIXELS = 1_048_576
MAX_UPLOAD_PIXELS = 16 * MAX_LR_PIXELS  # of HR pictures, and of results
MAX_PICTURE_BYTES = 100 * 2**20
MAX_BACK_PROJECTIONS = 50
MAX_MODEL_FILES = 12
