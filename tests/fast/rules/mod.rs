//! The rules beside the Standard as `portcullis::rules` judges by them, held against the cases of this folder and
//! against generated pods. Judges values only; serves nothing.

mod bounds;
mod cases;
mod properties;
mod table;
