//! Files that outlive the process: persist, register, save.

mod batches;
mod blocking_save;
mod both_forms;
mod contention;
mod directories;
mod files;
mod keeping;
mod packs;
mod persist;
mod persisted;
mod register;
mod register_all;
mod shared_items;
mod sources;
