"""`python app.py`: the demo in a browser, offline, with the built-in models."""

from esrgan.demo.__main__ import main

if __name__ == "__main__":
    main()
