//! Networks that are built in: their graphs, with freshly drawn weights.

mod lenet;
