"""A checkpoint as ONNX graphs, and their int8 twins."""
