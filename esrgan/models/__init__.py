"""Models: weights files, the zoo, interpolation between models, export."""
