//! The examples and units at the end of each `--help`.

pub(super) const LOTS: &str = "\
Examples:
  lots demo                      pictures and a page in the folder demo
  lots layers lenet              what is in the built-in network
  lots attack lenet --method hot-cold --origin 'digits[0..10]' --out run
  lots measure 'digits[4]' run/images/00004_digits-4_hot-cold_9.png

Exit codes: 0 done, 1 ran but nothing was reached, 2 error.";

pub(super) const DEMO: &str = "\
Examples:
  lots demo
  lots demo --out /tmp/tour
  lots demo --digits 10          a quicker comparison
  lots demo --json               the table of the comparison as JSON

Everything is inside the program: nothing is downloaded.";

pub(super) const LAYERS: &str = "\
Examples:
  lots layers lenet
  lots layers lenet --weights-only
  lots layers vgg-face
  lots layers resnet50.onnx --filter layer3 --filter '/fc/*'
  lots layers resnet50.onnx --all
  lots layers resnet18.onnx --json

The position counts the layers with weights, from 1 at the input. Shapes leave out the batch axis;
numbers of parameters count weights and biases. A group is a run of layers whose names begin alike,
up to a `/`, `.` or `_`, or, where names do not tell, a run of the same height and width.";

pub(super) const DESCRIBE: &str = "\
Examples:
  lots describe lenet
  lots describe resnet18.onnx --pixels imagenet --resize 256 --crop 224 --save resnet18-lots.onnx
  lots describe vgg16.onnx --mean 103.939,116.779,123.68 --channels bgr --save vgg16-lots.onnx
  lots describe vgg-face --weights VGG_FACE.caffemodel

input = (pixel - mean) / std * scale, pixels 0-255, numbers in the order of the input's channels.
Images that do not have the size of the input are resized, then their centre is cut out; what is
said of that replaces all that the file says of it.";

pub(super) const CONVERT: &str = "\
Examples:
  lots convert vgg-face --weights VGG_FACE.caffemodel --out vgg-face.onnx
  lots convert vgg-face --weights vgg_face_dag.safetensors --out vgg-face.onnx
  lots convert lenet --weights lenet_iter_10000.caffemodel --out lenet.onnx
  lots convert lenet --out lenet.onnx      the one that is inside the program

Weights are found by the names of the prototxt (conv1_1, fc6) or, in safetensors and .npz, by
PyTorch's (conv1_1.weight, fc6.bias). Channels are blue, green, red in a .caffemodel and red, green,
blue in the others, each with the mean colour of its authors, unless something else is said of the
pixels.";

