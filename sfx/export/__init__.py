"""The torch side: a checkpoint in, a verified bundle of ONNX graphs out."""
