//! Runs contenders against each other and makes rows of what they say.

pub mod child;
pub mod compare;
pub mod heap;
pub mod io;
pub mod machine;
pub mod memory;
pub mod place;
pub mod plan;
pub mod progress;
pub mod row;
pub mod run;
pub mod seed;
pub mod size;
pub mod stats;
pub mod threads;
