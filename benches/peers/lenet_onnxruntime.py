"""Networks in ONNX Runtime, from the files that `lots` reads."""

import onnx
import onnxruntime

import data


def session(model, threads):
    """A session with all graph optimisations, which are the default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class LeNet:
    """The embedded network up to its logits."""

    def __init__(self, threads):
        model = onnx.load(data.LENET)
        # The softmax behind the logits is left out, as `lots` leaves it out.
        del model.graph.node[-1]
        model.graph.output[0].name = "ip2"
        self.session = session(model.SerializeToString(), threads)

    def classify(self, pixels):
        """Logits of uint8 pixels (images, 1, 28, 28)."""
        return self.session.run(["ip2"], {"data": pixels.astype("float32") * (1 / 256)})[0]
