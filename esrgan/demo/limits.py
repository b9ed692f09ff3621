"""Limits of what one visitor may ask of the machine; the command line has none of them.

Those of a single tab stand in its `job`, those of connections in `page`.
"""

MAX_SECONDS = 3600  # of everything that is told step by step

MAX_PICTURE_PIXELS = 50_000_000  # of what is sent; of larger ones than the next two a part is taken
MAX_LR_PIXELS = 1_048_576
MAX_UPLOAD_PIXELS = 16 * MAX_LR_PIXELS  # of HR pictures, and of results
MAX_PICTURE_BYTES = 100 * 2**20  # of any upload, and of a picture in a zip
MAX_BACK_PROJECTIONS = 50
MAX_CROPS = 6  # of a figure
MAX_MODEL_FILES = 12
# The paper's model has 16.7 million parameters, and 192 channels where it is widest.
MAX_PARAMETERS, MAX_CHANNELS = 40_000_000, 512
MAX_WEB_PAGE_BYTES = 100_000_000  # of a comparison or a blind test saved as a web page
MAX_STUDY_PICTURES = 30  # of a blind test
