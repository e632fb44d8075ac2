//! A deep network as an ONNX file, without a large file: its messages are written by hand, field by field, and its
//! convolutions share one weight. Source of the field numbers: `onnx.proto` of the ONNX project.

/// How its nodes and tensors are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Tensors are numbers and nodes have no names, as with old exporters.
    Numbers,
    /// `/layer2/layer2.0/conv1/Conv`, as PyTorch's exporter writes it.
    Paths,
}

/// 135 layers in five stages of 32×32 to 2×2 pixels: a pooling, then blocks of Conv, Relu, Conv, Relu, Add.
pub(crate) fn onnx(names: Names) -> Vec<u8> {
    let mut graph = vec![bytes(2, b"deep")];
    let mut tensor = "0".to_owned();
    let mut count = 0;
    let mut add = |op: &str, path: &str, inputs: &[&str]| {
        count += 1;
        let (name, output) = match names {
            Names::Numbers => (String::new(), count.to_string()),
            Names::Paths => (path.to_owned(), format!("{path}_output_0")),
        };
        let mut node: Vec<Vec<u8>> = inputs.iter().map(|input| bytes(1, input.as_bytes())).collect();
        node.extend([bytes(2, output.as_bytes()), bytes(3, name.as_bytes()), bytes(4, op.as_bytes())]);
        if op == "MaxPool" {
            for attribute in ["kernel_shape", "strides"] {
                let fields = [bytes(1, attribute.as_bytes()), number(8, 2), number(8, 2), number(20, 7)];
                node.push(bytes(5, &fields.concat()));
            }
        }
        graph.push(bytes(1, &node.concat()));
        output
    };
    for (stage, blocks) in [(1, 3), (2, 4), (3, 8), (4, 8), (5, 3)] {
        tensor = add("MaxPool", &format!("/layer{stage}/pool/MaxPool"), &[&tensor]);
        for block in 0..blocks {
            let path = |part: &str| format!("/layer{stage}/layer{stage}.{block}/{part}");
            let block_input = tensor.clone();
            for (conv, relu) in [("conv1/Conv", "relu/Relu"), ("conv2/Conv", "relu_1/Relu")] {
                tensor = add("Conv", &path(conv), &[&tensor, "weight"]);
                tensor = add("Relu", &path(relu), &[&tensor]);
            }
            tensor = add("Add", &path("Add"), &[&tensor, &block_input]);
        }
    }
    let weight = [
        number(1, 1),
        number(1, 1),
        number(1, 1),
        number(1, 1),
        number(2, 1),
        bytes(8, b"weight"),
        bytes(9, &[0; 4]),
    ];
    graph.push(bytes(5, &weight.concat()));
    let extents: Vec<u8> =
        [1, 1, 64, 64].into_iter().flat_map(|extent| bytes(1, &number(1, extent))).collect();
    let kind = bytes(1, &[number(1, 1), bytes(2, &extents)].concat());
    graph.push(bytes(11, &[bytes(1, b"0"), bytes(2, &kind)].concat()));
    graph.push(bytes(12, &bytes(1, tensor.as_bytes())));
    [number(1, 8), bytes(8, &number(2, 13)), bytes(7, &graph.concat())].concat()
}

/// A field that holds text or a message.
fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint((field << 3) | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
