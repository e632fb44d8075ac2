//! The words of the tour, for someone who has never looked inside a network.

pub(super) const TITLE: &str = "A look inside a network";

pub(super) const LEAD: &str = "A small network reads handwritten digits. These pages show what its layers see, and how \
    little it takes to make it read something else. Everything here was computed a moment ago, on your machine.";

pub(super) const NETWORK: &str = "The network is LeNet: two layers of filters that slide over the picture (`conv1`, \
    `conv2`) and two layers in which everything is connected with everything (`ip1`, `ip2`). The last one gives a number \
    for each digit from 0 to 9, and the largest is what the network reads. The number behind a layer's name is \
    its position: layers with weights, counted from the picture upward.";

pub(super) const SEE: &str = "What a layer computes for a picture is the picture's representation at that layer. It can \
    be carried back to the pixels: every pixel is told how much it contributes. Adding that to the picture magnifies what \
    the layer sees, taking it away reduces it.";

pub(super) const SEE_HOW: &str = "The first two pictures are pushed so far that a pixel has moved by 128 of 255 grey \
    levels: the strokes that the lower layers respond to stand out, and the digit stays a \
    4. In the last two, just so much of what the upper layers see was taken away that the network no longer reads a 4. \
    The grey pictures below show what was added: brighter than grey is more, darker is less.";

pub(super) const STEER: &str = "Instead of more of its own, a picture can be given what another one has. At each layer, \
    the difference between what the network sees in the 9 and in the 4 is carried back to the pixels, and the smallest \
    step along it is taken after which the network reads a 9. This is layerwise origin-target synthesis, LOTS.";

pub(super) const STEER_HOW: &str = "All four are read as 9 now. The lower layers borrow whole strokes of the 9, \
    which takes larger changes; the upper ones only nudge what tells a 9 from a 4. PASS says how similar the picture \
    still looks to people: 1 means the same.";

pub(super) const COMPARE: &str = "Other methods need no second picture. They differ from LOTS only in the direction in \
    which the pixels move; the search for the smallest step and the measures are the same for all. Each was tried on the \
    same test digits.";

pub(super) const COMPARE_HOW: &str = "`toward` is LOTS at one layer, with a digit of each other class as target; \
    `magnify` and `reduce` are the first figure until something else is read; `hot-cold` goes up with the number of one \
    class and down with that of the right one, once for each class; `fast-gradient-sign` and `fast-gradient-value` follow \
    the slope of the network's error, which is so flat for some digits that there is nothing to follow; `step-and-adjust` is LOTS in many small steps, \
    tried at one layer on the first five digits only, because it takes long. Reached is the share of attempts after which the network \
    reads something else. The values are means and standard deviations of what was reached.";

pub(super) const NUMBERS: &str = "L2 is how much was changed in total, and L∞ the largest change of any pixel, both in \
    grey levels of 0 to 255: small is hard to see. PASS is how similar the two pictures look to people after small shifts \
    and turns are undone: 1 means the same. Many attempts reached means that the network is easy to fool.";

pub(super) const NUMBERS_HOW: &str = "Every number is measured on the 8-bit picture that is written to disk, not on one \
    with fractions that no file can hold.";

pub(super) const NEXT: &str = "The same with your own pictures and your own network, an ONNX file:";

pub(super) const COMMANDS: &str = "lots layers lenet
lots visualize lenet --origin 'digits[4]' --layer conv1 --magnify --linf 128
lots attack lenet --method toward --layer conv2 --origin 'digits[0..10]' --target digits:targets --out run
lots attack --help";
