"""Pictures as arrays: decoding and encoding, the MATLAB-exact resize, atomic files."""
