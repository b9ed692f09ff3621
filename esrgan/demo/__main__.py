"""The page as a command, offline, with the built-in models.

`python app.py`, `python -m esrgan.demo`, or `esrgan-demo` where it is installed.
"""

import gc
import os
import sys
import threading
from argparse import ArgumentParser

# After the page answers: its first visitor, who is shown stored pictures, is not to wait for it.
PRELOAD_AFTER_SECONDS = 20


def main() -> None:
    parser = ArgumentParser(description="The ESRGAN demo as a web page.")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="default: 7860, or the next free one")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--share", action="store_true", help="a public link through gradio.live")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name by which the page may be called, behind a proxy or in a network; again "
        "for each (or ESRGAN_ALLOWED_HOSTS, with commas)",
    )
    options = parser.parse_args()
    print("Starting …", flush=True)
    gc.disable()  # what is imported stays: to look for what does not takes an eighth of the start

    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported
    os.environ.setdefault("MPLBACKEND", "agg")  # gradio asks at each event; to find one takes 0.5 s
    from esrgan.demo.server import access, allocator, quick_start, zero_gpu

    access.open_to(options.host, options.share, options.allowed_host)

    allocator.limit_arenas()
    zero_gpu.prepare()

    from esrgan.demo.server.served import served_folder

    served_folder()  # before gradio is imported, which looks for it then
    with quick_start.without_stubs():
        from esrgan.demo.page import build, launch
    from esrgan.demo.choice import load_builtin

    with quick_start.without_drafts():
        page = build()
    launch(
        page,
        server_port=options.port,
        share=access.is_shared(),
        inbrowser=options.open,
        prevent_thread_lock=True,
    )
    gc.freeze()
    gc.enable()
    loading = threading.Timer(PRELOAD_AFTER_SECONDS, load_builtin)
    if not zero_gpu.on_zero_gpu():
        loading.start()
    try:
        page.block_thread()  # until Ctrl-C, after which the server is closed
    finally:
        loading.cancel()
    # Python's own end would wait for what still computes, or abort in the middle of a network.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
