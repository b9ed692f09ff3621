"""Server of the page: files, memory, turns of the device, and messages."""
