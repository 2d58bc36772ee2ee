//! The rules beside the Standard as `policy::rules` judges by them, held against the cases of this folder and
//! against generated pods. Judges values only; serves nothing.

mod bounds;
mod cases;
mod properties;
mod table;