pub(super) const GALLERY_BUILD: &str = "\
Examples:
  lots gallery build digits --network lenet --layer ip1 --out digits.safetensors
  lots gallery build people --network face.onnx --layer fc7 --out people.safetensors
  lots gallery build people/*/*.png --network face.onnx --layer fc7 --metric euclidean --out people.safetensors
  lots attack face.onnx --gallery people.safetensors --method hot-cold --origin photos --out run
  lots convert face.onnx --gallery people.safetensors --out recogniser.onnx

A template is the representation of one picture. With the gallery the network has a class for each
identity, in the order of their names: the one with the nearest template. Its logits are cosines, or
squared Euclidean distances negated, up to a term that is the same for all identities.";

pub(super) const GALLERY_SHOW: &str = "\
Examples:
  lots gallery show people.safetensors
  lots gallery show people.safetensors --json

Genuine pairs are two templates of one identity, impostor pairs those of two.";

pub(super) const VISUALIZE: &str = "\
Examples:
  lots visualize lenet --origin 'digits[4]' --layer conv1 --layer conv2 --magnify --linf 128
  lots visualize lenet --origin 'digits[4]' --layer ip1 --layer ip2 --reduce --until misclassified
  lots visualize lenet --origin four.png --target nine.png --layer conv2 --until class
  lots visualize lenet --origin four.png --template nines.npy --target-set nearest --layer ip1
  lots visualize vgg-lots.onnx --origin face.jpg --layer conv3_3 --layer fc7 --magnify --reduce --linf 64

A photograph is resized and cropped as the network says, or --resize and --crop, before anything is
done with it; the sheet says so. Units: L2 and L∞ in grey levels of the pixels, 0-255; PASS 1 means
the same to a human eye.
Exit codes: 0 reached, 1 not reached at any layer, 2 error.";

pub(super) const ATTACK: &str = "\
Examples:
  lots attack lenet --method toward --layer conv2 --origin 'digits[0..9]' --target digits:targets \\
    --out run
  lots attack lenet --method fast-gradient-sign --method hot-cold --origin digits --out run --json
  lots attack lenet --method reduce --layer ip1 --origin my-digits/ --labels predicted --out run
  lots attack face.onnx --method step-and-adjust --layer fc7 --origin a.png --target b.png \\
    --labels predicted --until 'similarity>0.8' --out run
  lots attack lenet --method hot-cold --origin 'digits[0..10]' --robust-to jpeg:90,shift:1 --out run
  lots attack lenet --method l-bfgs --method projected-gradient --origin 'digits[0..10]' --out run
  lots attack lenet --method fast-gradient-value --origin 'digits[0..10]' --out run --improve

The folder holds run.json (command, options, checksums, summary), attempts.jsonl (a row an attempt)
and the perturbed images. Every number is measured on the 8-bit images that are written: step, L2
and L∞ in grey levels 0-255, PASS and SSIM at most 1, success_rate 0-1. Origins that the network
misclassifies are skipped and counted apart. With --improve, the numbers are those of the better
image, and what the method had found by itself stands beside them. What is attacked is the image
that the network sees: an origin of another size is resized and cropped first, and then lies in the
folder as well, so that it can be measured; a picture that has the network's size, such as a
perturbed one, is taken as it is.
Exit codes: 0 something was reached, 1 nothing was, 2 error.";

pub(super) const RAY: &str = "\
Examples:
  lots ray lenet --origin 'digits[4]' --method toward --target 'digits:targets[9]' --layer conv1 --layer ip2 \\
    --out rays.png
  lots ray lenet --origin four.png --method reduce --layer ip1 --both-signs --out ray.html --json
  lots ray lenet --origin 'digits[4]' --method hot-cold --target-class 9 --target-class 3 --plane --out plane.svg

The margin is the logit of the origin's class less the highest other: positive where the network reads the same as in
the origin. The image at step s is the origin plus s times the direction, of which the largest number is made 1, clamped
and rounded to whole grey levels 0-255; in a plane both directions are scaled so. With --json steps, classes and margins
of all images that were looked at.
Exit codes: 0 done, 1 there is no direction, 2 error.";

pub(super) const SURVIVE: &str = "\
Examples:
  lots attack lenet --method hot-cold --origin 'digits[0..10]' --out run && lots survive run
  lots survive run --transformations jpeg:90,shift:1,half-weights
  lots survive run --out survive.json --json

Each perturbed image that had reached the run's criterion is transformed, and the criterion is looked at again; a shift
is survived if it is to each of four sides. survival_rate is the share that survived, 0-1. The last row of the table is
the share of their origins whose class the same transformation leaves as it is: where an origin does not keep its class,
its perturbed images say little, so `of_kept` in JSON counts only those of the other origins.
Exit codes: 0 done, 1 the run reached nothing, 2 error.";

pub(super) const REPRESENT: &str = "\
Examples:
  lots represent lenet --layer ip1 --origin 'digits[0..100]' --out ip1.npy
  lots represent lenet --layer ip2 --origin four.png --out logits.npy
  lots represent resnet18.onnx --pixels imagenet --layer layer4 --origin photos/ --out layer4.npy";

pub(super) const DIRECTION: &str = "\
Examples:
  lots direction lenet --method toward --layer conv2 --origin 'digits[4]' \\
    --target 'digits:targets[9]' --out eta.npy
  lots direction lenet --method magnify --layer conv1 --origin 'digits[0..10]' --out eta.npy
  lots direction lenet --method toward --layer ip1 --origin 'digits[0..10]' --template stolen.npy \\
    --target-set nearest --out eta.npy
  lots direction lenet --method fast-gradient-value --origin 'digits[0..100]' --out gradient.npy

Only the ratio of the values matters; a vanished gradient that is followed is given as a multiple of
itself. Origins and targets go in pairs, the first with the first; one target serves all origins, and
--target-set chooses one for each.";

pub(super) const MEASURE: &str = "\
Examples:
  lots measure four.png perturbed.png
  lots measure 'digits[4]' 'run/perturbed.npy[17]' --json

An image is a picture, or one of a set: of the built-in digits, an IDX file, an array. L2 and L∞ in
grey levels 0-255; SSIM and PASS are at most 1, which means the same. PASS is SSIM after alignment.";

pub(super) const TRAIN: &str = "\
Examples:
  lots fetch mnist && lots train --mnist data/mnist --out lenet.onnx
  lots train --mnist data/mnist --seed 7 --iterations 2000 --test-every 500 --out quick.onnx
  lots train --mnist data/mnist --out lenet.onnx --resume
  lots attack lenet --method hot-cold --origin data/mnist/train-images-idx3-ubyte --no-pass --out hot-cold
  lots train --from lenet --data hot-cold --mnist data/mnist --iterations 50000 --out hardened.onnx

The same data, seed and number of iterations give the same bytes with any number of threads. Losses
are means of the softmax cross-entropy over a batch; errors are shares, 0-1.";

pub(super) const EVALUATE: &str = "\
Examples:
  lots evaluate lenet
  lots evaluate lenet --mnist data/mnist --out lenet.json
  lots evaluate hardened.onnx --origin 'digits[0..100]' --no-pass --json

The error is a share of all images; the methods are tried on those that the network reads rightly.
hot-cold is tried with each other class, toward with a target of each other class at each layer with
weights. L2 and L∞ in grey levels 0-255 and PASS are means and standard deviations of what was
reached.";

pub(super) const COMPARE: &str = "\
Examples:
  lots compare lenet --origin 'digits[0..20]'
  lots compare lenet --origin 'digits[0..100]' --method toward --method l-bfgs --layer ip1 --budget 300
  lots compare face.onnx --origin faces/ --labels predicted --target targets/ --target-labels predicted \\
    --layer fc7 --method step-and-adjust --method feature-adversary --until class --out compared

Each origin that the network reads rightly meets each target of another class; methods without a target go for the
target's class where --until class asks for it. Cost is counted in passes through the network: one for each
classification, two for each gradient, one for a target's representation. An attempt hands in the image with the smallest
L2 that it has found; medians are over all pairs, where an attempt that has found nothing yet counts as worse than all.
L2 and L∞ in grey levels 0-255, PASS at most 1, success_rate 0-1.
Exit codes: 0 something was reached, 1 nothing was, 2 error.";

pub(super) const STABILITY: &str = "\
Examples:
  lots stability lenet
  lots stability lenet hardened.onnx --mnist data/mnist --no-pass --out compared
  lots stability face.onnx --gallery people.safetensors --origin people --no-pass --out people-stability
  lots stability hardened.onnx --baseline stability --out tested --force \\
    --fail-if 'ip1.median < 0.9 * baseline' --fail-if 'conv1.toward.flipped > 0.99' --junit stability.xml

Each origin that the network reads rightly is reduced, magnified and moved toward each other class at each layer, as far
as it takes to flip the label; `any` is the smallest of these. An attempt that never flips counts as censored at the end
of the scale: L∞ 255, the L2 of an image that turns from black to white, PASS -1. Medians have 95 % intervals from a
thousand resamples of the origins.

A condition is LAYER[.METHOD][.MEASURE].QUANTITY <|<=|>|>= NUMBER [* baseline], with METHOD any (as without), reduce,
magnify or toward; MEASURE linf (as without), l2 or pass_score; QUANTITY median, q1, q3 or flipped (a share, 0-1). What
is not reached counts as the end of the scale. The baseline is the first of two networks, or that of --baseline.
Exit codes: 0 no condition holds, 1 one does, 2 error.";

pub(super) const FACES: &str = "\
Examples:
  lots faces align portraits --detector fr_detect.onnx --landmarks fr_landmark.onnx --out aligned
  lots faces report fr_feature.onnx aligned orl --mean 127 --std 128 --resize 112 --crop 112 --layer Add_73 --layer Add_90
  lots faces paste fr_feature.onnx biden.jpg perturbed.png --mean 127 --std 128 --face aligned/biden/biden-0.png \\
    --target aligned/obama/obama-0.png --detector fr_detect.onnx --landmarks fr_landmark.onnx --out pasted.png

`lots faces COMMAND --help` says what each takes. `tools/fetch_faces` brings networks and photographs.";

pub(super) const FACES_ALIGN: &str = "\
Examples:
  lots faces align photo.jpg --detector fr_detect.onnx --landmarks fr_landmark.onnx
  lots faces align portraits holiday/ --detector fr_detect.onnx --landmarks fr_landmark.onnx --out aligned

The detector is a network with the outputs `scores` and `boxes`, its pixels (RGB - 127) / 128; the landmark network reads
68 points in grey pixels / 256; what their files say of pixels goes before. Each face is turned, scaled and shifted, by
least squares, so that its eyes, nose and mouth are where networks of the ArcFace family expect them in 112×112 pixels.
faces.jsonl has a row for each face: where it is, its score and points, and `placement` a, b, right, down: the pixel
(x, y) of the photograph is at (a x - b y + right, b x + a y + down) in the aligned face.
A photograph without a face, or that cannot be read, has a row that says so. Exit codes: 0, or 1 if no face was found.";

pub(super) const FACES_PASTE: &str = "\
Examples:
  lots faces paste fr_feature.onnx biden.jpg report/images/biden_obama_toward_Add_90.png --mean 127 --std 128 \\
    --face aligned/biden/biden-0.png --target aligned/obama/obama-0.png --threshold 0.43 \\
    --detector fr_detect.onnx --landmarks fr_landmark.onnx --out pasted.png

The perturbation, not the perturbed face, is added to the photograph, so that pixels that were not perturbed keep their
values. Then the photograph goes the whole way again: it is detected, aligned and compared with the target.
Exit codes: 0 the similarity is above the threshold (or none was given), 1 it is not or no face is found, 2 error.";

pub(super) const FACES_REPORT: &str = "\
Examples:
  lots faces report fr_feature.onnx aligned orl --mean 127 --std 128 --resize 112 --crop 112 \\
    --layer Add_32 --layer Add_73 --layer Reshape_95 --identities 12 --out report
  lots faces report vgg-face --weights VGG_FACE.caffemodel aligned --resize 224x224 --feature fc7 --layer fc6 --layer fc7

FACES are folders with a folder for each identity, of aligned faces. All pairs of images give AUC, equal error rate and the
threshold of the cosine similarity at the false-accept rate; then an image of each identity is moved toward one of each
other until its similarity at the feature layer is above the threshold. Pairs that are above it before are counted as accepted
before, and nothing is tried on them. run.json and report.html have what came of it, attempts.jsonl a row an attempt,
images/ the perturbed faces.
Exit codes: 0, 1 nobody becomes anybody, 2 error.";

pub(super) const INFIMNIST: &str = "\
Examples:
  lots infimnist 70000..71000 --mnist data/mnist --out digits.npy
  lots infimnist 10000..2010000 --mnist data/mnist --out big-images-idx3-ubyte.gz
  lots infimnist 70000..70100 --mnist data/mnist --out digits/ --page digits.png

The same indices and seed give the same bytes. Without --infimnist-data the displacement fields are
made here, so the digits differ from those of the original program, though their indices mean the
same training digits and shifts.";

pub(super) const TABLE1: &str = "\
Examples:
  lots fetch mnist && lots table1 --mnist data/mnist --plan
  lots table1 --mnist data/mnist --scale 0.01 --out small
  lots table1 --mnist data/mnist --seed 1 --seed 2 --seed 3

Ctrl-C, or anything else that ends it, loses a few seconds: the same command goes on and ends with
the same bytes. The folder may be moved to another machine in between. Its report.html and report.md
have the results beside the paper's.";

pub(super) const FETCH: &str = "\
Examples:
  lots fetch mnist
  lots fetch mnist --out /tmp/mnist

Files that are there and whole are kept; each is checked by its SHA-256.";
