//! ONNX files of networks that find faces where they are told to, whatever the photograph shows.

/// A detector of 3×24×32 pixels with the outputs `scores` and `boxes`.
///
/// - `faces`: the score of each box and its sides left, top, right, bottom, 0–1.
pub fn detector(faces: &[(f32, [f32; 4])]) -> Vec<u8> {
    let count = faces.len() as u64;
    let scores: Vec<f32> = faces.iter().flat_map(|&(score, _)| [1.0 - score, score]).collect();
    let sides: Vec<f32> = faces.iter().flat_map(|&(_, sides)| sides).collect();
    let mut nodes = vec![node("GlobalAveragePool", &["input"], "mean"), node("Flatten", &["mean"], "flat")];
    let mut tensors = Vec::new();
    for (name, values, columns) in [("scores", &scores, 2), ("boxes", &sides, 4)] {
        let [weight, bias, numbers, shape] =
            ["weight", "bias", "numbers", "shape"].map(|it| format!("{name}_{it}"));
        tensors.push(floats(&weight, &[3, values.len() as u64], &vec![0.0; 3 * values.len()]));
        tensors.push(floats(&bias, &[values.len() as u64], values));
        tensors.push(integers(&shape, &[1, count as i64, columns]));
        nodes.push(node("Gemm", &["flat", &weight, &bias], &numbers));
        nodes.push(node("Reshape", &[&numbers, &shape], name));
    }
    let outputs = [value("scores", &[1, count, 2]), value("boxes", &[1, count, 4])];
    model(&nodes, &tensors, &value("input", &[1, 3, 24, 32]), &outputs)
}

/// A network of 1×16×16 pixels that reads the same 68 points in every face.
///
/// - `points`: x and y of the two eyes, the nose and the two corners of the mouth, 0–1; all lids of an eye are in one place.
pub fn landmark_network(points: &[[f32; 2]; 5]) -> Vec<u8> {
    // Which of the 68 points belong to each of the five.
    let places: [&[usize]; 5] = [&[37, 38, 40, 41], &[43, 44, 46, 47], &[30], &[48, 60], &[54, 64]];
    let mut values = vec![0.5; 136];
    for (point, places) in points.iter().zip(places) {
        for place in places {
            values[2 * place..2 * place + 2].copy_from_slice(point);
        }
    }
    let nodes = [node("Flatten", &["input"], "flat"), node("Gemm", &["flat", "weight", "bias"], "output")];
    let tensors = [floats("weight", &[256, 136], &vec![0.0; 256 * 136]), floats("bias", &[136], &values)];
    model(&nodes, &tensors, &value("input", &[1, 1, 16, 16]), &[value("output", &[1, 136])])
}

/// Messages of ONNX, field by field; Google, "Protocol Buffers: Encoding", and ONNX, `onnx.proto`.
fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>], input: &[u8], outputs: &[Vec<u8>]) -> Vec<u8> {
    let mut graph = Vec::new();
    graph.extend(nodes.iter().flat_map(|it| bytes(1, it)));
    graph.extend(bytes(2, b"faces"));
    graph.extend(tensors.iter().flat_map(|it| bytes(5, it)));
    graph.extend(bytes(11, input));
    graph.extend(outputs.iter().flat_map(|it| bytes(12, it)));
    let opset = number(2, 13);
    [number(1, 8), bytes(8, &opset), bytes(7, &graph)].concat()
}

fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut message: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    message.extend(bytes(2, output.as_bytes()));
    // The node has a name of its own, so that it is not mistaken for its tensor.
    message.extend(bytes(3, format!("{op}_{output}").as_bytes()));
    message.extend(bytes(4, op.as_bytes()));
    message
}

fn floats(name: &str, sizes: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, sizes, 1, &raw)
}

fn integers(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, &[values.len() as u64], 7, &raw)
}

fn tensor(name: &str, sizes: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let mut message: Vec<u8> = sizes.iter().flat_map(|&size| number(1, size)).collect();
    message.extend([number(2, kind), bytes(8, name.as_bytes()), bytes(9, raw)].concat());
    message
}

fn value(name: &str, sizes: &[u64]) -> Vec<u8> {
    let shape: Vec<u8> = sizes.iter().flat_map(|&size| bytes(1, &number(1, size))).collect();
    let kind = bytes(1, &[number(1, 1), bytes(2, &shape)].concat());
    [bytes(1, name.as_bytes()), bytes(2, &kind)].concat()
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that holds bytes: a text or a message.
fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(content.len() as u64), content].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    while value >= 0x80 {
        encoded.push(value as u8 | 0x80);
        value >>= 7;
    }
    encoded.push(value as u8);
    encoded
}
