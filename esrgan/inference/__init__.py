"""Running a network on a picture: tiles, strips, devices, backends, what is done afterwards."""
