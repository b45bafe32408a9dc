//! What Parquet's structures hold, by the numbers of their fields.
//!
//! # Source  `parquet.thrift` of github.com/apache/parquet-format

/// What a field is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Truth,
    Byte,
    /// A whole number of any size, or one of a list of names.
    Number,
    /// A text or other bytes.
    Bytes,
    List(&'static Kind),
    Structure(Shape),
}

/// The fields of a structure; others are of no interest.
pub(super) type Shape = &'static [(u64, Kind)];

use Kind::{Byte, Bytes, List, Number, Structure, Truth};

const EMPTY: Kind = Structure(&[]);
const NUMBERS: Kind = List(&Number);

const STATISTICS: Kind = Structure(&[
    (1, Bytes),
    (2, Bytes),
    (3, Number),
    (4, Number),
    (5, Bytes),
    (6, Bytes),
    (7, Truth),
    (8, Truth),
    (9, Number),
]);

/// The header of a page.
pub(super) const PAGE: Shape = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Structure(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, STATISTICS)])),
    (6, EMPTY),
    (7, Structure(&[(1, Number), (2, Number), (3, Truth)])),
    (8, DATA_2),
];

const DATA_2: Kind = Structure(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Truth),
    (8, STATISTICS),
]);

/// The list of contents of a file.
pub(super) const FILE: Shape = &[
    (1, Number),
    (2, List(&ELEMENT)),
    (3, Number),
    (4, List(&GROUP)),
    (5, List(&PAIR)),
    (6, Bytes),
    (7, List(&Structure(&[(1, EMPTY), (2, EMPTY)]))),
    (8, CIPHER),
    (9, Bytes),
];

const PAIR: Kind = Structure(&[(1, Bytes), (2, Bytes)]);

const CIPHER: Kind = Structure(&[
    (1, Structure(&[(1, Bytes), (2, Bytes), (3, Truth)])),
    (2, Structure(&[(1, Bytes), (2, Bytes), (3, Truth)])),
]);

const ELEMENT: Kind = Structure(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, TYPE),
]);

const TIME: Kind = Structure(&[(1, Truth), (2, Structure(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))]);

const TYPE: Kind = Structure(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Structure(&[(1, Number), (2, Number)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Structure(&[(1, Byte), (2, Truth)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Structure(&[(1, Byte)])),
    (17, Structure(&[(1, Bytes)])),
    (18, Structure(&[(1, Bytes), (2, Number)])),
]);

const GROUP: Kind = Structure(&[
    (1, List(&CHUNK)),
    (2, Number),
    (3, Number),
    (4, List(&Structure(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
]);

const CHUNK: Kind = Structure(&[
    (1, Bytes),
    (2, Number),
    (3, COLUMN),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Structure(&[(1, EMPTY), (2, Structure(&[(1, List(&Bytes)), (2, Bytes)]))])),
    (9, Bytes),
]);

const COLUMN: Kind = Structure(&[
    (1, Number),
    (2, NUMBERS),
    (3, List(&Bytes)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&PAIR)),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, STATISTICS),
    (13, List(&Structure(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (16, Structure(&[(1, Number), (2, NUMBERS), (3, NUMBERS)])),
    (17, Structure(&[(2, NUMBERS)])),
]);
